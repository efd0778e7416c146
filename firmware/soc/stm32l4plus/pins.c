#include "registers.h"
#include "soc/soc.h"

// As the reference firmware for the NUCLEO-L4R5ZI has them: PF13 (D7), PE9 and PB8.
static const struct {
    uint32_t port, pin;
    bool open_drain, idle;
} pins[] = {
    [SOC_PIN_TIMESTAMP] = {5, 13, true, true},
    [SOC_PIN_PROCESSING] = {4, 9, false, false},
    [SOC_PIN_DETECTED] = {1, 8, false, true},
};

void soc_pins_initialize(void) {
    for (uint32_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        uint32_t port = pins[i].port, pin = pins[i].pin;
        RCC_AHB2ENR |= RCC_AHB2ENR_GPIO(port);
        (void)RCC_AHB2ENR;
        soc_pin_write((SocPin)i, pins[i].idle);
        GPIO_OTYPER(port) |= (pins[i].open_drain ? 1u : 0u) << pin;
        GPIO_MODER(port) = (GPIO_MODER(port) & ~(3u << (2u * pin))) | 1u << (2u * pin);
    }
}

void soc_pin_write(SocPin pin, bool high) {
    GPIO_BSRR(pins[pin].port) = 1u << (pins[pin].pin + (high ? 0u : 16u));
}

void soc_pin_pulse_low(SocPin pin) {
    soc_pin_write(pin, false);
    uint32_t start = soc_microseconds();
    while (soc_microseconds() - start < 2u) {
    }
    soc_pin_write(pin, true);
}
