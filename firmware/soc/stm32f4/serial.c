#include "serial.h"

#include <stddef.h>
#include <stdint.h>

#include "registers.h"
#include "soc/cortex_m/receive_queue.h"
#include "soc/soc.h"
#include "soc/stm32/gpio.h"

#ifndef SOC_SERIAL_USART2
#error "board.toml: serial must be usart2"
#endif

void soc_serial_initialize(uint32_t baud) {
    gpio_connect_serial();
    RCC_APB1ENR |= RCC_APB1ENR_USART2;
    (void)RCC_APB1ENR;
    USART2_BRR = (PCLK1_HZ + baud / 2u) / baud; // RM0390, 16 samples a bit
    USART2_CR1 = USART2_CR1_TE | USART2_CR1_RE | USART2_CR1_RXNEIE | USART2_CR1_UE;
    NVIC_ISER(USART2_IRQ) = 1u << (USART2_IRQ % 32u);
}

// Reading SR, then DR, clears an overrun.
void serial_handler(void) {
    uint32_t status;
    while ((status = USART2_SR) & (USART2_SR_RXNE | USART2_SR_ORE)) {
        uint8_t byte = (uint8_t)USART2_DR;
        if (status & USART2_SR_RXNE) {
            receive_queue_put(byte);
        }
    }
}

void soc_serial_write(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (!(USART2_SR & USART2_SR_TXE)) {
        }
        USART2_DR = (uint8_t)bytes[i];
    }
}
