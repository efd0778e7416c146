// A vendor-HAL-like program: millisecond tick, clock set-up with timeouts (crystal first, then HSI16 and the PLL at
// 120 MHz), a UART driver with handle, state and ring buffers that works by RXNE, TXE and TC interrupts.
// Answers every line with its bytes in reverse order.
#include "device.h"

enum { OK, TIMEOUT = 3 };
enum { SIZE = 128 };

typedef struct {
    volatile uint8_t data[SIZE];
    volatile uint16_t head, tail;
} ring_t;

typedef struct {
    usart_t *regs;
    volatile uint32_t state; // 1: transmitter busy
    volatile uint32_t errors;
    ring_t rx, tx;
} uart_handle_t;

static volatile uint32_t tick;
static uart_handle_t uart = {.regs = LPUART1};

void on_systick(void) {
    tick++;
}

static int wait_for(IO *reg, uint32_t mask, uint32_t value, uint32_t timeout) {
    uint32_t start = tick;
    while ((*reg & mask) != value) {
        if (tick - start > timeout) {
            return TIMEOUT;
        }
    }
    return OK;
}

static void tick_init(uint32_t hz) {
    SYSTICK->LOAD = hz / 1000 - 1;
    SCB_PRIORITY[15 - 4] = 0xF0;
    SYSTICK->VAL = 0;
    SYSTICK->CTRL = 7;
}

static int clock_init(void) {
    set_bits(&RCC->APB1ENR1, 0, 1u << 28);
    set_bits(&PWR->CR1, 3u << 9, 1u << 9);
    if (wait_for(&PWR->SR2, 1u << 10, 0, 5) != OK) {
        return 1;
    }
    set_bits(&RCC->CR, 0, 1u << 16); // a board without crystal
    if (wait_for(&RCC->CR, 1u << 17, 1u << 17, 10) == OK) {
        return 2;
    }
    set_bits(&RCC->CR, 1u << 16, 0);
    set_bits(&RCC->CR, 0, 1u << 8);
    if (wait_for(&RCC->CR, 1u << 10, 1u << 10, 2) != OK) {
        return 3;
    }
    set_bits(&RCC->CR, 1u << 24, 0);
    if (wait_for(&RCC->CR, 1u << 25, 0, 2) != OK) {
        return 4;
    }
    RCC->PLLCFGR = 2u | (2u - 1) << 4 | 30u << 8 | 1u << 24; // 16 MHz / 2 * 30 / 2
    set_bits(&RCC->CR, 0, 1u << 24);
    if (wait_for(&RCC->CR, 1u << 25, 1u << 25, 2) != OK) {
        return 5;
    }
    set_bits(&PWR->CR5, 1u << 8, 0);
    set_bits(&FLASH->ACR, 15, 5);
    if (wait_for(&FLASH->ACR, 15, 5, 2) != OK) {
        return 6;
    }
    set_bits(&RCC->CFGR, 3, 3);
    if (wait_for(&RCC->CFGR, 12, 12, 5) != OK) {
        return 7;
    }
    tick_init(120000000);
    return 0;
}

static void uart_init(uart_handle_t *handle) {
    set_bits(&RCC->AHB2ENR, 0, 1u << 6);
    set_bits(&PWR->CR2, 0, 1u << 9);
    pin_function(GPIOG, 7, 8);
    pin_function(GPIOG, 8, 8);
    set_bits(&RCC->APB1ENR2, 0, 1);
    set_bits(&RCC->APB1RSTR2, 0, 1);
    set_bits(&RCC->APB1RSTR2, 1, 0);
    handle->regs->BRR = (uint32_t)((120000000ull * 256 + 115200 / 2) / 115200);
    handle->regs->CR3 = 1;
    handle->regs->CR1 = 1u << 2 | 1u << 3;
    set_bits(&handle->regs->CR1, 0, 1);
    if (wait_for(&handle->regs->ISR, 3u << 21, 3u << 21, 10) == OK) {
        irq_on(70, 1);
        set_bits(&handle->regs->CR1, 0, 1u << 5);
    }
}

static void uart_irq(uart_handle_t *handle) {
    usart_t *regs = handle->regs;
    uint32_t status = regs->ISR, control = regs->CR1;
    if (status & 15) {
        regs->ICR = 15;
        handle->errors++;
    }
    if (status & control & 1u << 5) {
        uint8_t byte = (uint8_t)regs->RDR;
        uint16_t next = (uint16_t)((handle->rx.head + 1) % SIZE);
        if (next != handle->rx.tail) {
            handle->rx.data[handle->rx.head] = byte;
            handle->rx.head = next;
        }
    }
    if (status & control & 1u << 7) {
        if (handle->tx.tail == handle->tx.head) {
            set_bits(&regs->CR1, 1u << 7, 1u << 6);
        } else {
            regs->TDR = handle->tx.data[handle->tx.tail];
            handle->tx.tail = (uint16_t)((handle->tx.tail + 1) % SIZE);
        }
    } else if (status & control & 1u << 6) {
        set_bits(&regs->CR1, 1u << 6, 0);
        handle->state = 0;
    }
}

void on_lpuart1(void) {
    uart_irq(&uart);
}

static void uart_put(uart_handle_t *handle, uint8_t byte) {
    uint16_t next = (uint16_t)((handle->tx.head + 1) % SIZE);
    while (next == handle->tx.tail) {
        __asm volatile("wfi");
    }
    handle->tx.data[handle->tx.head] = byte;
    handle->tx.head = next;
    __asm volatile("cpsid i" ::: "memory");
    handle->state = 1;
    set_bits(&handle->regs->CR1, 1u << 6, 1u << 7);
    __asm volatile("cpsie i" ::: "memory");
}

int main(void) {
    tick_init(4000000);
    int failed = clock_init();
    uart_init(&uart);
    uart_put(&uart, (uint8_t)('0' + failed));
    uart_put(&uart, '\n');
    uint8_t line[SIZE];
    unsigned length = 0;
    for (;;) {
        while (uart.rx.tail == uart.rx.head) {
        }
        uint8_t byte = uart.rx.data[uart.rx.tail];
        uart.rx.tail = (uint16_t)((uart.rx.tail + 1) % SIZE);
        if (byte != '\n') {
            line[length++ % SIZE] = byte;
            continue;
        }
        while (length) {
            uart_put(&uart, line[--length % SIZE]);
        }
        uart_put(&uart, (uint8_t)('0' + uart.errors));
        uart_put(&uart, '\n');
        while (uart.state) {
        }
    }
}
