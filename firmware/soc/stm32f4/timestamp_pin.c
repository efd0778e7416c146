#include <stdint.h>

#include "board_config.h"
#include "registers.h"
#include "soc/soc.h"

#define PORT SOC_TIMESTAMP_PORT
#define PIN SOC_TIMESTAMP_PIN

// A power monitor that samples the pin a thousand times a second must see it low. A turn of the loop takes at least
// three cycles.
#define HOLD_TURNS (SOC_SYSCLK_HZ / 1000u / 3u)

void soc_timestamp_pin_initialize(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO(PORT);
    (void)RCC_AHB1ENR;
    GPIO_BSRR(PORT) = 1u << PIN;
    GPIO_OTYPER(PORT) |= 1u << PIN;
    GPIO_MODER(PORT) = (GPIO_MODER(PORT) & ~(3u << (2u * PIN))) | 1u << (2u * PIN);
}

void soc_timestamp_pulse(void) {
    GPIO_BSRR(PORT) = 1u << (PIN + 16u);
    for (uint32_t turns = HOLD_TURNS; turns > 0; turns--)
        __asm volatile("nop");
    GPIO_BSRR(PORT) = 1u << PIN;
}
