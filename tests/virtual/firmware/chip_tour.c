// Answers one-letter commands, each showing a piece of the chip. Built with -DAPB1=<divisor> and -DSELECTOR=<clock>.
#include "chip.h"

#ifndef APB1
#define APB1 1
#endif
#ifndef SELECTOR
#define SELECTOR 0
#endif
#ifndef BAUD
#define BAUD 115200
#endif
#ifndef CR1_EXTRA
#define CR1_EXTRA 0
#endif
#define PCLK1 (120000000u / APB1)

static volatile uint32_t tim3_ticks, systick_ticks, order, order_log;

void on_tim3(void) {
    TIM_SR(TIM3_BASE) = 0;
    tim3_ticks++;
    SCB_ICSR = 1u << 28; // PendSV, of lower priority: runs after this handler
    order_log = order_log << 4 | 1;
}

void on_pendsv(void) {
    order_log = order_log << 4 | 2;
    NVIC_ISPR(0) = 1u << IRQ_TIM2; // of higher priority: interrupts this handler
    order_log = order_log << 4 | 4;
}

void on_tim2(void) {
    order_log = order_log << 4 | 3;
}

void on_systick(void) {
    systick_ticks++;
}

void on_svc(void) {
    order_log = 0x5C;
}

static char get(void) {
    while (!(LPUART1_ISR & 1u << 5)) {
    }
    return (char)LPUART1_RDR;
}

static void timer_at_1_mhz(void) {
    RCC_APB1ENR1 |= 1u << 3;
    TIM_PSC(TIM5_BASE) = PCLK1 * (APB1 == 1 ? 1 : 2) / 1000000u - 1;
    TIM_EGR(TIM5_BASE) = 1;
    TIM_CR1(TIM5_BASE) = 1;
    uint32_t start = DWT_CYCCNT;
    while (TIM_CNT(TIM5_BASE) < 1000) {
    }
    print_hex(DWT_CYCCNT - start);
}

static void nested_interrupts(void) {
    NVIC_IPR(IRQ_TIM3) = 0x80;
    NVIC_IPR(IRQ_TIM2) = 0x40;
    SCB_SHPR(14) = 0xF0;
    enable_irq(IRQ_TIM2);
    enable_irq(IRQ_TIM3);
    RCC_APB1ENR1 |= 1u << 1;
    TIM_PSC(TIM3_BASE) = 11;
    TIM_ARR(TIM3_BASE) = 999;
    TIM_DIER(TIM3_BASE) = 1;
    TIM_CR1(TIM3_BASE) = 1;
    __asm volatile("wfi");
    TIM_CR1(TIM3_BASE) = 0;
    print_hex(tim3_ticks);
    print_hex(order_log);
}

static void systick(void) {
    SYST_RVR = 11999;
    SYST_CVR = 0;
    uint32_t start = DWT_CYCCNT;
    SYST_CSR = 7;
    while (systick_ticks < 10) {
        __asm volatile("wfi");
    }
    SYST_CSR = 0;
    print_hex(DWT_CYCCNT - start);
}

static void masks(void) {
    systick_ticks = 0;
    SCB_SHPR(15) = 0xA0;
    uint32_t seen = 0;
    __asm volatile("cpsid i");
    SCB_ICSR = 1u << 26;
    __asm volatile("nop\n nop");
    seen = seen << 4 | systick_ticks;
    __asm volatile("cpsie i\n isb");
    seen = seen << 4 | systick_ticks;
    __asm volatile("msr basepri, %0" ::"r"(0xA0));
    SCB_ICSR = 1u << 26;
    __asm volatile("nop\n nop");
    seen = seen << 4 | systick_ticks;
    __asm volatile("msr basepri, %0\n isb" ::"r"(0));
    seen = seen << 4 | systick_ticks;
    print_hex(seen);
}

static float square(float value) {
    return value * value;
}

static void fp_context(void) {
    volatile float value = 3.5f;
    register float kept __asm("s20") = 7.25f;
    __asm volatile("" : "+t"(kept));
    SCB_ICSR = 1u << 28;
    __asm volatile("isb" : "+t"(kept));
    print_hex((uint32_t)(square(value) * 100.0f + kept * 1000.0f));
}

static void supervisor_call(void) {
    __asm volatile("svc #7");
    print_hex(order_log);
}

static void overrun(void) {
    uint32_t start = DWT_CYCCNT;
    while (DWT_CYCCNT - start < 1500000) {
    }
    print_hex(LPUART1_ISR);
    while (LPUART1_ISR & 1u << 5) {
        print_hex(LPUART1_RDR);
    }
    LPUART1_ICR = 0x1F;
    print_hex(LPUART1_ISR >> 3 & 1);
}

static void arrival_times(void) {
    uint32_t previous = 0;
    uint32_t gaps[4];
    for (int i = 0; i < 5; i++) {
        get();
        uint32_t now = DWT_CYCCNT;
        if (i) {
            gaps[i - 1] = now - previous;
        }
        previous = now;
    }
    for (int i = 0; i < 4; i++) {
        print_hex(gaps[i]);
    }
}

static void crc(void) {
    RCC_AHB1ENR |= 1u << 12;
    CRC_CR = 1;
    CRC_DR = 0x12345678;
    print_hex(CRC_DR);
}

static void process_stack(void) {
    static uint32_t stack[64];
    register uint32_t *top __asm("r0") = stack + 64;
    uint32_t control;
    __asm volatile("mrs r2, msp\n msr psp, %1\n movs r3, #2\n msr control, r3\n isb\n svc #1\n mrs %0, control\n"
                   " movs r3, #0\n msr control, r3\n isb"
                   : "=&r"(control)
                   : "r"(top)
                   : "r2", "r3", "memory");
    print_hex(control & 3);
}

static void bit_band(void) {
    static volatile uint32_t word;
    REG(0x22000000 + ((uint32_t)&word - 0x20000000) * 32 + 5 * 4) = 1;
    print_hex(word);
}

int main(void) {
    clock_120_mhz(APB1);
    RCC_CR |= 1u << 8;
    uint32_t kernel = SELECTOR == 0 ? PCLK1 : SELECTOR == 1 ? 120000000 : 16000000;
    serial_start(kernel, SELECTOR, BAUD, CR1_EXTRA);
    DEMCR |= 1u << 24;
    DWT_CTRL |= 1;
    print("ready\n");
    for (;;) {
        switch (get()) {
        case 't':
            timer_at_1_mhz();
            break;
        case 'n':
            nested_interrupts();
            break;
        case 's':
            systick();
            break;
        case 'm':
            masks();
            break;
        case 'f':
            fp_context();
            break;
        case 'v':
            supervisor_call();
            break;
        case 'o':
            overrun();
            break;
        case 'a':
            arrival_times();
            break;
        case 'c':
            crc();
            break;
        case 'p':
            process_stack();
            break;
        case 'b':
            bit_band();
            break;
        case 'r':
            SCB_AIRCR = 0x05FA0004;
            break;
        default:
            print("?\n");
        }
    }
}
