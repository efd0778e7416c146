#include "serial.h"

#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "registers.h"
#include "soc/soc.h"

#define TX_PIN 7u // PG7
#define RX_PIN 8u // PG8
#define ALTERNATE_FUNCTION 8u

// More than the 64 bytes the protocol allows to be outstanding, and more than a whole command.
#define RECEIVE_SIZE 256u

static volatile uint8_t receive_buffer[RECEIVE_SIZE];
static volatile uint32_t received, consumed; // free-running; their difference is the fill level

static void initialize_pins(void) {
    RCC_AHB2ENR |= RCC_AHB2ENR_GPIOG;
    (void)RCC_AHB2ENR;
    PWR_CR2 |= PWR_CR2_IOSV;
    GPIOG_AFRL = (GPIOG_AFRL & ~(15u << (4u * TX_PIN))) | ALTERNATE_FUNCTION << (4u * TX_PIN);
    GPIOG_AFRH = (GPIOG_AFRH & ~(15u << (4u * (RX_PIN - 8u)))) | ALTERNATE_FUNCTION << (4u * (RX_PIN - 8u));
    GPIOG_OSPEEDR |= 1u << (2u * TX_PIN);
    GPIOG_PUPDR = (GPIOG_PUPDR & ~(3u << (2u * RX_PIN))) | 1u << (2u * RX_PIN); // an open line reads idle
    uint32_t mode = GPIOG_MODER & ~(3u << (2u * TX_PIN)) & ~(3u << (2u * RX_PIN));
    GPIOG_MODER = mode | 2u << (2u * TX_PIN) | 2u << (2u * RX_PIN);
}

void soc_serial_initialize(uint32_t baud) {
    initialize_pins();
    RCC_APB1ENR2 |= RCC_APB1ENR2_LPUART1;
    RCC_CCIPR = (RCC_CCIPR & ~RCC_CCIPR_LPUART1SEL_MASK) | RCC_CCIPR_LPUART1SEL_HSI16;
    LPUART1_CR1 = 0;
    LPUART1_BRR = (uint32_t)((256ull * HSI16_HZ + baud / 2u) / baud); // RM0432, LPUART baud rate generation
    LPUART1_CR1 = LPUART1_CR1_FIFOEN;
    LPUART1_CR1 = LPUART1_CR1_FIFOEN | LPUART1_CR1_TE | LPUART1_CR1_RE | LPUART1_CR1_RXNEIE | LPUART1_CR1_UE;
    NVIC_ISER(LPUART1_IRQ) = 1u << (LPUART1_IRQ % 32u);
}

void lpuart1_handler(void) {
    uint32_t status;
    while ((status = LPUART1_ISR) & (LPUART1_ISR_RXNE | LPUART1_ISR_ORE)) {
        if (status & LPUART1_ISR_ORE) {
            LPUART1_ICR = LPUART1_ICR_ERRORS;
        }
        if (status & LPUART1_ISR_RXNE) {
            uint8_t byte = (uint8_t)LPUART1_RDR;
            if (received - consumed < RECEIVE_SIZE) {
                receive_buffer[received % RECEIVE_SIZE] = byte;
                received++;
            }
        }
    }
}

char soc_serial_read(void) {
    // With interrupts masked, WFI still wakes on a pending one: a byte that arrives between test and sleep is not
    // missed.
    __asm volatile("cpsid i" ::: "memory");
    while (received == consumed) {
        __asm volatile("wfi\n cpsie i\n isb\n cpsid i" ::: "memory");
    }
    __asm volatile("cpsie i" ::: "memory");
    uint8_t byte = receive_buffer[consumed % RECEIVE_SIZE];
    consumed++;
    return (char)byte;
}

void soc_serial_write(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (!(LPUART1_ISR & LPUART1_ISR_TXE)) {
        }
        LPUART1_TDR = (uint8_t)bytes[i];
    }
}
