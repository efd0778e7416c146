// The UART wired to the debug probe's virtual COM port.
#ifndef FIRMBENCH_STM32L4PLUS_SERIAL_H
#define FIRMBENCH_STM32L4PLUS_SERIAL_H

void serial_handler(void);

#endif
