// The clock tree of STM32F4 and F7, which have it at the same addresses, up to the over-drive mode (RM0390, RM0410).
#ifndef FIRMBENCH_STM32_OVERDRIVE_H
#define FIRMBENCH_STM32_OVERDRIVE_H

#include "board_config.h"
#include "soc/cortex_m/registers.h"

#define HSI_HZ 16000000u
#define APB1_DIVIDER 4u
#define PCLK1_HZ (SOC_SYSCLK_HZ / APB1_DIVIDER)

#define RCC_CR REGISTER(0x40023800u)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_PLLCFGR REGISTER(0x40023804u)
#define RCC_PLLCFGR_M(divider) (divider)
#define RCC_PLLCFGR_N(multiplier) ((multiplier) << 6)
#define RCC_PLLCFGR_P_DIV2 (0u << 16)
#define RCC_PLLCFGR_Q(divider) ((divider) << 24)
#define RCC_PLLCFGR_R(divider) ((divider) << 28)
#define RCC_CFGR REGISTER(0x40023808u)
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS_MASK (3u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_CFGR_PPRE1_DIV4 (5u << 10)
#define RCC_CFGR_PPRE2_DIV2 (4u << 13)
#define RCC_AHB1ENR REGISTER(0x40023830u)
#define RCC_APB1ENR REGISTER(0x40023840u)
#define RCC_APB1ENR_PWR (1u << 28)

#define PWR_CR REGISTER(0x40007000u) // CR1 of the F7
#define PWR_CR_VOS_SCALE1 (3u << 14)
#define PWR_CR_ODEN (1u << 16)
#define PWR_CR_ODSWEN (1u << 17)
#define PWR_CSR REGISTER(0x40007004u)
#define PWR_CSR_ODRDY (1u << 16)
#define PWR_CSR_ODSWRDY (1u << 17)

#define FLASH_ACR REGISTER(0x40023C00u)
#define FLASH_ACR_LATENCY_MASK 15u
#define FLASH_ACR_PRFTEN (1u << 8)

#define GPIO_BASE 0x40020000u
#define GPIO_CLOCKS RCC_AHB1ENR
#define TIM2_CLOCKS RCC_APB1ENR
#define TIM2_HZ (2u * PCLK1_HZ) // of APB1's timers, as its divider is not 1

#define PLL_M 8u
#define PLL_N (SOC_SYSCLK_HZ / (HSI_HZ / PLL_M) * 2u) // VCO = HSI / M * N, SYSCLK = VCO / 2
#define PLL_UNUSED 8u                                 // dividers for peripherals that this firmware does not use

_Static_assert(HSI_HZ / PLL_M * PLL_N / 2u == SOC_SYSCLK_HZ, "SYSCLK is not a multiple of 1 MHz");
_Static_assert(SOC_FLASH_WAIT_STATES >= (SOC_SYSCLK_HZ - 1u) / 30000000u, "one wait state per started 30 MHz");

static inline void wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value) {
    while ((*reg & mask) != value) {
    }
}

// SYSCLK and HCLK from the HSI through the PLL with over-drive, PCLK1 a quarter, PCLK2 half of it. `flash`: what
// FLASH_ACR gets besides the wait states. Order: "Entering Over-drive mode" in either manual.
static inline void clock_enter_overdrive(uint32_t flash) {
    RCC_APB1ENR |= RCC_APB1ENR_PWR;
    (void)RCC_APB1ENR;
    PWR_CR |= PWR_CR_VOS_SCALE1;
    RCC_PLLCFGR = RCC_PLLCFGR_M(PLL_M) | RCC_PLLCFGR_N(PLL_N) | RCC_PLLCFGR_P_DIV2 | RCC_PLLCFGR_Q(PLL_UNUSED) |
                  RCC_PLLCFGR_R(2u);
    RCC_CR |= RCC_CR_PLLON;
    PWR_CR |= PWR_CR_ODEN;
    wait_for(&PWR_CSR, PWR_CSR_ODRDY, PWR_CSR_ODRDY);
    PWR_CR |= PWR_CR_ODSWEN;
    wait_for(&PWR_CSR, PWR_CSR_ODSWRDY, PWR_CSR_ODSWRDY);
    FLASH_ACR = flash | (SOC_FLASH_PREFETCH ? FLASH_ACR_PRFTEN : 0u) | SOC_FLASH_WAIT_STATES;
    wait_for(&FLASH_ACR, FLASH_ACR_LATENCY_MASK, SOC_FLASH_WAIT_STATES);
    wait_for(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY);
    RCC_CFGR = RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2;
    RCC_CFGR |= RCC_CFGR_SW_PLL;
    wait_for(&RCC_CFGR, RCC_CFGR_SWS_MASK, RCC_CFGR_SWS_PLL);
}

#endif
