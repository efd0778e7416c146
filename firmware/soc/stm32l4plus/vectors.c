#include "registers.h"
#include "serial.h"
#include "soc/cortex_m/faults.h"
#include "soc/cortex_m/startup.h"

IRQ_VECTORS static const Handler irq_vectors[IRQ_COUNT] = {
    [0 ... LPUART1_IRQ - 1] = unexpected_handler,
    [LPUART1_IRQ] = lpuart1_handler,
    [LPUART1_IRQ + 1 ... IRQ_COUNT - 1] = unexpected_handler,
};
