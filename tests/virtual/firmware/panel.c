// Lights LD1 (PC7) while the user button (PC13) is down and prints each change.
#include "chip.h"

#define GPIOC_MODER REG(0x48000800)
#define GPIOC_IDR REG(0x48000810)
#define GPIOC_BSRR REG(0x48000818)

volatile uint32_t presses;

int main(void) {
    clock_120_mhz(1);
    serial_start(120000000, 0, 115200, 0);
    RCC_AHB2ENR |= 1u << 2;
    GPIOC_MODER = (GPIOC_MODER & ~(3u << 26 | 3u << 14)) | 1u << 14;
    print("ready\n");
    uint32_t before = 0;
    for (;;) {
        uint32_t down = GPIOC_IDR >> 13 & 1;
        if (down != before) {
            before = down;
            presses += down;
            GPIOC_BSRR = down ? 1u << 7 : 1u << 23;
            print(down ? "down\n" : "up\n");
        }
    }
}
