#include "board_config.h"
#include "registers.h"
#include "soc/cortex_m/startup.h"

#define PLL_M 8u
#define PLL_N (SOC_SYSCLK_HZ / (HSI_HZ / PLL_M) * 2u) // VCO = HSI / M * N, SYSCLK = VCO / 2
#define PLL_Q 8u                                      // for peripherals that this firmware does not use

_Static_assert(HSI_HZ / PLL_M * PLL_N / 2u == SOC_SYSCLK_HZ, "SYSCLK is not a multiple of 1 MHz");
_Static_assert(SOC_SYSCLK_HZ > 168000000u && SOC_SYSCLK_HZ <= 180000000u, "over-drive is for 168..180 MHz");
_Static_assert(SOC_FLASH_WAIT_STATES >= (SOC_SYSCLK_HZ - 1u) / 30000000u, "one wait state per started 30 MHz (RM0390)");

static void wait_for(volatile uint32_t *reg, uint32_t bits) {
    while ((*reg & bits) != bits) {
    }
}

// SYSCLK and HCLK from the HSI through the PLL with over-drive, PCLK1 a quarter, PCLK2 half of it; flash caches on.
// Order: RM0390, "Entering Over-drive mode".
void soc_clock_initialize(void) {
    RCC_APB1ENR |= RCC_APB1ENR_PWR;
    (void)RCC_APB1ENR;
    PWR_CR |= PWR_CR_VOS_SCALE1;
    RCC_PLLCFGR =
        RCC_PLLCFGR_M(PLL_M) | RCC_PLLCFGR_N(PLL_N) | RCC_PLLCFGR_P_DIV2 | RCC_PLLCFGR_Q(PLL_Q) | RCC_PLLCFGR_R(2u);
    RCC_CR |= RCC_CR_PLLON;
    PWR_CR |= PWR_CR_ODEN;
    wait_for(&PWR_CSR, PWR_CSR_ODRDY);
    PWR_CR |= PWR_CR_ODSWEN;
    wait_for(&PWR_CSR, PWR_CSR_ODSWRDY);
    FLASH_ACR = FLASH_ACR_ICEN | FLASH_ACR_DCEN | (SOC_FLASH_PREFETCH ? FLASH_ACR_PRFTEN : 0u) | SOC_FLASH_WAIT_STATES;
    while ((FLASH_ACR & FLASH_ACR_LATENCY_MASK) != SOC_FLASH_WAIT_STATES) {
    }
    wait_for(&RCC_CR, RCC_CR_PLLRDY);
    RCC_CFGR = RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2;
    RCC_CFGR |= RCC_CFGR_SW_PLL;
    while ((RCC_CFGR & RCC_CFGR_SWS_MASK) != RCC_CFGR_SWS_PLL) {
    }
}
