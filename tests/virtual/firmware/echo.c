// Prints a banner, then answers each byte with its successor, in interrupts and WFI; prints TIM5 on 't'.
#include "chip.h"

static volatile char queue[64];
static volatile unsigned head, tail;

void on_lpuart1(void) {
    while (LPUART1_ISR & 1u << 5) {
        queue[head++ % 64] = (char)LPUART1_RDR;
    }
}

int main(void) {
    clock_120_mhz(1);
    serial_start(120000000, 0, 115200, 1u << 5);
    RCC_APB1ENR1 |= 1u << 3;
    TIM_PSC(TIM5_BASE) = 119;
    TIM_EGR(TIM5_BASE) = 1;
    TIM_CR1(TIM5_BASE) = 1;
    enable_irq(IRQ_LPUART1);
    print("ready\n");
    for (;;) {
        __asm volatile("cpsid i");
        if (head == tail) {
            __asm volatile("wfi");
        }
        __asm volatile("cpsie i");
        while (head != tail) {
            char byte = queue[tail++ % 64];
            if (byte == 't') {
                print_hex(TIM_CNT(TIM5_BASE));
            } else {
                put((char)(byte + 1));
            }
        }
    }
}
