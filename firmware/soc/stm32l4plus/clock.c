#include "clock.h"

#include "board_config.h"
#include "registers.h"
#include "soc/cortex_m/startup.h"

#define PLL_M 2u
#define PLL_N (SOC_SYSCLK_HZ / (HSI16_HZ / PLL_M) * 2u) // VCO = HSI16 / M * N, SYSCLK = VCO / 2

_Static_assert(HSI16_HZ / PLL_M * PLL_N / 2u == SOC_SYSCLK_HZ, "SYSCLK is not a multiple of 4 MHz");
#if SOC_BOOST // STM32L4+
_Static_assert(SOC_SYSCLK_HZ > 80000000u && SOC_SYSCLK_HZ <= 120000000u, "boost mode is for 80..120 MHz");
_Static_assert(SOC_FLASH_WAIT_STATES >= (SOC_SYSCLK_HZ - 1u) / 20000000u, "one wait state per started 20 MHz (RM0432)");
#else // STM32L4
_Static_assert(SOC_SYSCLK_HZ >= 32000000u && SOC_SYSCLK_HZ <= 80000000u, "range 1 goes to 80 MHz, the PLL from 32");
_Static_assert(SOC_FLASH_WAIT_STATES >= (SOC_SYSCLK_HZ - 1u) / 16000000u, "one wait state per started 16 MHz (RM0351)");
#endif

static void wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value) {
    while ((*reg & mask) != value) {
    }
}

// A clock-enable bit takes effect two bus cycles after the write (RM0432, RCC); reading back waits longer.
static void enable_clock(volatile uint32_t *reg, uint32_t bits) {
    *reg |= bits;
    (void)*reg;
}

// SYSCLK, HCLK, PCLK1 and PCLK2 from HSI16 through the PLL, in voltage range 1, boost mode where there is one, with
// SOC_FLASH_WAIT_STATES and the flash caches on. HSI16 keeps running: it also clocks the serial port.
void soc_clock_initialize(void) {
    enable_clock(&RCC_APB1ENR1, RCC_APB1ENR1_PWR);
    wait_for(&PWR_SR2, PWR_SR2_VOSF, 0); // range 1 is the reset state

    RCC_CR |= RCC_CR_HSION;
    wait_for(&RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY);

    // Order for entering boost mode: RM0432, "Dynamic voltage scaling management".
    RCC_CFGR = (RCC_CFGR & ~RCC_CFGR_HPRE_MASK) | RCC_CFGR_HPRE_DIV2;
#if SOC_BOOST
    PWR_CR5 &= ~PWR_CR5_R1MODE;
#endif
    FLASH_ACR = FLASH_ACR_ICEN | FLASH_ACR_DCEN | (SOC_FLASH_PREFETCH ? FLASH_ACR_PRFTEN : 0u) | SOC_FLASH_WAIT_STATES;
    wait_for(&FLASH_ACR, FLASH_ACR_LATENCY_MASK, SOC_FLASH_WAIT_STATES);

    RCC_PLLCFGR =
        RCC_PLLCFGR_SRC_HSI16 | RCC_PLLCFGR_M(PLL_M) | RCC_PLLCFGR_N(PLL_N) | RCC_PLLCFGR_R_DIV2 | RCC_PLLCFGR_REN;
    RCC_CR |= RCC_CR_PLLON;
    wait_for(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY);
    RCC_CFGR |= RCC_CFGR_SW_PLL;
    wait_for(&RCC_CFGR, RCC_CFGR_SWS_MASK, RCC_CFGR_SWS_PLL);

    // At least 1 us at half speed before the full speed.
    for (volatile uint32_t i = 0; i < SOC_SYSCLK_HZ / 2u / 1000000u; i++) {
    }
    RCC_CFGR &= ~RCC_CFGR_HPRE_MASK;
}
