#include "serial.h"

#include <stddef.h>
#include <stdint.h>

#include "board_config.h"
#include "registers.h"
#include "soc/cortex_m/receive_queue.h"
#include "soc/soc.h"

void soc_serial_initialize(uint32_t baud) {
    uint32_t divider = (SOC_SYSCLK_HZ + baud / 2u) / baud;
    UART0_BAUDDIV = divider < UART_BAUDDIV_LEAST ? UART_BAUDDIV_LEAST : divider;
    UART0_CTRL = UART_CTRL_TX_ENABLE | UART_CTRL_RX_ENABLE | UART_CTRL_RX_INTERRUPT;
    NVIC_ISER(UART0_RX_IRQ) = 1u << (UART0_RX_IRQ % 32u);
}

void uart0_receive_handler(void) {
    UART0_INTCLEAR = UART_INT_RX;
    while (UART0_STATE & UART_STATE_RX_FULL) {
        receive_queue_put((uint8_t)UART0_DATA);
    }
}

void soc_serial_write(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (UART0_STATE & UART_STATE_TX_FULL) {
        }
        UART0_DATA = (uint8_t)bytes[i];
    }
}
