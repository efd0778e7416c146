#include "serial.h"

#include "clock.h"
#include "registers.h"
#include "soc/soc.h"
#include "soc/stm32/gpio.h"
#include "soc/stm32/uart.h"

static void initialize_pins(void) {
#if SOC_SERIAL_TX_PORT == PORT_G || SOC_SERIAL_RX_PORT == PORT_G
    PWR_CR2 |= PWR_CR2_IOSV;
#endif
    gpio_connect_serial();
    GPIO_OSPEEDR(SOC_SERIAL_TX_PORT) |= 1u << (2u * SOC_SERIAL_TX_PIN);
}

void soc_serial_initialize(uint32_t baud) {
    initialize_pins();
    UART_ENR |= 1u << UART_ENR_BIT;
    RCC_CCIPR = (RCC_CCIPR & ~RCC_CCIPR_SEL_MASK(UART_SEL)) | RCC_CCIPR_SEL_HSI16(UART_SEL);
    // RM0432, baud rate generation
    uart_start((uint32_t)((UART_DIVISION * HSI16_HZ + baud / 2u) / baud), UART_CR1_FIFOEN);
    NVIC_ISER(UART_IRQ) = 1u << (UART_IRQ % 32u);
}

void serial_handler(void) {
    uart_receive();
}

void soc_serial_write(const char *bytes, size_t count) {
    uart_send(bytes, count);
}
