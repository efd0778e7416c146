// UART0.
#ifndef FIRMBENCH_MPS2_SERIAL_H
#define FIRMBENCH_MPS2_SERIAL_H

void uart0_receive_handler(void);

#endif
