// Provokes the fault selected by -DFAULT and reports from its handler: which handler, CFSR, HFSR, BFAR, stacked PC.
#include "chip.h"

extern char at_fault[];

static void report(uint32_t handler, const uint32_t *frame) {
    print_hex(handler);
    print_hex(SCB_CFSR);
    print_hex(SCB_HFSR);
    print_hex(SCB_BFAR);
    print_hex(frame[6] - (uint32_t)at_fault);
    for (;;) {
        __asm volatile("wfi");
    }
}

__attribute__((used)) static void report_hard(const uint32_t *frame) {
#ifdef AGAIN
    __asm volatile("udf #1");
#endif
    report(3, frame);
}

__attribute__((used)) static void report_bus(const uint32_t *frame) {
    report(5, frame);
}

__attribute__((used)) static void report_usage(const uint32_t *frame) {
    report(6, frame);
}

__attribute__((naked)) void on_hard_fault(void) {
    __asm volatile("mov r0, sp\n b report_hard");
}

__attribute__((naked)) void on_bus_fault(void) {
    __asm volatile("mov r0, sp\n b report_bus");
}

__attribute__((naked)) void on_usage_fault(void) {
    __asm volatile("mov r0, sp\n b report_usage");
}

int main(void) {
    serial_start(4000000, 0, 9600, 0);
#ifdef ENABLED
    SCB_SHCSR = 7u << 16;
#endif
#ifdef STACK
    __asm volatile("mov sp, %0\n udf #2" ::"r"(STACK));
#endif
    __asm volatile("movs r1, #0\n nop\n at_fault: .global at_fault\n" FAULT ::: "r0", "r1", "r2", "memory");
    return 0;
}
