// Bytes between the serial port's interrupt and `soc_serial_read`.
#ifndef FIRMBENCH_CORTEX_M_RECEIVE_QUEUE_H
#define FIRMBENCH_CORTEX_M_RECEIVE_QUEUE_H

#include <stdint.h>

// Called in the interrupt; drops the byte when the queue is full.
void receive_queue_put(uint8_t byte);

#endif
