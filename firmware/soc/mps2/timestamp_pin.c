#include <stdint.h>

#include "board_config.h"
#include "registers.h"
#include "soc/soc.h"

#define HOLD_TURNS (SOC_SYSCLK_HZ / 1000u / 3u) // a turn of the loop takes at least three cycles

void soc_timestamp_pin_initialize(void) {
    GPIO_OUTENCLR(SOC_TIMESTAMP_PORT) = 1u << SOC_TIMESTAMP_PIN;
    GPIO_DATAOUT(SOC_TIMESTAMP_PORT) &= ~(1u << SOC_TIMESTAMP_PIN);
}

void soc_timestamp_pulse(void) {
    GPIO_OUTENSET(SOC_TIMESTAMP_PORT) = 1u << SOC_TIMESTAMP_PIN;
    for (uint32_t turns = HOLD_TURNS; turns > 0; turns--) {
        __asm volatile("nop");
    }
    GPIO_OUTENCLR(SOC_TIMESTAMP_PORT) = 1u << SOC_TIMESTAMP_PIN;
}
