"""Firmware in other people's manner: drivers by interrupt and DMA, a scheduler, tickers, flash storage."""

import dataclasses
import zlib

import pytest

from common.board import Board, SerialPins
from tests.virtual.conftest import Boot, Build, numbers, run_until_idle
from virtual import StopReason, VirtualBoard


def listen(board: VirtualBoard, until: bytes | int, cycles: int = 60_000_000) -> bytes:
    """What a firmware says that never goes idle, up to some bytes or a count of them."""
    end = board.cycles + cycles
    output = b""
    while board.cycles < end:
        reason = board.run(end - board.cycles)
        output += board.receive()
        if reason is not StopReason.OUTPUT:
            break
        if output.endswith(until) if isinstance(until, bytes) else len(output) >= until:
            return output
    raise AssertionError(f"only {output!r}; {board.situation()}")


def test_interrupt_driven_uart(boot: Boot) -> None:
    """The crystal is missing, so the set-up takes its time-out of 10 ticks, then HSI16 and the PLL serve."""
    board = boot("ring_uart")
    assert listen(board, b"\n") == b"0\n"
    assert board.hz == 120_000_000
    assert 0.010 < board.seconds < 0.020
    for line in (b"hello", b"a", bytes(range(32, 100))):
        board.send(line + b"\n", baud=115_200)
        assert listen(board, b"\n") == line[::-1] + b"0\n"
    assert board.diagnostics == ("RCC: HSE was turned on, but the board has no crystal for it; it never gets ready",)


def test_interrupt_driven_uart_at_a_wrong_rate(boot: Boot) -> None:
    """A host at half the rate makes framing errors, which the driver counts."""
    board = boot("ring_uart")
    listen(board, b"\n")
    board.send(b"U" * 20, baud=57_600)
    board.run(2_000_000)
    board.send(b"\n", baud=115_200)
    assert listen(board, b"\n")[-2:-1] > b"0"


@pytest.mark.parametrize("timing", [True, False])
def test_scheduler_with_floating_point(boot: Boot, timing: bool) -> None:
    """Sums of 0, 1, 2, 3 times 2.0 and 0.5; each task has its own FPU registers."""
    board = boot("tasks", timing=timing)
    assert numbers(run_until_idle(board)) == [2 * 20 * 6000, 20 * 6000 // 2, 1]
    assert not board.diagnostics


def test_circular_dma_and_idle_line(boot: Boot) -> None:
    board = boot("dma_uart")
    board.run(100_000)
    board.send(b"abcdefghij")
    assert listen(board, 12) == b"ABCDEFGHIJ00"
    board.send(b"klmnopqrstuvwxyz")
    assert listen(board, 18) == b"KLMNOPQRSTUVWXYZ10"
    board.send(b"abcdefghijklmnopqrstuvwxyz")
    assert listen(board, 28) == b"ABCDEFGHIJKLMNOPQRSTUVWXYZ21"


PINS = SerialPins("D8", "D9", 7)  # of USART3


@pytest.mark.parametrize("flags", [(), ("-DOVER8",)])
def test_another_serial_port_with_fifos(build: Build, nucleo: Board, flags: tuple[str, ...]) -> None:
    board = VirtualBoard(build("fifo_uart", *flags), dataclasses.replace(nucleo, serial="usart3", serial_pins=PINS))
    board.run(100_000)
    assert board.baud == pytest.approx(115_200, rel=0.01)
    for text in (b"x", b"123456", b"a longer text than the eight bytes of a FIFO"):
        board.send(text, baud=115_200)
        answer = run_until_idle(board)
        assert answer == bytes([len(text), sum(text) & 0xFF, sum(text) >> 8])
    assert not board.diagnostics


def test_button_and_timer(boot: Boot) -> None:
    board = boot("button")
    board.connect("C13", 0)
    board.run(40_000)
    board.connect("C13", 1)
    board.run(round(0.0255 * board.hz))
    assert next(pin.level for pin in board.pins() if pin.name == "B14") == 1
    board.connect("C13", 0)
    edges, milliseconds = numbers(run_until_idle(board))
    assert edges == 2
    assert milliseconds in {25, 26}
    assert next(pin.level for pin in board.pins() if pin.name == "B14") == 0


@pytest.mark.parametrize("read_bytes", [8, 16])
def test_flash_storage(boot: Boot, read_bytes: int) -> None:
    """With one bank the code stands still during the operations, with two it polls; a page is 8 or 4 KiB."""
    board = boot("storage", clock={"flash_read_bytes": read_bytes})
    if read_bytes == 16:  # BKER means nothing and page 255 of 8 KiB is the last, which PAGE lies in
        assert board.read_memory(0x081F_F000, 4) == b"\xff" * 4
    progerr, pgaerr, sizerr, pgserr = 1 << 3, 1 << 5, 1 << 6, 1 << 7
    assert numbers(run_until_idle(board)) == [
        1, 0, 0, 0xFFFFFFFF,
        0, 0x11223344, 0x55667788, 1,
        progerr, pgaerr | pgserr, sizerr, 0, 0,
        0, 0xFFFFFFFF, 1, 1,
    ]  # fmt: skip
    assert not board.diagnostics


def test_tickers(boot: Boot) -> None:
    board = boot("tickers")
    microseconds, low_power, time, date, backup = numbers(run_until_idle(board, cycles=1_000_000_000))
    assert microseconds == pytest.approx(1500, abs=2)
    assert low_power == pytest.approx(328 / 32768 * 1e6, abs=35)
    assert (time, date, backup) == (0x00000001, 0x00241230, 0xBACC0000)
    assert not board.diagnostics


def test_start_up_of_a_portable_operating_system(boot: Boot) -> None:
    """LSE, LSI, MSI trimmed by LSE, PLL, PLLSAI1, HSI48; MPU, TIM5's compare interrupt by a bit-band write, WFI."""
    board = boot("portable_os")
    found = [int(word, 16) for word in listen(board, 12 * 9).split()]
    clocks_failed, idcode, kib, options, unique, cpuid, random, backup, crc, waited, ticks, cycles = found
    assert (clocks_failed, random) == (0, 0)
    assert (idcode, kib, options >> 22 & 1, unique, cpuid) == (0x100F_0470, 2048, 1, 1, 0x410F_C241)
    assert (backup, crc) == (0x32F2, zlib.crc32(b"123456789"))
    assert waited == pytest.approx(40 * 250, abs=2)
    assert ticks == 10
    assert cycles == pytest.approx(1000 * 120, abs=2 * 120)
    assert board.hz == 120_000_000
    board.run(1_000_000)
    board.send(b"name", baud=115_200)
    assert numbers(run_until_idle(board)) == [int.from_bytes(b"name", "big")]
    assert not board.diagnostics


@pytest.mark.parametrize("read_bytes", [8, 16])
def test_start_up_of_a_vendor_library(boot: Boot, read_bytes: int) -> None:
    """The crystal's time-out of 100 ticks; buses / 16; clocks gated; what is not modelled goes on."""
    board = boot("vendor_hal", clock={"flash_read_bytes": read_bytes})
    found = [int(word, 16) for word in listen(board, 10 * 9).split()]
    failed, crc, identity, locks, locked, elapsed, overflows, pin, unmodelled, host = found
    assert failed == 0
    assert board.seconds == pytest.approx(0.113, abs=0.005)
    assert (crc, identity) == (0x29B1, 0x470 << 16 | 2048)
    assert (locks, locked) == (int(read_bytes == 8) << 4, 3)
    assert 4000 < elapsed <= 5000
    assert overflows == elapsed // 100
    assert (pin, unmodelled, host) == (0, 1, 0)
    board.send(b"ok", baud=115_200)
    assert [int(word, 16) for word in listen(board, 3 * 9).split()] == [0x6F6B, 1 << 31, 0xBEAB]
    crystal, *others = board.diagnostics
    assert crystal == "RCC: HSE was turned on, but the board has no crystal for it; it never gets ready"
    for message, expected in zip(
        others, ("I2C1 TIMINGR at 0x40005410 written", "I2C1 CR1 at 0x40005400 read"), strict=True
    ):
        assert message.startswith(f"{expected} by pc 0x08")
        assert "(main + 0x" in message
