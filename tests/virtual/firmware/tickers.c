// Timekeeping in the manner of a portable operating system: a free-running microsecond ticker on TIM5 whose compare
// interrupt is the next event, a low-power ticker on LPTIM1 from LSE, a calendar from the same crystal.
#include "chip.h"
#include "device.h"

static volatile uint32_t fired, low_power_fired;

void on_tim5(void) {
    TIM5->SR = ~2u;
    TIM5->DIER &= ~2u;
    fired = TIM5->CNT;
}

void on_lptim1(void) {
    LPTIM1->ICR = 1;
    low_power_fired = TIM5->CNT;
}

static void tickers_start(void) {
    RCC->APB1ENR1 |= 1u << 3 | 1u << 31 | 1u << 28 | 1u << 10;
    PWR->CR1 |= 1u << 8;
    RCC->BDCR |= 1;
    while (!(RCC->BDCR & 2)) {
    }
    set_bits(&RCC->BDCR, 3u << 8, 1u << 8 | 1u << 15);
    set_bits(&RCC->CCIPR, 3u << 18, 3u << 18);
    TIM5->ARR = 0xFFFFFFFF;
    TIM5->PSC = 120 - 1;
    TIM5->EGR = 1;
    TIM5->CR1 = 1;
    LPTIM1->CFGR = 0;
    LPTIM1->IER = 1;
    LPTIM1->CR = 1;
    LPTIM1->ARR = 0xFFFF;
    while (!(LPTIM1->ISR & 1u << 4)) {
    }
    LPTIM1->CR = 1 | 4;
    irq_on(50, 0);
    irq_on(65, 0);
}

int main(void) {
    clock_120_mhz(1);
    serial_start(120000000, 0, 921600, 0);
    tickers_start();
    uint32_t start = TIM5->CNT;
    TIM5->CCR[0] = start + 1500;
    TIM5->SR = ~2u;
    TIM5->DIER |= 2;
    while (!fired) {
        __asm volatile("wfi");
    }
    print_hex(fired - start);
    uint32_t now = LPTIM1->CNT;
    start = TIM5->CNT;
    LPTIM1->ICR = 1u << 3;
    LPTIM1->CMP = now + 328;
    while (!(LPTIM1->ISR & 1u << 3)) {
    }
    while (!low_power_fired) {
        __asm volatile("wfi");
    }
    print_hex(low_power_fired - start);
    REG(0x40002824) = 0xCA;
    REG(0x40002824) = 0x53;
    REG(0x4000280C) |= 1u << 7;
    while (!(REG(0x4000280C) & 1u << 6)) {
    }
    REG(0x40002804) = 0x0024F229; // 2024-12-29, a Sunday
    REG(0x40002800) = 0x00235958;
    REG(0x4000280C) &= ~(1u << 7);
    REG(0x40002824) = 0xFF;
    REG(0x40002850) = 0xBACC0000; // a backup register
    LPTIM1->CR = 0;
    fired = 0;
    TIM5->CCR[0] = TIM5->CNT + 3000100;
    TIM5->SR = ~2u;
    TIM5->DIER |= 2;
    while (!fired) {
        __asm volatile("wfi");
    }
    print_hex(REG(0x40002800));
    print_hex(REG(0x40002804) & 0xFFFF1FFF);
    print_hex(REG(0x40002850));
    return 0;
}
