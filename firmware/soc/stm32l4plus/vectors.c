#include "i2s.h"
#include "registers.h"
#include "serial.h"
#include "soc/cortex_m/faults.h"
#include "soc/cortex_m/startup.h"

IRQ_VECTORS static const Handler irq_vectors[IRQ_COUNT] = {
#if SOC_I2S
    [0 ... I2S_IRQ - 1] = unexpected_handler,
    [I2S_IRQ] = i2s_handler,
    [I2S_IRQ + 1 ... UART_IRQ - 1] = unexpected_handler,
#else
    [0 ... UART_IRQ - 1] = unexpected_handler,
#endif
    [UART_IRQ] = serial_handler,
    [UART_IRQ + 1 ... IRQ_COUNT - 1] = unexpected_handler,
};
