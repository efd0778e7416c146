// Start-up in the manner of a portable operating system for this board: LSE with its drive and the MSI trimmed by it,
// PLL from the MSI with 120 MHz in boost mode, both backup clocks, a microsecond ticker on TIM5, random numbers, a
// serial port driven by DMA and interrupts, identification, sleep. It prints what it finds, one hexadecimal number to a
// line.
#include "chip.h"
#include "device.h"

#define DBGMCU_IDCODE REG(0xE0042000)
#define UNIQUE_ID ((IO *)0x1FFF7590)
#define FLASH_KIB (*(volatile uint16_t *)0x1FFF75E0)
#define RNG ((IO *)0x50060800)
#define RTC_WPR REG(0x40002824)
#define RTC_ISR REG(0x4000280C)
#define RTC_BACKUP REG(0x40002850)

enum { WAIT = 1000000 };

static char text[400];
static volatile unsigned length, sent;
static volatile uint32_t ticks, compares, received;

void on_systick(void) {
    ticks++;
}

void on_tim5(void) {
    if (TIM5->SR & TIM5->DIER & 2u) {
        TIM5->SR = ~2u;
        compares++;
        TIM5->CCR[0] += 250;
    }
}

// The transmitter feeds on TXE, the receiver on RXNE; TC ends a message.
void on_lpuart1(void) {
    uint32_t status = LPUART1->ISR, control = LPUART1->CR1;
    if (status & 1u << 5) {
        received = received << 8 | (LPUART1->RDR & 0xFF);
    }
    if (status & control & 1u << 7) {
        if (sent < length) {
            LPUART1->TDR = (uint8_t)text[sent++];
        } else {
            set_bits(&LPUART1->CR1, 1u << 7, 1u << 6);
        }
    } else if (status & control & 1u << 6) {
        LPUART1->ICR = 1u << 6;
        set_bits(&LPUART1->CR1, 1u << 6, 0);
        length = sent = 0;
    }
}

static void say(uint32_t value) {
    for (int shift = 28; shift >= 0; shift -= 4) {
        text[length++] = "0123456789abcdef"[value >> shift & 15];
    }
    text[length++] = '\n';
}

static void flush(void) {
    set_bits(&LPUART1->CR1, 0, 1u << 7);
    while (length) {
        __asm volatile("wfi");
    }
}

static unsigned wait(IO *reg, uint32_t mask, uint32_t value) {
    for (unsigned left = WAIT; left; left--) {
        if ((*reg & mask) == value) {
            return 0;
        }
    }
    return 1;
}

static unsigned clocks(void) {
    unsigned failed = 0;
    RCC->APB1ENR1 |= 1u << 28;
    (void)RCC->APB1ENR1;
    PWR->CR1 |= 1u << 8;
    failed |= wait(&PWR->CR1, 1u << 8, 1u << 8);
    set_bits(&RCC->BDCR, 3u << 3, 1u << 3); // drive
    RCC->BDCR |= 1;
    failed |= wait(&RCC->BDCR, 2, 2) << 1;
    RCC->CSR |= 1;
    failed |= wait(&RCC->CSR, 2, 2) << 2;
    set_bits(&RCC->BDCR, 3u << 8, 1u << 8);
    RCC->BDCR |= 1u << 15;
    set_bits(&RCC->CR, 15u << 4, 6u << 4 | 1u << 3);
    failed |= wait(&RCC->CR, 2, 2) << 3;
    set_bits(&RCC->ICSCR, 0xFFu << 8, 0);
    RCC->CR |= 1u << 2; // trimmed by LSE
    set_bits(&PWR->CR1, 3u << 9, 1u << 9);
    failed |= wait(&PWR->SR2, 1u << 10, 0) << 4;
    PWR->CR5 &= ~(1u << 8);
    RCC->CR &= ~(1u << 24);
    failed |= wait(&RCC->CR, 1u << 25, 0) << 5;
    RCC->PLLCFGR = 1u | 0u << 4 | 60u << 8 | 2u << 27 | 1u << 24;
    RCC->CR |= 1u << 24;
    failed |= wait(&RCC->CR, 1u << 25, 1u << 25) << 6;
    set_bits(&FLASH->ACR, 15, 5);
    failed |= wait(&FLASH->ACR, 15, 5) << 7;
    set_bits(&RCC->CFGR, 15u << 4, 8u << 4); // through half the rate, as the manual asks for
    set_bits(&RCC->CFGR, 3, 3);
    failed |= wait(&RCC->CFGR, 12, 12) << 8;
    set_bits(&RCC->CFGR, 15u << 4, 0);
    RCC->PLLSAI1CFGR = 24u << 8 | 1u << 20;
    RCC->CR |= 1u << 26;
    failed |= wait(&RCC->CR, 1u << 27, 1u << 27) << 9;
    set_bits(&RCC->CCIPR, 3u << 26, 1u << 26);
    RCC->CRRCR |= 1;
    failed |= wait(&RCC->CRRCR, 2, 2) << 10;
    return failed;
}

// Flash is read only, RAM never executed.
static void protect(void) {
    REG(0xE000ED94) = 0;
    for (unsigned region = 0; region < (REG(0xE000ED90) >> 8 & 0xFF); region++) {
        REG(0xE000ED98) = region;
        REG(0xE000EDA0) = 0;
    }
    REG(0xE000ED9C) = 0x00000000 | 1u << 4 | 0;
    REG(0xE000EDA0) = 6u << 24 | 2u << 16 | 27u << 1 | 1;
    REG(0xE000ED9C) = 0x20000000 | 1u << 4 | 1;
    REG(0xE000EDA0) = 1u << 28 | 3u << 24 | 11u << 16 | 28u << 1 | 1;
    REG(0xE000ED94) = 5;
    __asm volatile("dsb\n isb");
}

static void ticker(void) {
    RCC->APB1ENR1 |= 1u << 3;
    RCC->APB1RSTR1 |= 1u << 3;
    RCC->APB1RSTR1 &= ~(1u << 3);
    TIM5->ARR = 0xFFFFFFFF;
    TIM5->PSC = 120 - 1;
    TIM5->EGR = 1;
    TIM5->SR = 0;
    TIM5->CR1 = 1;
    irq_on(50, 4);
}

static void serial(void) {
    RCC->AHB2ENR |= 1u << 6;
    PWR->CR2 |= 1u << 9;
    pin_function(GPIOG, 7, 8);
    pin_function(GPIOG, 8, 8);
    set_bits(&RCC->CCIPR, 3u << 10, 2u << 10); // HSI16
    RCC->CR |= 1u << 8;
    (void)wait(&RCC->CR, 1u << 10, 1u << 10);
    RCC->APB1ENR2 |= 1;
    LPUART1->CR1 = 0;
    LPUART1->BRR = (uint32_t)((16000000ull * 256 + 115200 / 2) / 115200);
    LPUART1->CR1 = 0xD | 1u << 5;
    (void)wait(&LPUART1->ISR, 3u << 21, 3u << 21);
    irq_on(70, 8);
}

static uint32_t check_sum(const uint8_t *bytes, unsigned count) {
    RCC->AHB1ENR |= 1u << 12;
    REG(0x40023010) = 0xFFFFFFFF;
    REG(0x40023014) = 0x04C11DB7;
    REG(0x40023008) = 1u | 1u << 5 | 1u << 7; // bytes and the result reversed
    while (count--) {
        *(volatile uint8_t *)0x40023000 = *bytes++;
    }
    return ~REG(0x40023000);
}

int main(void) {
    protect();
    unsigned failed = clocks();
    SYSTICK->LOAD = 120000 - 1;
    SYSTICK->VAL = 0;
    SYSTICK->CTRL = 7;
    ticker();
    serial();
    say(failed);
    say(DBGMCU_IDCODE);
    say(FLASH_KIB);
    say(FLASH->OPTR);
    say(UNIQUE_ID[0] ^ UNIQUE_ID[1] ^ UNIQUE_ID[2] ? 1 : 0);
    say(REG(0xE000ED00));
    flush();
    RCC->AHB2ENR |= 1u << 18;
    RNG[0] = 1u << 2;
    failed = wait(&RNG[1], 1, 1);
    uint32_t first = RNG[2];
    failed |= wait(&RNG[1], 1, 1);
    say(failed | (first == RNG[2]) << 1 | (RNG[1] & 0x66) << 8);
    RCC->APB1ENR1 |= 1u << 10;
    RTC_WPR = 0xCA;
    RTC_WPR = 0x53;
    RTC_ISR |= 1u << 7;
    failed = wait(&RTC_ISR, 1u << 6, 1u << 6);
    RTC_ISR &= ~(1u << 7);
    failed |= wait(&RTC_ISR, 1u << 5, 1u << 5);
    RTC_WPR = 0xFF;
    RTC_BACKUP = 0x32F2;
    say(failed << 16 | RTC_BACKUP);
    say(check_sum((const uint8_t *)"123456789", 9));
    *(volatile uint32_t *)(0x42000000 + (0x40000C0Cu - 0x40000000) * 32 + 4 * 1) = 1; // TIM5 DIER.CC1IE
    TIM5->CCR[0] = TIM5->CNT + 250;
    uint32_t start = TIM5->CNT, tick = ticks;
    while (compares < 40) {
        __asm volatile("wfi");
    }
    TIM5->DIER = 0;
    say(TIM5->CNT - start);
    say(ticks - tick);
    DEMCR |= 1u << 24;
    DWT_CYCCNT = 0;
    DWT_CTRL |= 1;
    start = TIM5->CNT;
    while (TIM5->CNT - start < 1000) {
    }
    say(DWT_CYCCNT);
    flush();
    while (received != 0x6E616D65) { // "name"
        __asm volatile("wfi");
    }
    SYSTICK->CTRL = 0;
    say(received);
    flush();
    return 0;
}
