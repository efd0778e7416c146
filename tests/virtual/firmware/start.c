// Start-up shared by the test firmwares: vectors, data, bss, FPU.
#include "chip.h"

extern uint32_t _stack, _sidata, _data, _edata, _bss, _ebss;

void reset(void);
int main(void);

__attribute__((weak)) void on_unused(void) {
    for (;;) {
    }
}

#define HANDLER(name) __attribute__((weak, alias("on_unused"))) void name(void)
HANDLER(on_hard_fault);
HANDLER(on_bus_fault);
HANDLER(on_usage_fault);
HANDLER(on_svc);
HANDLER(on_pendsv);
HANDLER(on_systick);
HANDLER(on_tim2);
HANDLER(on_tim3);
HANDLER(on_tim5);
HANDLER(on_lpuart1);

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) const handler vectors[16 + 95] = {
    (handler)&_stack,    reset,
    on_unused,           on_hard_fault,
    on_unused,           on_bus_fault,
    on_usage_fault,      [11] = on_svc,
    [14] = on_pendsv,    [15] = on_systick,
    [16 + 28] = on_tim2, [16 + 29] = on_tim3,
    [16 + 50] = on_tim5, [16 + 70] = on_lpuart1,
};

void reset(void) {
    uint32_t *from = &_sidata;
    for (uint32_t *to = &_data; to < &_edata;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &_bss; to < &_ebss;) {
        *to++ = 0;
    }
#ifndef NO_FPU
    SCB_CPACR = 0xF << 20;
    __asm volatile("dsb\n isb");
#endif
    SCB_VTOR = (uint32_t)vectors;
    main();
    for (;;) {
        __asm volatile("wfi");
    }
}
