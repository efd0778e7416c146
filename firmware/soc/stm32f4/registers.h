// STM32F446 registers this firmware uses besides those it shares with the F7. Addresses, offsets and bits: RM0390.
#ifndef FIRMBENCH_STM32F4_REGISTERS_H
#define FIRMBENCH_STM32F4_REGISTERS_H

#include "soc/stm32/overdrive.h"

#define RCC_APB1ENR_USART2 (1u << 17)

#define FLASH_ACR_ICEN (1u << 9)
#define FLASH_ACR_DCEN (1u << 10)

#define FEWEST_LOOP_CYCLES 3u // of one turn of a loop on a Cortex-M4

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

#define IRQ_COUNT 97u

#endif
