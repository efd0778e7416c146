#include "registers.h"
#include "serial.h"
#include "soc/cortex_m/faults.h"
#include "soc/cortex_m/startup.h"

// The FPGA image sets its clock.
void soc_clock_initialize(void) {}

IRQ_VECTORS static const Handler irq_vectors[IRQ_COUNT] = {
    [UART0_RX_IRQ] = uart0_receive_handler, // the first
    [UART0_RX_IRQ + 1 ... IRQ_COUNT - 1] = unexpected_handler,
};
