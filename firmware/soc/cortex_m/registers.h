// Registers of the Cortex-M4 that this firmware uses (Arm DDI0403, ARMv7-M).
#ifndef FIRMBENCH_CORTEX_M_REGISTERS_H
#define FIRMBENCH_CORTEX_M_REGISTERS_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define NVIC_ISER(irq) REGISTER(0xE000E100u + 4u * ((irq) / 32u))
#define SCB_VTOR REGISTER(0xE000ED08u)
#define SCB_SHCSR REGISTER(0xE000ED24u)
#define SCB_SHCSR_FAULTS (7u << 16) // MemManage, BusFault, UsageFault enabled
#define SCB_CFSR REGISTER(0xE000ED28u)
#define SCB_HFSR REGISTER(0xE000ED2Cu)
#define SCB_BFAR REGISTER(0xE000ED38u)
#define SCB_CPACR REGISTER(0xE000ED88u)
#define SCB_CPACR_FPU (15u << 20)

#endif
