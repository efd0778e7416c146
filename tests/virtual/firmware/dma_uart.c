// LPUART1 by DMA: circular reception that hands on what has come at half, full and idle line; transmission of whole
// messages with transfer-complete interrupt.
#include "device.h"

enum { SIZE = 32 };

static uint8_t ring[SIZE];
static uint8_t message[64];
static volatile uint32_t taken, length, half, full, idle, sending;

static void collect(void) {
    uint32_t filled = SIZE - DMA1->CH[0].CNDTR;
    while (taken != filled % SIZE) {
        message[length++ % sizeof message] = ring[taken];
        taken = (taken + 1) % SIZE;
    }
}

void on_dma1_channel1(void) {
    if (DMA1->ISR & 4) {
        DMA1->IFCR = 4;
        half++;
    }
    if (DMA1->ISR & 2) {
        DMA1->IFCR = 2;
        full++;
    }
    collect();
}

void on_dma1_channel2(void) {
    DMA1->IFCR = 1u << 4;
    DMA1->CH[1].CCR &= ~1u;
    sending = 0;
}

void on_lpuart1(void) {
    if (LPUART1->ISR & 1u << 4) {
        LPUART1->ICR = 1u << 4;
        collect();
        idle++;
    }
}

static void send(const uint8_t *data, uint32_t count) {
    sending = 1;
    DMA1->CH[1].CMAR = (uint32_t)data;
    DMA1->CH[1].CNDTR = count;
    DMA1->CH[1].CCR = 1u << 7 | 1u << 4 | 1u << 1 | 1;
    while (sending) {
        __asm volatile("wfi");
    }
}

int main(void) {
    RCC->APB1ENR1 |= 1u << 28;
    RCC->AHB1ENR |= 7;
    RCC->AHB2ENR |= 1u << 6;
    RCC->APB1ENR2 |= 1;
    PWR->CR2 |= 1u << 9;
    pin_function(GPIOG, 7, 8);
    pin_function(GPIOG, 8, 8);
    DMAMUX[0] = 34;
    DMAMUX[1] = 35;
    DMA1->CH[0].CPAR = (uint32_t)&LPUART1->RDR;
    DMA1->CH[0].CMAR = (uint32_t)ring;
    DMA1->CH[0].CNDTR = SIZE;
    DMA1->CH[0].CCR = 1u << 7 | 1u << 5 | 1u << 2 | 1u << 1 | 1;
    DMA1->CH[1].CPAR = (uint32_t)&LPUART1->TDR;
    LPUART1->BRR = 256u * 4000000u / 9600u;
    LPUART1->CR3 = 1u << 7 | 1u << 6;
    LPUART1->CR1 = 1u << 4 | 1u << 3 | 1u << 2 | 1;
    LPUART1->ICR = 1u << 4;
    irq_on(11, 1);
    irq_on(12, 1);
    irq_on(70, 2);
    for (;;) {
        while (!idle) {
            __asm volatile("wfi");
        }
        static uint8_t answer[80];
        uint32_t count = 0;
        __asm volatile("cpsid i");
        idle = 0;
        for (; count < length; count++) {
            answer[count] = (uint8_t)(message[count] ^ 0x20);
        }
        answer[count++] = (uint8_t)('0' + half);
        answer[count++] = (uint8_t)('0' + full);
        length = 0;
        __asm volatile("cpsie i");
        send(answer, count);
    }
}
