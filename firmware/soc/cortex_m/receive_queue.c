#include "receive_queue.h"

#include "soc/soc.h"

// More than the 64 bytes the protocol allows to be outstanding, and more than a whole command.
#define RECEIVE_SIZE 256u

static volatile uint8_t receive_buffer[RECEIVE_SIZE];
static volatile uint32_t received, consumed; // free-running; their difference is the fill level

void receive_queue_put(uint8_t byte) {
    if (received - consumed < RECEIVE_SIZE) {
        receive_buffer[received % RECEIVE_SIZE] = byte;
        received++;
    }
}

char soc_serial_read(void) {
    // With interrupts masked, WFI still wakes on a pending one: a byte that arrives between test and sleep is not
    // missed.
    __asm volatile("cpsid i" ::: "memory");
    while (received == consumed) {
        __asm volatile("wfi\n cpsie i\n isb\n cpsid i" ::: "memory");
    }
    __asm volatile("cpsie i" ::: "memory");
    uint8_t byte = receive_buffer[consumed % RECEIVE_SIZE];
    consumed++;
    return (char)byte;
}
