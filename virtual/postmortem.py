"""What is to be said about firmware that stopped: cause, registers, stacked frame, back trace."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from virtual.backtrace import PC, Unwinder
from virtual.cortex_m.controller import FIRST_IRQ
from virtual.cortex_m.core import FaultRecord
from virtual.cortex_m.fault_status import BFAR_VALID, CFSR_BITS, HFSR_BITS, MMFAR_VALID, FaultStatus
from virtual.image import Image

EXCEPTIONS = {
    2: "NMI",
    3: "HardFault",
    4: "MemManage",
    5: "BusFault",
    6: "UsageFault",
    11: "SVCall",
    12: "DebugMonitor",
    14: "PendSV",
    15: "SysTick",
}
REGISTER_NAMES = (*(f"r{n}" for n in range(13)), "sp", "lr", "pc")
FRAME_NAMES = ("r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr")
PER_LINE = 4


def exception_name(number: int) -> str:
    """ "HardFault", "IRQ 38"; thread mode is 0."""
    if number >= FIRST_IRQ:
        return f"IRQ {number - FIRST_IRQ}"
    return EXCEPTIONS.get(number, f"exception {number}" if number else "thread mode")


def decode_status(faults: FaultStatus) -> list[str]:
    """The bits of CFSR and HFSR in words, with the address where there is one."""
    lines = [text for bit, text in CFSR_BITS.items() if faults.cfsr >> bit & 1]
    lines += [text for bit, text in HFSR_BITS.items() if faults.hfsr >> bit & 1]
    if faults.cfsr & BFAR_VALID:
        lines.append(f"BFAR: the address was {faults.bfar:#010x}")
    if faults.cfsr & MMFAR_VALID:
        lines.append(f"MMFAR: the address was {faults.mmfar:#010x}")
    return lines


@dataclass(frozen=True)
class Scene:
    """The core where it stopped. ``registers`` are r0 to r15; ``active`` the exceptions, innermost last."""

    headline: str
    seconds: float
    registers: tuple[int, ...]
    xpsr: int
    active: tuple[int, ...]
    faults: FaultStatus
    record: FaultRecord | None


def post_mortem(scene: Scene, image: Image, read: Callable[[int, int], bytes]) -> str:
    """Several readable lines. With a recorded fault the registers and the back trace are those of its instruction."""
    record = scene.record
    lines = [f"the firmware stopped after {scene.seconds:.6f} s: {scene.headline}"]
    status = decode_status(scene.faults)
    lines += _block("cause", status)
    if record is not None:
        lines += _block("at", [f"{image.describe(record.pc)}: {record.kind.text}"])
        registers, xpsr = record.registers, record.xpsr
        handler = f"{exception_name(record.handler)} at {image.describe(scene.registers[PC])}"
        lines += _block("handler", [handler])
    else:
        registers, xpsr = scene.registers, scene.xpsr
        lines += _block("at", [image.describe(scene.registers[PC])])
    active = [exception_name(number) for number in scene.active]
    lines += _block("active", [" inside of ".join(reversed(active)) or "none, thread mode"])
    lines += _block("registers", _table(zip((*REGISTER_NAMES, "xpsr"), (*registers, xpsr), strict=True)))
    if record is not None and record.frame is not None:
        lines += _block(f"stacked at {record.frame:#010x}", _frame(record.frame, read))
    lines += _back_trace(dict(enumerate(registers)), image, read)
    return "\n".join(lines)


def _block(title: str, content: list[str]) -> list[str]:
    if not content:
        return []
    head = f"  {title}: "
    return [head + content[0], *(" " * len(head) + line for line in content[1:])]


def _table(pairs: Iterable[tuple[str, int]]) -> list[str]:
    cells = [f"{name:>4} {value:08x}" for name, value in pairs]
    return ["  ".join(cells[start : start + PER_LINE]) for start in range(0, len(cells), PER_LINE)]


def _frame(address: int, read: Callable[[int, int], bytes]) -> list[str]:
    try:
        data = read(address, 4 * len(FRAME_NAMES))
    except ValueError:
        return ["not readable"]
    words = (int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4))
    return _table(zip(FRAME_NAMES, words, strict=True))


def _back_trace(registers: Mapping[int, int], image: Image, read: Callable[[int, int], bytes]) -> list[str]:
    frames, certain = Unwinder(image, read).trace(registers)
    title = "back trace" if certain else "back trace (return addresses found on the stack)"
    return _block(title, [f"#{number} {image.describe(address)}" for number, address in enumerate(frames)])
