// Settings in flash: unlocks, erases the last page of bank 2, programs double words, reads them back, provokes the
// errors that the status register has bits for. Prints one line per step.
#include "chip.h"
#include "device.h"

#define PAGE 0x081FF000u
#define WORD(address) (*(volatile uint32_t *)(address))

static uint32_t settle(void) {
    while (FLASH->SR & 1u << 16) {
    }
    uint32_t status = FLASH->SR;
    FLASH->SR = 0xC3FB;
    return status & ~1u;
}

static uint32_t program(uint32_t address, uint32_t low, uint32_t high) {
    FLASH->CR |= 1;
    WORD(address) = low;
    __asm volatile("isb");
    WORD(address + 4) = high;
    uint32_t status = settle();
    FLASH->CR &= ~1u;
    return status;
}

static uint32_t erase(unsigned bank, unsigned page) {
    set_bits(&FLASH->CR, 1u << 11 | 0xFFu << 3, bank << 11 | page << 3 | 2);
    FLASH->CR |= 1u << 16;
    uint32_t status = settle();
    FLASH->CR &= ~2u;
    return status;
}

int main(void) {
    clock_120_mhz(1);
    serial_start(120000000, 0, 921600, 0);
    DEMCR |= 1u << 24;
    DWT_CTRL |= 1;
    print_hex(FLASH->CR >> 31);
    FLASH->KEYR = 0x45670123;
    FLASH->KEYR = 0xCDEF89AB;
    print_hex(FLASH->CR >> 31);
    print_hex(erase(1, 255));
    print_hex(WORD(PAGE));
    uint32_t start = DWT_CYCCNT;
    print_hex(program(PAGE, 0x11223344, 0x55667788));
    uint32_t spent = DWT_CYCCNT - start;
    print_hex(WORD(PAGE));
    print_hex(WORD(PAGE + 4));
    print_hex(spent > 9000 && spent < 80000);
    print_hex(program(PAGE, 1, 2));      // not erased
    print_hex(program(PAGE + 12, 1, 2)); // not aligned
    FLASH->CR |= 1;
    *(volatile uint8_t *)(PAGE + 32) = 1; // not a word
    print_hex(settle());
    FLASH->CR &= ~1u;
    print_hex(program(PAGE, 0, 0)); // zeros always go
    print_hex(WORD(PAGE));
    start = DWT_CYCCNT;
    print_hex(erase(1, 255));
    spent = DWT_CYCCNT - start;
    print_hex(WORD(PAGE));
    print_hex(spent > 2500000);
    FLASH->CR |= 1u << 31;
    print_hex(FLASH->CR >> 31);
    return 0;
}
