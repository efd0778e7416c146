#include "registers.h"
#include "soc/cortex_m/startup.h"

_Static_assert(SOC_SYSCLK_HZ > 168000000u && SOC_SYSCLK_HZ <= 180000000u, "over-drive is for 168..180 MHz");

void soc_clock_initialize(void) {
    clock_enter_overdrive(FLASH_ACR_ICEN | FLASH_ACR_DCEN);
}
