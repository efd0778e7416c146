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
#define RCC_APB1ENR1 REGISTER(0x40021058u)
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
#define GPIO_BASE 0x48000000u
#define GPIO_CLOCKS RCC_AHB2ENR
#define FEWEST_LOOP_CYCLES 3u // of one turn of a loop on a Cortex-M4

#define TIM2_CLOCKS RCC_APB1ENR1
#define TIM2_HZ SOC_SYSCLK_HZ

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

#define UART_CR1_FIFOEN (SOC_UART_FIFO ? 1u << 29 : 0u)

#if SOC_I2S
#define RCC_AHB1ENR REGISTER(0x40021048u)
#define RCC_AHB1ENR_DMA1 (1u << 0)
#define RCC_AHB1ENR_DMAMUX1 (1u << 2)
#define RCC_APB2ENR_SAI1 (1u << 21)

#define SAI1_ACR1 REGISTER(0x40015404u)
#define SAI_CR1_SLAVE_RECEIVER 3u
#define SAI_CR1_16_BITS (4u << 5)
#define SAI_CR1_RISING_EDGE (1u << 9)
#define SAI_CR1_ENABLE (1u << 16)
#define SAI_CR1_DMA (1u << 17)
#define SAI1_ACR2 REGISTER(0x40015408u)
#define SAI_CR2_FLUSH (1u << 3)
#define SAI1_AFRCR REGISTER(0x4001540Cu)
#define SAI_FRCR_LENGTH(clocks) ((clocks) - 1u)
#define SAI_FRCR_ACTIVE(clocks) (((clocks) - 1u) << 8)
#define SAI_FRCR_CHANNELS (1u << 16)
#define SAI_FRCR_OFFSET (1u << 18)
#define SAI1_ASLOTR REGISTER(0x40015410u)
#define SAI_SLOTR_COUNT(slots) (((slots) - 1u) << 8)
#define SAI_SLOTR_ENABLE(slots) ((slots) << 16)
#define SAI1_ACLRFR REGISTER(0x4001541Cu)
#define SAI_CLRFR_ALL 0x77u
#define SAI1_ADR REGISTER(0x40015420u)

#define DMA1_ISR REGISTER(0x40020000u)
#define DMA1_IFCR REGISTER(0x40020004u)
#define DMA_FULL1 (1u << 1)
#define DMA_HALF1 (1u << 2)
#define DMA_FLAGS1 15u
#define DMA1_CCR1 REGISTER(0x40020008u)
#define DMA_CCR_ENABLE (1u << 0)
#define DMA_CCR_FULL_INTERRUPT (1u << 1)
#define DMA_CCR_HALF_INTERRUPT (1u << 2)
#define DMA_CCR_CIRCULAR (1u << 5)
#define DMA_CCR_MEMORY_INCREMENT (1u << 7)
#define DMA_CCR_HALFWORDS (1u << 8 | 1u << 10)
#define DMA1_CNDTR1 REGISTER(0x4002000Cu)
#define DMA1_CPAR1 REGISTER(0x40020010u)
#define DMA1_CMAR1 REGISTER(0x40020014u)
#define DMAMUX1_C0CR REGISTER(0x40020800u)
#define DMAMUX_REQUEST_SAI1_A 36u
#define I2S_IRQ 11u
#endif

#define IRQ_COUNT 95u

#endif
