// STM32F767 registers this firmware uses besides those it shares with the F4. Addresses, offsets and bits: RM0410; of
// the core: Arm DDI0403, DDI0489.
#ifndef FIRMBENCH_STM32F7_REGISTERS_H
#define FIRMBENCH_STM32F7_REGISTERS_H

#include "soc/stm32/overdrive.h"

#define RCC_APB1ENR_USART3 (1u << 18)

#define FEWEST_LOOP_CYCLES 1u // of one turn of a loop on a Cortex-M7, which predicts branches and issues two at a time

#define UART(offset) REGISTER(0x40004800u + (offset)) // USART3, clocked by PCLK1 after reset
#define USART3_IRQ 39u

#define SCB_CCR REGISTER(0xE000ED14u)
#define SCB_CCR_DC (1u << 16)
#define SCB_CCR_IC (1u << 17)
#define SCB_CCSIDR REGISTER(0xE000ED80u)
#define SCB_CCSIDR_SETS(ccsidr) (((ccsidr) >> 13 & 0x7FFFu) + 1u)
#define SCB_CCSIDR_WAYS(ccsidr) (((ccsidr) >> 3 & 0x3FFu) + 1u)
#define SCB_CSSELR REGISTER(0xE000ED84u) // 0: the first level's data cache
#define SCB_ICIALLU REGISTER(0xE000EF50u)
#define SCB_DCISW REGISTER(0xE000EF60u)
#define SCB_DCISW_LINE(set, way) ((set) << 5 | (way) << 30) // 32 bytes a line, four ways

#define IRQ_COUNT 110u

#endif
