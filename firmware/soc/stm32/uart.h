// The UART of newer STM32 families, L4 and F7 among them (RM0432, RM0410). Of the family: UART(offset).
#ifndef FIRMBENCH_STM32_UART_H
#define FIRMBENCH_STM32_UART_H

#include <stddef.h>
#include <stdint.h>

#include "registers.h"
#include "soc/cortex_m/receive_queue.h"

#define UART_CR1 UART(0x00u)
#define UART_CR1_UE (1u << 0)
#define UART_CR1_RE (1u << 2)
#define UART_CR1_TE (1u << 3)
#define UART_CR1_RXNEIE (1u << 5)
#define UART_BRR UART(0x0Cu)
#define UART_ISR UART(0x1Cu)
#define UART_ISR_ORE (1u << 3)
#define UART_ISR_RXNE (1u << 5)
#define UART_ISR_TXE (1u << 7)
#define UART_ICR UART(0x20u)
#define UART_ICR_ERRORS 0xFu // parity, framing, noise, overrun
#define UART_RDR UART(0x24u)
#define UART_TDR UART(0x28u)

// 8N1, received bytes by interrupt. `division`: of its clock; `options`: more bits of CR1.
static inline void uart_start(uint32_t division, uint32_t options) {
    UART_CR1 = 0;
    UART_BRR = division;
    UART_CR1 = options;
    UART_CR1 = options | UART_CR1_TE | UART_CR1_RE | UART_CR1_RXNEIE | UART_CR1_UE;
}

static inline void uart_receive(void) {
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

static inline void uart_send(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (!(UART_ISR & UART_ISR_TXE)) {
        }
        UART_TDR = (uint8_t)bytes[i];
    }
}

#endif
