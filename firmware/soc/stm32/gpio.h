// Pins of STM32 chips: registers that all families have at the same offsets (RM0432, RM0390, RM0410: GPIO).
#ifndef FIRMBENCH_STM32_GPIO_H
#define FIRMBENCH_STM32_GPIO_H

#include <stdbool.h>
#include <stdint.h>

#include "board_config.h"
#include "registers.h" // the family's: GPIO_BASE, GPIO_CLOCKS

#define GPIO(port, offset) REGISTER(GPIO_BASE + 0x400u * (port) + (offset)) // port 0 is A
#define GPIO_MODER(port) GPIO(port, 0x00u)
#define GPIO_OTYPER(port) GPIO(port, 0x04u)
#define GPIO_OSPEEDR(port) GPIO(port, 0x08u)
#define GPIO_PUPDR(port) GPIO(port, 0x0Cu)
#define GPIO_BSRR(port) GPIO(port, 0x18u) // high half: reset
#define GPIO_AFR(port, pin) GPIO(port, 0x20u + 4u * ((pin) / 8u))

#define GPIO_OUTPUT 1u
#define GPIO_ALTERNATE 2u

// A clock-enable bit takes effect two bus cycles after the write; reading back waits longer.
static inline void gpio_enable(uint32_t port) {
    GPIO_CLOCKS |= 1u << port;
    (void)GPIO_CLOCKS;
}

static inline void gpio_set_mode(uint32_t port, uint32_t pin, uint32_t mode) {
    GPIO_MODER(port) = (GPIO_MODER(port) & ~(3u << (2u * pin))) | mode << (2u * pin);
}

static inline void gpio_write(uint32_t port, uint32_t pin, bool high) {
    GPIO_BSRR(port) = 1u << (pin + (high ? 0u : 16u));
}

static inline void gpio_make_output(uint32_t port, uint32_t pin, bool open_drain, bool high) {
    gpio_enable(port);
    gpio_write(port, pin, high);
    GPIO_OTYPER(port) |= (open_drain ? 1u : 0u) << pin;
    gpio_set_mode(port, pin, GPIO_OUTPUT);
}

static inline void gpio_pull_up(uint32_t port, uint32_t pin) {
    GPIO_PUPDR(port) = (GPIO_PUPDR(port) & ~(3u << (2u * pin))) | 1u << (2u * pin);
}

// Give the pin to a peripheral.
static inline void gpio_connect(uint32_t port, uint32_t pin, uint32_t function) {
    gpio_enable(port);
    uint32_t shift = 4u * (pin % 8u);
    GPIO_AFR(port, pin) = (GPIO_AFR(port, pin) & ~(15u << shift)) | function << shift;
    gpio_set_mode(port, pin, GPIO_ALTERNATE);
}

static inline void gpio_connect_serial(void) {
    gpio_connect(SOC_SERIAL_TX_PORT, SOC_SERIAL_TX_PIN, SOC_SERIAL_FUNCTION);
    gpio_connect(SOC_SERIAL_RX_PORT, SOC_SERIAL_RX_PIN, SOC_SERIAL_FUNCTION);
    gpio_pull_up(SOC_SERIAL_RX_PORT, SOC_SERIAL_RX_PIN); // an open line reads idle
}

#endif
