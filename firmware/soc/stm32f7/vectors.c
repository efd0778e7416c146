#include "registers.h"
#include "serial.h"
#include "soc/cortex_m/faults.h"
#include "soc/cortex_m/startup.h"

IRQ_VECTORS static const Handler irq_vectors[IRQ_COUNT] = {
    [0 ... USART3_IRQ - 1] = unexpected_handler,
    [USART3_IRQ] = serial_handler,
    [USART3_IRQ + 1 ... IRQ_COUNT - 1] = unexpected_handler,
};
