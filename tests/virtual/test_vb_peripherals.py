"""Single peripherals, each by a few lines of firmware that print what its registers say."""

import pytest

from tests.virtual.conftest import Boot, numbers, run_until_idle
from virtual import StopReason

START = "clock_120_mhz(1); serial_start(120000000, 0, 921600, 0);"


def answers(boot: Boot, code: str, globals_: str = "", cycles: int = 100_000_000) -> list[int]:
    board = boot(
        "unit", text=f'#include "device.h"\n#include "chip.h"\n{globals_}\nint main(void) {{ {code} return 0; }}'
    )
    found = numbers(run_until_idle(board, cycles=cycles))
    assert not board.diagnostics
    return found


def test_random_numbers_repeat(boot: Boot) -> None:
    code = START + (
        "RCC->CRRCR = 1; RCC->AHB2ENR |= 1u << 18; REG(0x50060800) = 4;"
        "for (int i = 0; i < 4; i++) { while (!(REG(0x50060804) & 1)) { } print_hex(REG(0x50060808)); }"
    )
    first = answers(boot, code)
    assert len(set(first)) == 4
    assert answers(boot, code) == first


@pytest.mark.parametrize(
    ("setup", "result"),
    [
        ("CRC_CR = 1;", 0x0376E6E7),  # CRC-32/MPEG-2 of "123456789"
        ("CRC_CR = 1 | 1u << 5 | 1u << 7;", 0xCBF43926 ^ 0xFFFFFFFF),  # CRC-32, before its final inversion
        ("REG(0x40023014) = 0x1021; CRC_CR = 1 | 1u << 3;", 0x29B1),  # CRC-16/CCITT-FALSE
        ("REG(0x40023014) = 7; REG(0x40023010) = 0; CRC_CR = 1 | 2u << 3;", 0xF4),  # CRC-8/SMBUS
    ],
)
def test_crc_check_values(boot: Boot, setup: str, result: int) -> None:
    code = (
        START
        + "RCC_AHB1ENR |= 1u << 12;"
        + setup
        + (
            'const char *text = "123456789"; while (*text) { *(volatile uint8_t *)0x40023000 = (uint8_t)*text++; }'
            "print_hex(CRC_DR);"
        )
    )
    assert answers(boot, code) == [result]


def test_adc_reads_the_internal_reference(boot: Boot) -> None:
    """VREFINT against its calibration value gives the supply of 3.3 V; the sensor is at 30 degrees."""
    code = START + (
        "RCC->AHB2ENR |= 1u << 13; IO *adc = (IO *)0x50040000; adc[0x308 / 4] = 1u << 16 | 3u << 22;"
        "adc[2] = 1u << 28; adc[2] |= 1u << 31; while (adc[2] & 1u << 31) { } adc[2] |= 1; while (!(adc[0] & 1)) { }"
        "adc[0x30 / 4] = 1 | 0u << 6 | 17u << 12; adc[2] |= 4;"
        "while (!(adc[0] & 4)) { } uint32_t reference = adc[16]; while (!(adc[0] & 4)) { } uint32_t sensor = adc[16];"
        "uint32_t millivolts = 3000u * *(volatile uint16_t *)0x1FFF75AA / reference; print_hex(millivolts);"
        "print_hex(sensor * millivolts / 3000 - *(volatile uint16_t *)0x1FFF75A8 + 1);"
    )
    millivolts, offset = answers(boot, code)
    assert millivolts == pytest.approx(3300, abs=3)
    assert offset in {0, 1, 2}


def test_identification(boot: Boot) -> None:
    """DBGMCU, flash size, package."""
    code = START + (
        "print_hex(REG(0xE0042000) & 0xFFF); print_hex(REG(0x1FFF75E0) & 0xFFFF); print_hex(REG(0x1FFF7500));"
    )
    assert answers(boot, code) == [0x470, 2048, 4]


def test_memory_to_memory(boot: Boot) -> None:
    code = START + (
        "static uint8_t from[40], to[40]; for (int i = 0; i < 40; i++) { from[i] = (uint8_t)i; }"
        "RCC->AHB1ENR |= 1; DMA1->CH[2].CPAR = (uint32_t)from; DMA1->CH[2].CMAR = (uint32_t)to;"
        "DMA1->CH[2].CNDTR = 10; DMA1->CH[2].CCR = 1u << 14 | 2u << 10 | 2u << 8 | 1u << 7 | 1u << 6 | 1;"
        "while (!(DMA1->ISR & 1u << 9)) { } uint32_t sum = 0; for (int i = 0; i < 40; i++) { sum += to[i]; }"
        "print_hex(sum); print_hex(DMA1->ISR >> 8 & 15); print_hex(DMA1->CH[2].CNDTR); DMA1->CH[2].CCR = 0;"
        "DMA1->IFCR = 0xF00; DMA1->CH[2].CMAR = 0x70000000; DMA1->CH[2].CNDTR = 1; DMA1->CH[2].CCR = 1u << 14 | 1;"
        "while (!(DMA1->ISR & 15u << 8)) { } print_hex(DMA1->ISR >> 8 & 15); print_hex(DMA1->CH[2].CCR & 1);"
    )
    assert answers(boot, code) == [sum(range(40)), 7, 0, 9, 0]


def test_advanced_timer(boot: Boot) -> None:
    """Repetitions thin out TIM1's updates; update and compare have lines of their own; ARR is preloaded."""
    handlers = (
        "static volatile uint32_t updates, matches;"
        "void on_tim1_update(void) { REG(0x40012C10) = ~1u; updates++; }"
        "void on_tim1_compare(void) { REG(0x40012C10) = ~2u; matches++; }"
    )
    code = START + (
        "RCC->APB2ENR |= 1u << 11; tim_t *tim = (tim_t *)0x40012C00; tim->PSC = 119; tim->ARR = 99; tim->RCR = 3;"
        "tim->CCR[0] = 50; tim->CR1 = 1u << 7; tim->EGR = 1; tim->SR = 0; tim->DIER = 3; irq_on(25, 1); irq_on(27, 1);"
        'tim->CR1 |= 1; while (updates < 2) { __asm volatile("wfi"); } uint32_t seen = matches; tim->ARR = 9;'
        "uint32_t before = tim->CNT; tim->CR1 = 0; print_hex(seen); print_hex(updates); print_hex(before < 99);"
    )
    matches, updates, _ = answers(boot, code, handlers)
    assert (matches, updates) == (8, 2)


RESETS = """
#include "device.h"
#include "chip.h"
int main(void) {
    serial_start(4000000, 0, 9600, 0);
    uint32_t cause = RCC->CSR >> 24;
    RCC->CSR |= 1u << 23;
    print_hex(cause);
    if (cause == 0x0C) {
        WATCHDOG
        for (;;) {
        }
    }
    return 0;
}
"""
IWDG = (
    "REG(0x40003000) = 0xCCCC; REG(0x40003000) = 0x5555; REG(0x40003004) = 1; REG(0x40003008) = 999;"
    "REG(0x40003000) = 0xAAAA;"
)
WWDG = "RCC->APB1ENR1 |= 1u << 11; REG(0x40002C04) = 0x7F | 3u << 7; REG(0x40002C00) = 0xFF;"


@pytest.mark.parametrize(
    ("watchdog", "flag", "seconds"),
    [
        (IWDG, 0x24, 8 * 1000 / 32_000),
        (WWDG, 0x44, 64 * 4096 * 8 / 4e6),
        ("while (!(LPUART1_ISR & 64)) { } SCB_AIRCR = 0x05FA0004;", 0x14, 0.0),
    ],
)
def test_resets_leave_their_flag(boot: Boot, watchdog: str, flag: int, seconds: float) -> None:
    """IWDG: 32 kHz / 8, 1000 counts. WWDG: from 0x7F to 0x3F at PCLK / 4096 / 8. Power-on is 0x0C."""
    board = boot("resets", text=RESETS.replace("WATCHDOG", watchdog))
    assert numbers(run_until_idle(board)) == [0x0C, flag]
    assert board.seconds == pytest.approx(seconds, abs=0.03)


def test_fed_watchdog_does_not_bite(boot: Boot) -> None:
    feed = IWDG + 'for (int i = 0; i < 100; i++) { for (int n = 0; n < 5000; n++) { __asm volatile(""); }'
    board = boot("resets", text=RESETS.replace("WATCHDOG", feed + "REG(0x40003000) = 0xAAAA; } print_hex(1);"))
    while board.run(10_000_000) is StopReason.OUTPUT and len(board.diagnostics) == 0:
        if board.output_queued == 18:
            break
    assert numbers(board.receive()) == [0x0C, 1]


def test_pin_lock(boot: Boot) -> None:
    code = START + (
        "RCC->AHB2ENR |= 2; set_bits(&GPIOB->MODER, 3u << 14, 1u << 14); IO *lock = &GPIOB->LCKR;"
        "*lock = 1u << 16 | 1u << 7; *lock = 1u << 7; *lock = 1u << 16 | 1u << 7; (void)*lock; print_hex(*lock);"
        "GPIOB->MODER = 0; print_hex(GPIOB->MODER); GPIOB->BSRR = 1u << 7; print_hex(GPIOB->IDR >> 7 & 1);"
    )
    assert answers(boot, code) == [1 << 16 | 1 << 7, 1 << 14, 1]


def test_event_register(boot: Boot) -> None:
    """SEV, WFE, WFE: the first falls through, the second waits for an EXTI line in event mode."""
    code = START + (
        'RCC->APB2ENR |= 1; EXTI->EMR = 1u << 5; EXTI->IMR |= 1u << 5; __asm volatile("sev\\n wfe"); print_hex(1);'
        'EXTI->SWIER = 1u << 5; __asm volatile("wfe"); print_hex(EXTI->PR >> 5 & 1);'
    )
    assert answers(boot, code) == [1, 1]


GUARD = """
#include "chip.h"
static volatile uint32_t area[64] __attribute__((aligned(32)));
__attribute__((used)) static void report(const uint32_t *frame) {
    print_hex(SCB_CFSR);
    print_hex(REG(0xE000ED34) - (uint32_t)area);
    print_hex(frame[0]);
    for (;;) {
        __asm volatile("wfi");
    }
}
__attribute__((naked)) void on_memory_fault(void) {
    __asm volatile("mov r0, sp\\n b report");
}
int main(void) {
    serial_start(4000000, 0, 9600, 0);
    SCB_SHCSR = 1u << 16;
    REG(0xE000ED9C) = (uint32_t)(area + 16) | 1u << 4 | 2;
    REG(0xE000EDA0) = 1u << 28 | ACCESS << 24 | 4u << 1 | 1;
    REG(0xE000ED94) = 5;
    area[15] = 1;
    area[24] = 1;
    print_hex(area[15] + area[24]);
    register uint32_t marker __asm("r0") = 7;
    __asm volatile(ATTEMPT : "+r"(marker) : "r"(area + 17) : "memory");
    return 0;
}
"""


@pytest.mark.parametrize(
    ("access", "attempt", "faults"),
    [(0, "str r0, [%1]", True), (0, "ldr r0, [%1]", True), (5, "str r0, [%1]", True), (5, "ldr r0, [%1]", False)],
)
def test_protected_region(boot: Boot, access: int, attempt: str, faults: bool) -> None:
    """32 bytes without access, or read only: MemManage with the address; their neighbours are free."""
    board = boot("guard", f"-DACCESS={access}u", f'-DATTEMPT="{attempt}"', text=GUARD)
    found = numbers(run_until_idle(board))
    assert found == ([2, 1 << 1 | 1 << 7, 17 * 4, 7] if faults else [2])


NEVER = """
#include "chip.h"
__attribute__((used)) static void report(const uint32_t *frame) {
    print_hex(SCB_CFSR);
    print_hex(frame[6]);
    for (;;) {
        __asm volatile("wfi");
    }
}
__attribute__((naked)) void on_memory_fault(void) {
    __asm volatile("mov r0, sp\\n b report");
}
static uint32_t flash_word(const volatile uint32_t *at) {
    return *at & 0;
}
int main(void) {
    serial_start(4000000, 0, 9600, 0);
    SCB_SHCSR = 1u << 16;
    volatile uint16_t *code = (volatile uint16_t *)0x20030000;
    code[0] = 0x2005; // movs r0, #5
    code[1] = 0x4770; // bx lr
    print_hex(((uint32_t (*)(void))0x20030001)());
    REG(0xE000ED9C) = 0x00000000 | 1u << 4 | 0;
    REG(0xE000EDA0) = 6u << 24 | 27u << 1 | 1; // 256 MiB of flash, read only
    REG(0xE000ED9C) = 0x20000000 | 1u << 4 | 1;
    REG(0xE000EDA0) = 1u << 28 | 3u << 24 | 28u << 1 | 1; // 512 MiB of RAM, never executed
    REG(0xE000ED94) = 5;
    print_hex(flash_word((const uint32_t *)0x08000000) + code[0]);
    print_hex(((uint32_t (*)(void))0x20030001)());
    return 0;
}
"""


def test_execute_never(boot: Boot) -> None:
    """Protection as portable operating systems set it up: data in RAM goes on, code there is IACCVIOL."""
    board = boot("never", text=NEVER)
    assert numbers(run_until_idle(board)) == [5, 0x2005, 1, 0x2003_0000]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("((void (*)(void))0x40000001)();", "IACCVIOL"),
        ("((void (*)(void))0x70000001)();", "IBUSERR"),
        ('__asm volatile("svc 0");', "INVPC"),
    ],
)
def test_post_mortem_tells_the_cause(boot: Boot, code: str, expected: str) -> None:
    handler = '__attribute__((naked)) void on_svc(void) { __asm volatile("mvn r0, #4\\n bx r0"); }'
    board = boot("cause", text=f'#include "chip.h"\n{handler}\nint main(void) {{ {code} return 0; }}')
    assert board.run(100_000_000) is StopReason.LOCKUP
    assert board.post_mortem is not None
    assert expected in board.post_mortem
    assert "HardFault never ends; it loops at" in board.post_mortem
    assert board.post_mortem in board.diagnostics


def test_back_trace_by_frame_information(boot: Boot) -> None:
    text = """
    #include "chip.h"
    __attribute__((noinline)) int outer(volatile uint32_t *p, int n) {
        return n ? outer(p, n - 1) + (int)*p : (int)p[0x1C000000];
    }
    int main(void) { static volatile uint32_t x; return outer((volatile uint32_t *)0x10, 2) + (int)x; }"""
    for flags, title in (((), "back trace: #0"), (("-g0",), "return addresses found on the stack")):
        board = boot("trace", *flags, text=text)
        assert board.run(100_000_000) is StopReason.LOCKUP
        assert board.post_mortem is not None
        trace = board.post_mortem[board.post_mortem.index("back trace") :]
        assert title in trace
        assert trace.count("(outer") == 3 or flags
        assert "(main" in trace


def test_situation(boot: Boot) -> None:
    """A line about firmware that waits: where, for how long, for what."""
    board = boot(
        "waits", text=f'#include "chip.h"\nint main(void) {{ {START} while (!(LPUART1_ISR & 32)) {{ }} return 0; }}'
    )
    assert board.run(10_000_000) is StopReason.IDLE
    assert "loops at 0x08000" in board.situation()
    assert "(main + " in board.situation()
    assert board.situation().endswith("polling LPUART1 ISR")
    board.send(b"x")
    assert board.run(10_000_000) is StopReason.IDLE
    assert "sleeps (WFI or WFE) before" in board.situation()


def test_stack_below_its_limit_is_reported(boot: Boot) -> None:
    text = """
    #include "chip.h"
    __asm(".global __StackLimit\\n.set __StackLimit, 0x2009ff00");
    int main(void) {
        volatile uint8_t big[4096];
        big[0] = 1;
        serial_start(4000000, 0, 9600, 0);
        print_hex(big[0]);
        return 0;
    }"""
    board = boot("deep", text=text)
    run_until_idle(board)
    assert any("stack overflow: the main stack reached 0x2009" in message for message in board.diagnostics)
