#include "faults.h"

#include <stdint.h>

#include "core/submitter_implemented.h"
#include "registers.h"

// What the core pushes on exception entry (DDI0403, B1.5.6).
typedef struct {
    uint32_t r0, r1, r2, r3, r12, lr, pc, xpsr;
} ExceptionFrame;

_Noreturn __attribute__((used)) static void report(const ExceptionFrame *frame, const char *name) {
    __asm volatile("cpsid i" ::: "memory");
    th_printf("\r\ne-[%s at pc 0x%08lx lr 0x%08lx cfsr 0x%08lx hfsr 0x%08lx bfar 0x%08lx]\r\n", name,
              (unsigned long)frame->pc, (unsigned long)frame->lr, (unsigned long)SCB_CFSR, (unsigned long)SCB_HFSR,
              (unsigned long)SCB_BFAR);
    for (;;) {
        __asm volatile("wfi");
    }
}

// The frame lies at the main stack pointer: no process stack is used. If the fault came from stacking itself, the
// pointer may be outside RAM; then a fresh stack is needed to report at all, and the frame is whatever is there.
#define FAULT_HANDLER(function, name)                                                                                  \
    __attribute__((naked)) void function(void) {                                                                       \
        __asm volatile("mrs r0, msp\n"                                                                                 \
                       "ldr r2, =stack_bottom\n"                                                                       \
                       "cmp r0, r2\n"                                                                                  \
                       "itt lo\n"                                                                                      \
                       "ldrlo r0, =stack_top - 32\n"                                                                   \
                       "msrlo msp, r0\n"                                                                               \
                       "ldr r1, =%0\n"                                                                                 \
                       "b report\n"                                                                                    \
                       ".ltorg" ::"i"(name));                                                                          \
    }

static const char hard_fault_name[] = "HardFault";
static const char memory_fault_name[] = "MemManage";
static const char bus_fault_name[] = "BusFault";
static const char usage_fault_name[] = "UsageFault";
static const char unexpected_name[] = "Unexpected interrupt";

FAULT_HANDLER(hard_fault_handler, hard_fault_name)
FAULT_HANDLER(memory_fault_handler, memory_fault_name)
FAULT_HANDLER(bus_fault_handler, bus_fault_name)
FAULT_HANDLER(usage_fault_handler, usage_fault_name)
FAULT_HANDLER(unexpected_handler, unexpected_name)
