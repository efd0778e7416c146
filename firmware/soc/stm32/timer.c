#include "registers.h" // the family's: TIM2_CLOCKS, TIM2_HZ
#include "soc/soc.h"

// TIM2, which all STM32 families have, at the same address (RM0432, RM0390, RM0410: TIM2).
#define TIM2_CR1 REGISTER(0x40000000u)
#define TIM2_CR1_CEN (1u << 0)
#define TIM2_EGR REGISTER(0x40000014u)
#define TIM2_EGR_UG (1u << 0)
#define TIM2_CNT REGISTER(0x40000024u)
#define TIM2_PSC REGISTER(0x40000028u)
#define TIM2_ARR REGISTER(0x4000002Cu)
#define TIM2_CLOCK_BIT (1u << 0)

_Static_assert(TIM2_HZ % 1000000u == 0, "the timer's clock is not a multiple of 1 MHz");

void soc_timer_initialize(void) {
    TIM2_CLOCKS |= TIM2_CLOCK_BIT;
    (void)TIM2_CLOCKS;
    TIM2_PSC = TIM2_HZ / 1000000u - 1u;
    TIM2_ARR = 0xFFFFFFFFu;
    TIM2_EGR = TIM2_EGR_UG; // load the prescaler
    TIM2_CR1 = TIM2_CR1_CEN;
}

uint32_t soc_microseconds(void) {
    return TIM2_CNT;
}
