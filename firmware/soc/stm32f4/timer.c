#include "board_config.h"
#include "registers.h"
#include "soc/soc.h"

_Static_assert(TIMER1_HZ % 1000000u == 0, "the timer's clock is not a multiple of 1 MHz");

void soc_timer_initialize(void) {
    RCC_APB1ENR |= RCC_APB1ENR_TIM2;
    (void)RCC_APB1ENR;
    TIM2_PSC = TIMER1_HZ / 1000000u - 1u;
    TIM2_ARR = 0xFFFFFFFFu;
    TIM2_EGR = TIM2_EGR_UG; // load the prescaler
    TIM2_CR1 = TIM2_CR1_CEN;
}

uint32_t soc_microseconds(void) {
    return TIM2_CNT;
}
