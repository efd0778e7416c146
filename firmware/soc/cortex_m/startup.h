// What a chip family gives to the start-up code.
#ifndef FIRMBENCH_CORTEX_M_STARTUP_H
#define FIRMBENCH_CORTEX_M_STARTUP_H

typedef void (*Handler)(void);

// The linker places the family's vectors of interrupts behind the system's.
#define IRQ_VECTORS __attribute__((section(".irq_vectors"), used))

// Bring the clocks to SOC_SYSCLK_HZ. Runs before RAM is initialised: no static variables.
void soc_clock_initialize(void);

#endif
