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

bool soc_serial_available(void) {
    return received != consumed;
}

// With interrupts masked, WFI still wakes on a pending one: what becomes ready between test and sleep is not missed.
void soc_sleep_until(bool (*ready)(void)) {
    __asm volatile("cpsid i" ::: "memory");
    while (!ready()) {
        __asm volatile("wfi\n cpsie i\n isb\n cpsid i" ::: "memory");
    }
    __asm volatile("cpsie i" ::: "memory");
}

char soc_serial_read(void) {
    soc_sleep_until(soc_serial_available);
    uint8_t byte = receive_buffer[consumed % RECEIVE_SIZE];
    consumed++;
    return (char)byte;
}
