#include "serial.h"

#include "soc/soc.h"
#include "soc/stm32/gpio.h"
#include "soc/stm32/uart.h"

#ifndef SOC_SERIAL_USART3
#error "board.toml: serial must be usart3"
#endif

void soc_serial_initialize(uint32_t baud) {
    gpio_connect_serial();
    RCC_APB1ENR |= RCC_APB1ENR_USART3;
    (void)RCC_APB1ENR;
    uart_start((PCLK1_HZ + baud / 2u) / baud, 0);
    NVIC_ISER(USART3_IRQ) = 1u << (USART3_IRQ % 32u);
}

void serial_handler(void) {
    uart_receive();
}

void soc_serial_write(const char *bytes, size_t count) {
    uart_send(bytes, count);
}
