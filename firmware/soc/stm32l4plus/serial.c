#include "serial.h"

#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "registers.h"
#include "soc/cortex_m/receive_queue.h"
#include "soc/soc.h"

#define TX_PIN 7u // PG7
#define RX_PIN 8u // PG8
#define ALTERNATE_FUNCTION 8u

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
            receive_queue_put((uint8_t)LPUART1_RDR);
        }
    }
}

void soc_serial_write(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (!(LPUART1_ISR & LPUART1_ISR_TXE)) {
        }
        LPUART1_TDR = (uint8_t)bytes[i];
    }
}
