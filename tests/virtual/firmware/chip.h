// Registers of the STM32L4R5 and the Cortex-M4 that the test firmwares use (RM0432, Arm DDI0403).
#ifndef CHIP_H
#define CHIP_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

#define RCC_CR REG(0x40021000)
#define RCC_CFGR REG(0x40021008)
#define RCC_PLLCFGR REG(0x4002100C)
#define RCC_AHB1ENR REG(0x40021048)
#define RCC_AHB2ENR REG(0x4002104C)
#define RCC_APB1ENR1 REG(0x40021058)
#define RCC_APB1ENR2 REG(0x4002105C)
#define RCC_CCIPR REG(0x40021088)
#define PWR_CR1 REG(0x40007000)
#define PWR_CR2 REG(0x40007004)
#define PWR_SR2 REG(0x40007014)
#define PWR_CR5 REG(0x40007080)
#define FLASH_ACR REG(0x40022000)
#define GPIOG_MODER REG(0x48001800)
#define GPIOG_AFRL REG(0x48001820)
#define GPIOG_AFRH REG(0x48001824)
#define LPUART1_CR1 REG(0x40008000)
#define LPUART1_CR3 REG(0x40008008)
#define LPUART1_BRR REG(0x4000800C)
#define LPUART1_ISR REG(0x4000801C)
#define LPUART1_ICR REG(0x40008020)
#define LPUART1_RDR REG(0x40008024)
#define LPUART1_TDR REG(0x40008028)
#define TIM2_BASE 0x40000000
#define TIM3_BASE 0x40000400
#define TIM5_BASE 0x40000C00
#define TIM_CR1(base) REG((base) + 0x00)
#define TIM_DIER(base) REG((base) + 0x0C)
#define TIM_SR(base) REG((base) + 0x10)
#define TIM_EGR(base) REG((base) + 0x14)
#define TIM_CNT(base) REG((base) + 0x24)
#define TIM_PSC(base) REG((base) + 0x28)
#define TIM_ARR(base) REG((base) + 0x2C)
#define TIM_CCR1(base) REG((base) + 0x34)
#define CRC_DR REG(0x40023000)
#define CRC_CR REG(0x40023008)

#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)
#define NVIC_ISER(n) REG(0xE000E100 + 4 * (n))
#define NVIC_ICER(n) REG(0xE000E180 + 4 * (n))
#define NVIC_ISPR(n) REG(0xE000E200 + 4 * (n))
#define NVIC_IPR(irq) (*(volatile uint8_t *)(0xE000E400 + (irq)))
#define SCB_ICSR REG(0xE000ED04)
#define SCB_VTOR REG(0xE000ED08)
#define SCB_AIRCR REG(0xE000ED0C)
#define SCB_SHPR(n) (*(volatile uint8_t *)(0xE000ED18 + (n) - 4))
#define SCB_SHCSR REG(0xE000ED24)
#define SCB_CFSR REG(0xE000ED28)
#define SCB_HFSR REG(0xE000ED2C)
#define SCB_BFAR REG(0xE000ED38)
#define SCB_CPACR REG(0xE000ED88)
#define DEMCR REG(0xE000EDFC)
#define DWT_CTRL REG(0xE0001000)
#define DWT_CYCCNT REG(0xE0001004)

enum { IRQ_TIM2 = 28, IRQ_TIM3 = 29, IRQ_TIM5 = 50, IRQ_LPUART1 = 70 };

static inline void enable_irq(unsigned irq) {
    NVIC_ISER(irq / 32) = 1u << irq % 32;
}

// MSI 4 MHz / 1 * 60 / 2 = 120 MHz, range 1 boost, 5 wait states; APB1 divided by `apb1` (1, 2, 4, 8 or 16).
static inline void clock_120_mhz(unsigned apb1) {
    RCC_APB1ENR1 |= 1u << 28;
    (void)RCC_APB1ENR1;
    PWR_CR5 &= ~(1u << 8);
    FLASH_ACR = 5u | 1u << 8 | 1u << 9 | 1u << 10;
    RCC_PLLCFGR = 1u | 0u << 4 | 60u << 8 | 1u << 24;
    RCC_CR |= 1u << 24;
    while (!(RCC_CR & 1u << 25)) {
    }
    unsigned code = apb1 == 1 ? 0 : apb1 == 2 ? 4 : apb1 == 4 ? 5 : apb1 == 8 ? 6 : 7;
    RCC_CFGR = 3u | code << 8;
    while ((RCC_CFGR >> 2 & 3) != 3) {
    }
}

// PG7, PG8 as LPUART1 on the kernel clock `selector` (0 PCLK1, 1 SYSCLK, 2 HSI16) of `kernel` Hz.
static inline void serial_start(uint32_t kernel, unsigned selector, uint32_t baud, uint32_t cr1) {
    RCC_APB1ENR1 |= 1u << 28;
    RCC_AHB2ENR |= 1u << 6;
    RCC_APB1ENR2 |= 1u;
    PWR_CR2 |= 1u << 9;
    GPIOG_MODER = (GPIOG_MODER & ~(0xFu << 14)) | 0xAu << 14;
    GPIOG_AFRL = (GPIOG_AFRL & ~(0xFu << 28)) | 8u << 28;
    GPIOG_AFRH = (GPIOG_AFRH & ~0xFu) | 8u;
    RCC_CCIPR = (RCC_CCIPR & ~(3u << 10)) | selector << 10;
    LPUART1_BRR = (uint32_t)((256ull * kernel + baud / 2) / baud);
    LPUART1_CR1 = cr1 | 0xDu;
}

static inline void put(char byte) {
    while (!(LPUART1_ISR & 1u << 7)) {
    }
    LPUART1_TDR = (uint8_t)byte;
}

static inline void print(const char *text) {
    while (*text) {
        put(*text++);
    }
}

static inline void print_hex(uint32_t value) {
    for (int shift = 28; shift >= 0; shift -= 4) {
        put("0123456789abcdef"[value >> shift & 15]);
    }
    put('\n');
}

#endif
