// System clock and flash access.
#ifndef FIRMBENCH_STM32L4PLUS_CLOCK_H
#define FIRMBENCH_STM32L4PLUS_CLOCK_H

#define HSI16_HZ 16000000u

// Bring SYSCLK, HCLK, PCLK1 and PCLK2 to SOC_SYSCLK_HZ from HSI16 through the PLL, in voltage range 1 boost mode,
// with SOC_FLASH_WAIT_STATES and the flash caches on. HSI16 keeps running: it also clocks LPUART1.
void clock_initialize(void);

#endif
