#include "caches.h"
#include "registers.h"
#include "soc/cortex_m/startup.h"

_Static_assert(SOC_SYSCLK_HZ > 180000000u && SOC_SYSCLK_HZ <= 216000000u, "over-drive is for 180..216 MHz");

void soc_clock_initialize(void) {
    caches_enable();
    clock_enter_overdrive(0);
}
