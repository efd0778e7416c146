// STM32F446 registers this firmware uses. Addresses, offsets and bits: RM0390.
#ifndef FIRMBENCH_STM32F4_REGISTERS_H
#define FIRMBENCH_STM32F4_REGISTERS_H

#include "soc/cortex_m/registers.h"

#define HSI_HZ 16000000u
#define APB1_DIVIDER 4u // PCLK1 is 45 MHz at most
#define PCLK1_HZ (SOC_SYSCLK_HZ / APB1_DIVIDER)
#define TIMER1_HZ (2u * PCLK1_HZ) // of APB1's timers, as its divider is not 1

#define RCC_CR REGISTER(0x40023800u)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_PLLCFGR REGISTER(0x40023804u)
#define RCC_PLLCFGR_M(divider) (divider)
#define RCC_PLLCFGR_N(multiplier) ((multiplier) << 6)
#define RCC_PLLCFGR_P_DIV2 (0u << 16)
#define RCC_PLLCFGR_Q(divider) ((divider) << 24)
#define RCC_PLLCFGR_R(divider) ((divider) << 28)
#define RCC_CFGR REGISTER(0x40023808u)
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS_MASK (3u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_CFGR_PPRE1_DIV4 (5u << 10)
#define RCC_CFGR_PPRE2_DIV2 (4u << 13)
#define RCC_AHB1ENR REGISTER(0x40023830u)
#define RCC_AHB1ENR_GPIO(port) (1u << (port))
#define RCC_APB1ENR REGISTER(0x40023840u)
#define RCC_APB1ENR_TIM2 (1u << 0)
#define RCC_APB1ENR_USART2 (1u << 17)
#define RCC_APB1ENR_PWR (1u << 28)

#define PWR_CR REGISTER(0x40007000u)
#define PWR_CR_VOS_SCALE1 (3u << 14)
#define PWR_CR_ODEN (1u << 16)
#define PWR_CR_ODSWEN (1u << 17)
#define PWR_CSR REGISTER(0x40007004u)
#define PWR_CSR_ODRDY (1u << 16)
#define PWR_CSR_ODSWRDY (1u << 17)

#define FLASH_ACR REGISTER(0x40023C00u)
#define FLASH_ACR_LATENCY_MASK 15u
#define FLASH_ACR_PRFTEN (1u << 8)
#define FLASH_ACR_ICEN (1u << 9)
#define FLASH_ACR_DCEN (1u << 10)

#define GPIO(port, offset) REGISTER(0x40020000u + 0x400u * (port) + (offset))
#define GPIO_MODER(port) GPIO(port, 0x00u)
#define GPIO_OTYPER(port) GPIO(port, 0x04u)
#define GPIO_PUPDR(port) GPIO(port, 0x0Cu)
#define GPIO_BSRR(port) GPIO(port, 0x18u) // high half: reset
#define GPIO_AFR(port, pin) GPIO(port, 0x20u + 4u * ((pin) / 8u))

#define USART2_SR REGISTER(0x40004400u)
#define USART2_SR_ORE (1u << 3)
#define USART2_SR_RXNE (1u << 5)
#define USART2_SR_TXE (1u << 7)
#define USART2_DR REGISTER(0x40004404u)
#define USART2_BRR REGISTER(0x40004408u)
#define USART2_CR1 REGISTER(0x4000440Cu)
#define USART2_CR1_RE (1u << 2)
#define USART2_CR1_TE (1u << 3)
#define USART2_CR1_RXNEIE (1u << 5)
#define USART2_CR1_UE (1u << 13)
#define USART2_IRQ 38u

#define TIM2_CR1 REGISTER(0x40000000u)
#define TIM2_CR1_CEN (1u << 0)
#define TIM2_EGR REGISTER(0x40000014u)
#define TIM2_EGR_UG (1u << 0)
#define TIM2_CNT REGISTER(0x40000024u)
#define TIM2_PSC REGISTER(0x40000028u)
#define TIM2_ARR REGISTER(0x4000002Cu)

#define IRQ_COUNT 97u

#endif
