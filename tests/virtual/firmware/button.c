// The user button (PC13) by EXTI, both edges, and TIM7 every millisecond; PB14 follows the button.
#include "chip.h"
#include "device.h"

static volatile uint32_t edges, pressed_ms, milliseconds;

void on_exti_15_10(void) {
    EXTI->PR = 1u << 13;
    edges++;
    GPIOB->BSRR = GPIOC->IDR & 1u << 13 ? 1u << 14 : 1u << 30;
}

void on_tim7(void) {
    TIM7->SR = ~1u;
    milliseconds++;
    if (GPIOB->ODR & 1u << 14) {
        pressed_ms++;
    }
}

int main(void) {
    serial_start(4000000, 0, 9600, 0);
    RCC->AHB2ENR |= 1u << 2 | 1u << 1;
    RCC->APB2ENR |= 1;
    RCC->APB1ENR1 |= 1u << 5;
    set_bits(&GPIOC->MODER, 3u << 26, 0);
    set_bits(&GPIOB->MODER, 3u << 28, 1u << 28);
    set_bits(&SYSCFG->EXTICR[3], 15u << 4, 2u << 4);
    EXTI->RTSR |= 1u << 13;
    EXTI->FTSR |= 1u << 13;
    EXTI->IMR |= 1u << 13;
    TIM7->PSC = 4 - 1;
    TIM7->ARR = 1000 - 1;
    TIM7->EGR = 1;
    TIM7->SR = 0;
    TIM7->DIER = 1;
    TIM7->CR1 = 1;
    irq_on(40, 3);
    irq_on(55, 2);
    while (edges < 2) {
        __asm volatile("wfi");
    }
    TIM7->CR1 = 0;
    print_hex(edges);
    print_hex(pressed_ms);
    return 0;
}
