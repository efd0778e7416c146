#include "caches.h"

#include "registers.h"

static void synchronize(void) {
    __asm volatile("dsb\n isb" ::: "memory");
}

// Order: DDI0403, "Cache maintenance operations". No other bus master writes memory in this firmware, and no code is
// written, so nothing needs to be cleaned or invalidated afterwards.
void caches_enable(void) {
    SCB_ICIALLU = 0;
    synchronize();
    SCB_CCR |= SCB_CCR_IC;
    SCB_CSSELR = 0;
    synchronize();
    uint32_t size = SCB_CCSIDR;
    for (uint32_t set = 0; set < SCB_CCSIDR_SETS(size); set++) {
        for (uint32_t way = 0; way < SCB_CCSIDR_WAYS(size); way++) {
            SCB_DCISW = SCB_DCISW_LINE(set, way);
        }
    }
    synchronize();
    SCB_CCR |= SCB_CCR_DC;
    synchronize();
}
