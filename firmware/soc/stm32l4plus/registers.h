// STM32L4 and L4+ registers this firmware uses. Addresses, offsets and bits: RM0432.
#ifndef FIRMBENCH_STM32L4PLUS_REGISTERS_H
#define FIRMBENCH_STM32L4PLUS_REGISTERS_H

#include "board_config.h"
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
#define RCC_APB1ENR1 REGISTER(0x40021058u)
#define RCC_APB1ENR1_TIM2 (1u << 0)
#define RCC_APB1ENR1_PWR (1u << 28)
#define RCC_APB1ENR2 REGISTER(0x4002105Cu)
#define RCC_APB2ENR REGISTER(0x40021060u)
#define RCC_CCIPR REGISTER(0x40021088u)
#define RCC_CCIPR_SEL_MASK(shift) (3u << (shift))
#define RCC_CCIPR_SEL_HSI16(shift) (2u << (shift))

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

#define PORT_G 6u
#define GPIO(port, offset) REGISTER(0x48000000u + 0x400u * (port) + (offset))
#define GPIO_MODER(port) GPIO(port, 0x00u)
#define GPIO_OTYPER(port) GPIO(port, 0x04u)
#define GPIO_OSPEEDR(port) GPIO(port, 0x08u)
#define GPIO_PUPDR(port) GPIO(port, 0x0Cu)
#define GPIO_BSRR(port) GPIO(port, 0x18u)
#define GPIO_BRR(port) GPIO(port, 0x28u)
#define GPIO_AFR(port, pin) GPIO(port, 0x20u + 4u * ((pin) / 8u))

// The serial port that board_config.h chooses: its clock's enable bit, its field in RCC_CCIPR, its interrupt, and how
// many times its clock USARTDIV is finer.
#if defined(SOC_SERIAL_LPUART1)
#define UART(offset) REGISTER(0x40008000u + (offset))
#define UART_ENR RCC_APB1ENR2
#define UART_ENR_BIT 0u
#define UART_SEL 10u
#define UART_IRQ 70u
#define UART_DIVISION 256ull
#elif defined(SOC_SERIAL_USART1)
#define UART(offset) REGISTER(0x40013800u + (offset))
#define UART_ENR RCC_APB2ENR
#define UART_ENR_BIT 14u
#define UART_SEL 0u
#define UART_IRQ 37u
#define UART_DIVISION 1ull
#elif defined(SOC_SERIAL_USART2)
#define UART(offset) REGISTER(0x40004400u + (offset))
#define UART_ENR RCC_APB1ENR1
#define UART_ENR_BIT 17u
#define UART_SEL 2u
#define UART_IRQ 38u
#define UART_DIVISION 1ull
#else
#error "board.toml: serial must be lpuart1, usart1 or usart2"
#endif

#define UART_CR1 UART(0x00u)
#define UART_CR1_UE (1u << 0)
#define UART_CR1_RE (1u << 2)
#define UART_CR1_TE (1u << 3)
#define UART_CR1_RXNEIE (1u << 5)
#define UART_CR1_FIFOEN (SOC_UART_FIFO ? 1u << 29 : 0u)
#define UART_BRR UART(0x0Cu)
#define UART_ISR UART(0x1Cu)
#define UART_ISR_ORE (1u << 3)
#define UART_ISR_RXNE (1u << 5)
#define UART_ISR_TXE (1u << 7)
#define UART_ICR UART(0x20u)
#define UART_ICR_ERRORS 0xFu // parity, framing, noise, overrun
#define UART_RDR UART(0x24u)
#define UART_TDR UART(0x28u)

#define TIM2_CR1 REGISTER(0x40000000u)
#define TIM2_CR1_CEN (1u << 0)
#define TIM2_EGR REGISTER(0x40000014u)
#define TIM2_EGR_UG (1u << 0)
#define TIM2_CNT REGISTER(0x40000024u)
#define TIM2_PSC REGISTER(0x40000028u)
#define TIM2_ARR REGISTER(0x4000002Cu)

#define IRQ_COUNT 95u

#endif
