#include "board_config.h"
#include "registers.h"
#include "soc/soc.h"

void soc_timer_initialize(void) {
    FPGAIO_PRESCALE = SOC_SYSCLK_HZ / 1000000u - 1u;
}

uint32_t soc_microseconds(void) {
    return FPGAIO_COUNTER;
}
