#include "board_config.h"
#include "gpio.h"
#include "soc/soc.h"

typedef struct {
    uint32_t port, pin;
    bool open_drain, idle;
} Line;

static const Line lines[] = {
    [SOC_PIN_TIMESTAMP] = {SOC_TIMESTAMP_PORT, SOC_TIMESTAMP_PIN, true, true},
#ifdef SOC_PROCESSING_PIN
    [SOC_PIN_PROCESSING] = {SOC_PROCESSING_PORT, SOC_PROCESSING_PIN, false, false},
    [SOC_PIN_DETECTED] = {SOC_DETECTED_PORT, SOC_DETECTED_PIN, false, true},
#endif
};

// A power monitor that samples the pin a thousand times a second must see it low.
#define HOLD_TURNS (SOC_SYSCLK_HZ / 1000u / FEWEST_LOOP_CYCLES)

static void initialize(const Line *line) {
    gpio_make_output(line->port, line->pin, line->open_drain, line->idle);
}

void soc_timestamp_pin_initialize(void) {
    initialize(&lines[SOC_PIN_TIMESTAMP]);
}

void soc_timestamp_pulse(void) {
    soc_pin_write(SOC_PIN_TIMESTAMP, false);
    for (uint32_t turns = HOLD_TURNS; turns > 0; turns--)
        __asm volatile("nop");
    soc_pin_write(SOC_PIN_TIMESTAMP, true);
}

void soc_pins_initialize(void) {
    for (uint32_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        initialize(&lines[i]);
}

void soc_pin_write(SocPin pin, bool high) {
    gpio_write(lines[pin].port, lines[pin].pin, high);
}

void soc_pin_pulse(SocPin pin) {
    soc_pin_write(pin, !lines[pin].idle);
    uint32_t start = soc_microseconds();
    while (soc_microseconds() - start < 2u) {
    }
    soc_pin_write(pin, lines[pin].idle);
}
