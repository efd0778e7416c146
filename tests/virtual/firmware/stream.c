// SIZE bytes, i % 251 for byte i, by DMA at BAUD while the core sleeps; with AGAIN set, over and over.
#include "chip.h"
#include "device.h"

static uint8_t bytes[SIZE];

int main(void) {
    clock_120_mhz(1);
    serial_start(120000000, 0, BAUD, 0);
    for (uint32_t i = 0; i < SIZE; i++) {
        bytes[i] = (uint8_t)(i % 251);
    }
    RCC->AHB1ENR |= 5;
    DMAMUX[1] = 35;
    DMA1->CH[1].CPAR = (uint32_t)&LPUART1->TDR;
    DMA1->CH[1].CMAR = (uint32_t)bytes;
    DMA1->CH[1].CNDTR = SIZE;
    DMA1->CH[1].CCR = 1u << 7 | AGAIN << 5 | 1u << 4 | 1;
    LPUART1->CR3 = 1u << 7;
    return 0;
}
