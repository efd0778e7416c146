#include "board_config.h"
#include "registers.h"
#include "soc/soc.h"

void soc_timer_initialize(void) {
    RCC_APB1ENR1 |= RCC_APB1ENR1_TIM2;
    (void)RCC_APB1ENR1;
    TIM2_PSC = SOC_SYSCLK_HZ / 1000000u - 1u; // the APB1 prescaler is 1, so the timer runs at SYSCLK
    TIM2_ARR = 0xFFFFFFFFu;
    TIM2_EGR = TIM2_EGR_UG; // load the prescaler
    TIM2_CR1 = TIM2_CR1_CEN;
}

uint32_t soc_microseconds(void) {
    return TIM2_CNT;
}
