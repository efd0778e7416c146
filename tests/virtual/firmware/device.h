// The chip's registers as structures, the way vendors' headers give them (RM0432, register maps).
#ifndef DEVICE_H
#define DEVICE_H

#include <stddef.h>
#include <stdint.h>

#define IO volatile uint32_t

typedef struct {
    IO CR, ICSCR, CFGR, PLLCFGR, PLLSAI1CFGR, PLLSAI2CFGR, CIER, CIFR, CICR, R0, AHB1RSTR, AHB2RSTR, AHB3RSTR, R1;
    IO APB1RSTR1, APB1RSTR2, APB2RSTR, R2, AHB1ENR, AHB2ENR, AHB3ENR, R3, APB1ENR1, APB1ENR2, APB2ENR, R4[9];
    IO CCIPR, R5, BDCR, CSR, CRRCR;
} rcc_t;
typedef struct {
    IO CR1, CR2, CR3, CR4, SR1, SR2, SCR, R0[25], CR5;
} pwr_t;
typedef struct {
    IO ACR, PDKEYR, KEYR, OPTKEYR, SR, CR, ECCR, R0, OPTR;
} flash_t;
typedef struct {
    IO MODER, OTYPER, OSPEEDR, PUPDR, IDR, ODR, BSRR, LCKR, AFR[2], BRR;
} gpio_t;
typedef struct {
    IO CR1, CR2, CR3, BRR, GTPR, RTOR, RQR, ISR, ICR, RDR, TDR, PRESC;
} usart_t;
typedef struct {
    IO CCR, CNDTR, CPAR, CMAR, R0;
} dma_channel_t;
typedef struct {
    IO ISR, IFCR;
    dma_channel_t CH[7];
} dma_t;
typedef struct {
    IO CR1, CR2, SMCR, DIER, SR, EGR, CCMR1, CCMR2, CCER, CNT, PSC, ARR, RCR, CCR[4];
} tim_t;
typedef struct {
    IO ISR, ICR, IER, CFGR, CR, CMP, ARR, CNT;
} lptim_t;
typedef struct {
    IO IMR, EMR, RTSR, FTSR, SWIER, PR;
} exti_t;
typedef struct {
    IO MEMRMP, CFGR1, EXTICR[4];
} syscfg_t;
typedef struct {
    IO CTRL, LOAD, VAL, CALIB;
} systick_t;

#define RCC ((rcc_t *)0x40021000)
#define PWR ((pwr_t *)0x40007000)
#define FLASH ((flash_t *)0x40022000)
#define GPIOB ((gpio_t *)0x48000400)
#define GPIOC ((gpio_t *)0x48000800)
#define GPIOD ((gpio_t *)0x48000C00)
#define GPIOG ((gpio_t *)0x48001800)
#define LPUART1 ((usart_t *)0x40008000)
#define USART3 ((usart_t *)0x40004800)
#define DMA1 ((dma_t *)0x40020000)
#define DMAMUX ((IO *)0x40020800)
#define TIM5 ((tim_t *)0x40000C00)
#define TIM7 ((tim_t *)0x40001400)
#define LPTIM1 ((lptim_t *)0x40007C00)
#define EXTI ((exti_t *)0x40010400)
#define SYSCFG ((syscfg_t *)0x40010000)
#define SYSTICK ((systick_t *)0xE000E010)
#define NVIC_ENABLE ((IO *)0xE000E100)
#define NVIC_PRIORITY ((volatile uint8_t *)0xE000E400)
#define SCB_PRIORITY ((volatile uint8_t *)0xE000ED18)
#define SCB_CONTROL (*(IO *)0xE000ED04)

static inline void irq_on(unsigned irq, unsigned priority) {
    NVIC_PRIORITY[irq] = (uint8_t)(priority << 4);
    NVIC_ENABLE[irq / 32] = 1u << irq % 32;
}

static inline void set_bits(IO *reg, uint32_t clear, uint32_t set) {
    *reg = (*reg & ~clear) | set;
}

static inline void pin_function(gpio_t *port, unsigned pin, unsigned function) {
    set_bits(&port->AFR[pin / 8], 15u << pin % 8 * 4, function << pin % 8 * 4);
    set_bits(&port->MODER, 3u << 2 * pin, 2u << 2 * pin);
}

#endif
