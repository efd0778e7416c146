#include "serial.h"

#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "registers.h"
#include "soc/cortex_m/receive_queue.h"
#include "soc/soc.h"

static void connect(uint32_t port, uint32_t pin) {
    RCC_AHB2ENR |= RCC_AHB2ENR_GPIO(port);
    (void)RCC_AHB2ENR;
    if (port == PORT_G) {
        PWR_CR2 |= PWR_CR2_IOSV;
    }
    uint32_t field = 4u * (pin % 8u);
    GPIO_AFR(port, pin) = (GPIO_AFR(port, pin) & ~(15u << field)) | SOC_SERIAL_FUNCTION << field;
    GPIO_MODER(port) = (GPIO_MODER(port) & ~(3u << (2u * pin))) | 2u << (2u * pin);
}

static void initialize_pins(void) {
    connect(SOC_SERIAL_TX_PORT, SOC_SERIAL_TX_PIN);
    connect(SOC_SERIAL_RX_PORT, SOC_SERIAL_RX_PIN);
    GPIO_OSPEEDR(SOC_SERIAL_TX_PORT) |= 1u << (2u * SOC_SERIAL_TX_PIN);
    uint32_t pull = GPIO_PUPDR(SOC_SERIAL_RX_PORT) & ~(3u << (2u * SOC_SERIAL_RX_PIN));
    GPIO_PUPDR(SOC_SERIAL_RX_PORT) = pull | 1u << (2u * SOC_SERIAL_RX_PIN); // an open line reads idle
}

void soc_serial_initialize(uint32_t baud) {
    initialize_pins();
    UART_ENR |= 1u << UART_ENR_BIT;
    RCC_CCIPR = (RCC_CCIPR & ~RCC_CCIPR_SEL_MASK(UART_SEL)) | RCC_CCIPR_SEL_HSI16(UART_SEL);
    UART_CR1 = 0;
    UART_BRR = (uint32_t)((UART_DIVISION * HSI16_HZ + baud / 2u) / baud); // RM0432, baud rate generation
    UART_CR1 = UART_CR1_FIFOEN;
    UART_CR1 = UART_CR1_FIFOEN | UART_CR1_TE | UART_CR1_RE | UART_CR1_RXNEIE | UART_CR1_UE;
    NVIC_ISER(UART_IRQ) = 1u << (UART_IRQ % 32u);
}

void serial_handler(void) {
    uint32_t status;
    while ((status = UART_ISR) & (UART_ISR_RXNE | UART_ISR_ORE)) {
        if (status & UART_ISR_ORE) {
            UART_ICR = UART_ICR_ERRORS;
        }
        if (status & UART_ISR_RXNE) {
            receive_queue_put((uint8_t)UART_RDR);
        }
    }
}

void soc_serial_write(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (!(UART_ISR & UART_ISR_TXE)) {
        }
        UART_TDR = (uint8_t)bytes[i];
    }
}
