// STM32L4+ registers this firmware uses. Addresses, offsets and bits: RM0432.
#ifndef FIRMBENCH_STM32L4PLUS_REGISTERS_H
#define FIRMBENCH_STM32L4PLUS_REGISTERS_H

#include "soc/cortex_m/registers.h"

#define RCC_CR REGISTER(0x40021000u)
#define RCC_CR_HSION (1u << 8)
#define RCC_CR_HSIRDY (1u << 10)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_CFGR REGISTER(0x40021008u)
#define RCC_CFGR_SW_PLL 3u
#define RCC_CFGR_SWS_MASK (3u << 2)
#define RCC_CFGR_SWS_PLL (3u << 2)
#define RCC_CFGR_HPRE_MASK (15u << 4)
#define RCC_CFGR_HPRE_DIV2 (8u << 4)
#define RCC_PLLCFGR REGISTER(0x4002100Cu)
#define RCC_PLLCFGR_SRC_HSI16 2u
#define RCC_PLLCFGR_M(divider) (((divider) - 1u) << 4)
#define RCC_PLLCFGR_N(multiplier) ((multiplier) << 8)
#define RCC_PLLCFGR_REN (1u << 24)
#define RCC_PLLCFGR_R_DIV2 (0u << 25)
#define RCC_AHB2ENR REGISTER(0x4002104Cu)
#define RCC_AHB2ENR_GPIO(port) (1u << (port)) // 0 is port A
#define RCC_AHB2ENR_GPIOG RCC_AHB2ENR_GPIO(6u)
#define RCC_APB1ENR1 REGISTER(0x40021058u)
#define RCC_APB1ENR1_TIM5 (1u << 3)
#define RCC_APB1ENR1_PWR (1u << 28)
#define RCC_APB1ENR2 REGISTER(0x4002105Cu)
#define RCC_APB1ENR2_LPUART1 (1u << 0)
#define RCC_CCIPR REGISTER(0x40021088u)
#define RCC_CCIPR_LPUART1SEL_MASK (3u << 10)
#define RCC_CCIPR_LPUART1SEL_HSI16 (2u << 10)

#define PWR_CR2 REGISTER(0x40007004u)
#define PWR_CR2_IOSV (1u << 9) // VDDIO2, which feeds PG2..PG15, is present
#define PWR_SR2 REGISTER(0x40007014u)
#define PWR_SR2_VOSF (1u << 10)
#define PWR_CR5 REGISTER(0x40007080u)
#define PWR_CR5_R1MODE (1u << 8) // 0: range 1 boost mode

#define FLASH_ACR REGISTER(0x40022000u)
#define FLASH_ACR_LATENCY_MASK 15u
#define FLASH_ACR_PRFTEN (1u << 8)
#define FLASH_ACR_ICEN (1u << 9)
#define FLASH_ACR_DCEN (1u << 10)

#define GPIO_MODER(port) REGISTER(0x48000000u + 0x400u * (port))
#define GPIO_OTYPER(port) REGISTER(0x48000004u + 0x400u * (port))
#define GPIO_BSRR(port) REGISTER(0x48000018u + 0x400u * (port))
#define GPIO_BRR(port) REGISTER(0x48000028u + 0x400u * (port))
#define GPIOG_MODER REGISTER(0x48001800u)
#define GPIOG_OSPEEDR REGISTER(0x48001808u)
#define GPIOG_PUPDR REGISTER(0x4800180Cu)
#define GPIOG_AFRL REGISTER(0x48001820u)
#define GPIOG_AFRH REGISTER(0x48001824u)

#define LPUART1_CR1 REGISTER(0x40008000u)
#define LPUART1_CR1_UE (1u << 0)
#define LPUART1_CR1_RE (1u << 2)
#define LPUART1_CR1_TE (1u << 3)
#define LPUART1_CR1_RXNEIE (1u << 5)
#define LPUART1_CR1_FIFOEN (1u << 29)
#define LPUART1_BRR REGISTER(0x4000800Cu)
#define LPUART1_ISR REGISTER(0x4000801Cu)
#define LPUART1_ISR_ORE (1u << 3)
#define LPUART1_ISR_RXNE (1u << 5)
#define LPUART1_ISR_TC (1u << 6)
#define LPUART1_ISR_TXE (1u << 7)
#define LPUART1_ICR REGISTER(0x40008020u)
#define LPUART1_ICR_ERRORS 0xFu // parity, framing, noise, overrun
#define LPUART1_RDR REGISTER(0x40008024u)
#define LPUART1_TDR REGISTER(0x40008028u)
#define LPUART1_IRQ 70u

#define TIM5_CR1 REGISTER(0x40000C00u)
#define TIM5_CR1_CEN (1u << 0)
#define TIM5_EGR REGISTER(0x40000C14u)
#define TIM5_EGR_UG (1u << 0)
#define TIM5_CNT REGISTER(0x40000C24u)
#define TIM5_PSC REGISTER(0x40000C28u)
#define TIM5_ARR REGISTER(0x40000C2Cu)

#define IRQ_COUNT 95u

#endif
