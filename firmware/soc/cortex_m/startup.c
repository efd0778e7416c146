// Reset, system vectors and C run-time set-up.
#include "startup.h"

#include <stdint.h>
#include <string.h>

#include "faults.h"
#include "registers.h"

// Set by the linker script.
extern uint32_t stack_top[];
extern uint8_t data_start[], data_end[], data_load[], bss_start[], bss_end[];
extern uint8_t fast_code_start[], fast_code_end[], fast_code_load[];
extern uint8_t constants_start[], constants_end[], constants_load[];

extern int main(void);

static void initialize_memory(void) {
    memcpy(data_start, data_load, (size_t)(data_end - data_start));
    memcpy(constants_start, constants_load, (size_t)(constants_end - constants_start));
    memcpy(fast_code_start, fast_code_load, (size_t)(fast_code_end - fast_code_start));
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
}

// The linker script's entry point.
_Noreturn void reset_handler(void);

typedef struct {
    uint32_t *stack;
    Handler system[15];
} SystemVectors;

__attribute__((section(".vectors"), used)) static const SystemVectors vector_table = {
    .stack = stack_top,
    .system = {reset_handler, unexpected_handler, hard_fault_handler, memory_fault_handler, bus_fault_handler,
               usage_fault_handler, 0, 0, 0, 0, unexpected_handler, unexpected_handler, 0, unexpected_handler,
               unexpected_handler},
};

void reset_handler(void) {
    SCB_VTOR = (uint32_t)&vector_table;
    SCB_CPACR |= SCB_CPACR_FPU; // before any instruction that may use the FPU
    __asm volatile("dsb\n isb" ::: "memory");
    SCB_SHCSR |= SCB_SHCSR_FAULTS;
    soc_clock_initialize(); // before the copies: they run faster afterwards
    initialize_memory();
    __asm volatile("dsb\n isb" ::: "memory"); // code was written
    main();
    for (;;) {
    }
}
