// Start-up in the manner of a chip vendor's library and its inference runtime: crystal tried for 100 ticks, HSI16 and
// the PLL at 120 MHz, buses and tick divided to save power, prefetch on, a check of the CRC unit that unlocks the
// runtime, a microsecond timer behind the bus doubling, peripherals gated off around the timed part, option bytes,
// identification.
#include "chip.h"
#include "device.h"

#define GPIOF ((gpio_t *)0x48001400)
#define CRC ((IO *)0x40023000)
#define DBGMCU ((IO *)0xE0042000)
#define I2C1 ((IO *)0x40005400)
#define TIM2 ((tim_t *)0x40000000)
#define SEMIHOSTED(word) (*(IO *)0xE000EDF0 & 1 ? (word) : 0)

static volatile uint32_t tick, overflows;
static volatile uint8_t byte_received, has_byte;

void on_systick(void) {
    tick++;
}

void on_tim2(void) {
    TIM2->SR = ~1u;
    overflows++;
}

void on_lpuart1(void) {
    if (LPUART1->ISR & 1u << 3) {
        LPUART1->ICR = 1u << 3;
    }
    if (LPUART1->ISR & LPUART1->CR1 & 1u << 5) {
        byte_received = (uint8_t)LPUART1->RDR;
        has_byte = 1;
        set_bits(&LPUART1->CR1, 1u << 5, 0);
    }
}

static int wait_for(IO *reg, uint32_t mask, uint32_t value, uint32_t timeout) {
    uint32_t start = tick;
    while ((*reg & mask) != value) {
        if (tick - start > timeout) {
            return 1;
        }
    }
    return 0;
}

static void tick_config(uint32_t ticks, uint32_t control) {
    SYSTICK->LOAD = ticks - 1;
    SCB_PRIORITY[15 - 4] = 0xF0;
    SYSTICK->VAL = 0;
    SYSTICK->CTRL = control;
}

static int clocks(void) {
    FLASH->ACR |= 1u << 8;
    REG(0xE000ED0C) = 0x05FAu << 16 | 3u << 8; // four bits of preemption
    tick_config(4000, 7);
    RCC->APB2ENR |= 1;
    RCC->APB1ENR1 |= 1u << 28;
    set_bits(&PWR->CR1, 3u << 9, 1u << 9);
    PWR->CR5 &= ~(1u << 8);
    if (wait_for(&PWR->SR2, 1u << 10, 0, 1)) {
        return 1;
    }
    RCC->CR |= 1u << 16;
    if (!wait_for(&RCC->CR, 1u << 17, 1u << 17, 100)) {
        return 2;
    }
    RCC->CR &= ~(1u << 16);
    RCC->CR |= 1u << 8;
    if (wait_for(&RCC->CR, 1u << 10, 1u << 10, 2)) {
        return 3;
    }
    set_bits(&RCC->ICSCR, 0x7Fu << 24, 0x40u << 24);
    RCC->PLLCFGR = 2u | 1u << 4 | 30u << 8 | 1u << 24;
    RCC->CR |= 1u << 24;
    if (wait_for(&RCC->CR, 1u << 25, 1u << 25, 2)) {
        return 4;
    }
    set_bits(&FLASH->ACR, 15, 5);
    set_bits(&RCC->CFGR, 7u << 11 | 7u << 8, 7u << 11 | 7u << 8); // both buses / 16
    set_bits(&RCC->CFGR, 3, 3);
    if (wait_for(&RCC->CFGR, 12, 12, 100)) {
        return 5;
    }
    RCC->CR &= ~1u; // the MSI is not needed any more
    tick_config(15000, 3);
    return wait_for(&RCC->CR, 2, 0, 2) ? 6 : 0;
}

static void uart(void) {
    RCC->AHB2ENR |= 1u << 6 | 1u << 5;
    PWR->CR2 |= 1u << 9;
    pin_function(GPIOG, 7, 8);
    pin_function(GPIOG, 8, 8);
    set_bits(&RCC->CCIPR, 3u << 10, 0); // the bus clock of 7.5 MHz
    RCC->APB1ENR2 |= 1;
    LPUART1->CR1 = 0;
    LPUART1->CR2 = 0;
    LPUART1->CR3 = 0;
    LPUART1->PRESC = 0;
    LPUART1->BRR = (uint32_t)((7500000ull * 256 + 115200 / 2) / 115200);
    LPUART1->CR1 = 12;
    LPUART1->CR1 |= 1;
    (void)wait_for(&LPUART1->ISR, 3u << 21, 3u << 21, 1000);
    irq_on(70, 0);
}

static void transmit(const char *text) {
    while (*text) {
        (void)wait_for(&LPUART1->ISR, 1u << 7, 1u << 7, 1000);
        LPUART1->TDR = (uint8_t)*text++;
    }
    (void)wait_for(&LPUART1->ISR, 1u << 6, 1u << 6, 1000);
}

static void say(uint32_t value) {
    char line[10] = "00000000\n";
    for (int place = 7; value; place--, value >>= 4) {
        line[place] = "0123456789abcdef"[value & 15];
    }
    transmit(line);
}

static uint8_t receive(void) {
    has_byte = 0;
    set_bits(&LPUART1->CR1, 0, 1u << 5);
    while (!has_byte) {
    }
    return byte_received;
}

static uint32_t crc16(const uint8_t *bytes, unsigned count) {
    CRC[4] = 0xFFFF;
    CRC[5] = 0x1021;
    CRC[2] = 1u | 1u << 3;
    while (count--) {
        *(volatile uint8_t *)CRC = *bytes++;
    }
    return CRC[0];
}

static void unlock_options(void) {
    FLASH->KEYR = 0x45670123;
    FLASH->KEYR = 0xCDEF89AB;
    REG(0x4002200C) = 0x08192A3B;
    REG(0x4002200C) = 0x4C5D6E7F;
}

static uint32_t timer_microseconds(void) {
    RCC->APB1ENR1 |= 1u << 3;
    TIM5->PSC = 15 - 1; // 7.5 MHz of the bus, doubled
    TIM5->ARR = 0xFFFFFFFF;
    TIM5->EGR = 1;
    TIM5->CR1 = 1;
    RCC->APB1ENR1 |= 1;
    TIM2->PSC = 0;
    TIM2->ARR = 1500 - 1; // 100 us
    TIM2->EGR = 1;
    TIM2->SR = 0;
    TIM2->DIER = 1;
    irq_on(28, 3);
    uint32_t start = TIM5->CNT, before = tick;
    TIM2->CR1 = 1;
    while (tick - before < 5) {
    }
    TIM2->CR1 = 0;
    return TIM5->CNT - start;
}

int main(void) {
    int failed = clocks();
    uart();
    say((uint32_t)failed);
    RCC->AHB1ENR |= 1u << 12;
    say(crc16((const uint8_t *)"123456789", 9));
    DBGMCU[1] |= 7;
    say((DBGMCU[0] & 0xFFF) << 16 | *(volatile uint16_t *)0x1FFF75E0);
    unlock_options();
    say(FLASH->CR >> 30 | (FLASH->OPTR >> 22 & 1) << 4);
    FLASH->CR |= 3u << 30;
    say(FLASH->CR >> 30);
    uint32_t elapsed = timer_microseconds();
    say(elapsed);
    say(overflows);
    // what surrounds the timed part
    SYSTICK->CTRL &= ~2u;
    set_bits(&GPIOF->MODER, 3u << 26, 1u << 26);
    GPIOF->BSRR = 1u << 29;
    RCC->APB1ENR2 &= ~1u;
    PWR->CR1 &= ~(1u << 24);
    uint32_t start = TIM5->CNT;
    while (TIM5->CNT - start < 500) {
    }
    RCC->APB1ENR2 |= 1u;
    GPIOF->BSRR = 1u << 13;
    SYSTICK->CTRL |= 2u;
    say(GPIOG->IDR >> 12 & 1);
    RCC->APB1ENR1 |= 1u << 21;
    I2C1[4] = 0x00707CBB;
    I2C1[0] |= 1;
    say(I2C1[0] & 1);
    say(SEMIHOSTED(0xFFFFFFFF));
    say(receive() << 8 | receive());
    __asm volatile("bkpt 0xab"); // nobody listens: HardFault
    return 0;
}

__attribute__((used)) static void after_fault(uint32_t *frame) {
    say(SCB_HFSR);
    say(*(uint16_t *)frame[6]);
    frame[6] += 2;
    SCB_HFSR = 1u << 31;
}

__attribute__((naked)) void on_hard_fault(void) {
    __asm volatile("mov r0, sp\n push {r0, lr}\n bl after_fault\n pop {r0, pc}");
}
