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
HANDLER(on_memory_fault);
HANDLER(on_bus_fault);
HANDLER(on_usage_fault);
HANDLER(on_svc);
HANDLER(on_pendsv);
HANDLER(on_systick);
HANDLER(on_tim2);
HANDLER(on_tim3);
HANDLER(on_tim5);
HANDLER(on_lpuart1);
HANDLER(on_window_watchdog);
HANDLER(on_rtc_wakeup);
HANDLER(on_flash);
HANDLER(on_dma1_channel1);
HANDLER(on_dma1_channel2);
HANDLER(on_tim1_update);
HANDLER(on_tim1_compare);
HANDLER(on_usart3);
HANDLER(on_exti_15_10);
HANDLER(on_tim7);
HANDLER(on_lptim1);

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) const handler vectors[16 + 95] = {
    [0] = (handler)&_stack,
    [1] = reset,
    [2] = on_unused,
    [3] = on_hard_fault,
    [4] = on_memory_fault,
    [5] = on_bus_fault,
    [6] = on_usage_fault,
    [11] = on_svc,
    [14] = on_pendsv,
    [15] = on_systick,
    [16 + 0] = on_window_watchdog,
    [16 + 3] = on_rtc_wakeup,
    [16 + 4] = on_flash,
    [16 + 11] = on_dma1_channel1,
    [16 + 12] = on_dma1_channel2,
    [16 + 25] = on_tim1_update,
    [16 + 27] = on_tim1_compare,
    [16 + 28] = on_tim2,
    [16 + 29] = on_tim3,
    [16 + 39] = on_usart3,
    [16 + 40] = on_exti_15_10,
    [16 + 50] = on_tim5,
    [16 + 55] = on_tim7,
    [16 + 65] = on_lptim1,
    [16 + 70] = on_lpuart1,
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
