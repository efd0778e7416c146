// The UART wired to the debug probe's virtual COM port.
#ifndef FIRMBENCH_STM32F7_SERIAL_H
#define FIRMBENCH_STM32F7_SERIAL_H

void serial_handler(void);

#endif
