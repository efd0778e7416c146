"""Exception entry and return, faults, sleep (Arm DDI0403, B1.5.6 to B1.5.19)."""

import struct
from collections.abc import Callable
from typing import Protocol

from virtual.cortex_m.controller import (
    HARD_FAULT,
    SUPERVISOR_CALL,
    ExceptionController,
)
from virtual.cortex_m.fault_status import Fault, FaultStatus
from virtual.engine import Engine

THUMB = 1 << 24
XPSR_ALIGNED = 1 << 9  # the stack was moved by a word for alignment
FPCA, SPSEL = 4, 2
EXC_RETURN = 0xFFFFFFE1
BASIC_WORDS, FP_WORDS = 8, 18
FP_REGISTERS = (*(f"S{n}" for n in range(16)), "FPSCR")
MASK_REGISTERS = ("PRIMASK", "BASEPRI", "FAULTMASK")
BASIC_REGISTERS = ("R0", "R1", "R2", "R3", "R12", "LR")


class Lockup(Exception):
    """The core stopped for good; the text says why."""


class Costs(Protocol):
    @property
    def exception_entry(self) -> int: ...
    @property
    def exception_exit(self) -> int: ...
    @property
    def exception_tail_chain(self) -> int: ...


class CortexM:
    """Exceptions of one core. ``attend`` is called whenever something may have to be taken soon."""

    def __init__(self, engine: Engine, irqs: int, attend: Callable[[], None]) -> None:
        self.engine = engine
        self.controller = ExceptionController(irqs=irqs, priority_bits=4)
        self.faults = FaultStatus()
        self.vector_table = 0
        self.asleep = False
        self.event = False
        self._attend = attend
        engine.exception_ready = self.can_take

    def reset(self, vector_table: int) -> None:
        """Load SP and PC from the vector table.

        Raises:
            Lockup: there is no vector table.
        """
        self.controller.reset()
        self.faults.reset()
        self.vector_table = vector_table
        self.asleep = self.event = False
        engine = self.engine
        for name in ("IPSR", "CONTROL", "PRIMASK", "BASEPRI", "FAULTMASK"):
            engine.write(name, 0)
        for name in (*BASIC_REGISTERS, *(f"R{n}" for n in range(4, 12)), "PSP"):
            engine.write(name, 0)
        stack, entry = struct.unpack("<II", engine.read_memory(vector_table, 8))
        engine.write("MSP", stack & ~3)
        engine.write("SP", stack & ~3)
        engine.write("LR", 0xFFFFFFFF)
        engine.write("XPSR", THUMB)
        if not entry & 1:
            raise Lockup(f"the reset vector {entry:#010x} has no Thumb bit; is this a Cortex-M image?")
        engine.write("PC", entry)

    # -- requests -------------------------------------------------------------------------------------------------

    def set_line(self, irq: int, high: bool) -> None:
        """Drive the interrupt line of a peripheral."""
        if self.controller.set_line(irq, high):
            self._attend()

    def pend(self, number: int) -> None:
        self.controller.pending.add(number)
        self._attend()

    def masks(self) -> tuple[int, int, int]:
        primask, basepri, faultmask = self.engine.read_all(MASK_REGISTERS)
        return primask & 1, basepri & 0xFF, faultmask & 1

    def has_work(self) -> bool:
        """Whether something is pending that ends WFI: what would be taken if PRIMASK were clear."""
        _, basepri, faultmask = self.masks()
        return self.controller.may_take(0, basepri, faultmask) is not None

    def can_take(self) -> bool:
        return bool(self.controller.pending) and self.controller.may_take(*self.masks()) is not None

    def take_pending(self) -> bool:
        """Enter the most urgent exception, if it may interrupt what runs now."""
        number = self.controller.may_take(*self.masks()) if self.controller.pending else None
        if number is not None:
            self._enter(number, self.engine.read("PC") & 0xFFFFFFFE)
        return number is not None

    # -- entry and return -----------------------------------------------------------------------------------------

    def _enter(self, number: int, return_address: int) -> None:
        self.asleep = False
        if not self._push_frame(return_address):
            self.controller.pending.discard(number)
            self._escalate(number, Fault.STACKING, return_address)
            return
        self.engine.advance(self.engine.costs.exception_entry)
        self._vector(number)

    def _push_frame(self, return_address: int) -> bool:
        """Save the caller's registers and set LR to the EXC_RETURN value; False when the stack is no memory."""
        engine = self.engine
        control, xpsr = engine.read("CONTROL"), engine.read("XPSR")
        floating = bool(control & FPCA)
        stack = engine.read("SP")
        size = 4 * (BASIC_WORDS + (FP_WORDS if floating else 0))
        frame = (stack - size) & ~7
        saved = xpsr | (XPSR_ALIGNED if (stack - size) & 4 else 0)
        words = (*engine.read_all(BASIC_REGISTERS), return_address, saved)
        if floating:
            words += (*engine.read_all(FP_REGISTERS), 0)
        try:
            engine.write_memory(frame, struct.pack(f"<{len(words)}I", *words))
        except ValueError:
            return False
        handler, process = bool(xpsr & 0x1FF), bool(control & SPSEL)
        engine.write("SP", frame)
        if not handler:
            engine.write("CONTROL", control & 1)
        link = EXC_RETURN | (0 if handler else 8) | (4 if process and not handler else 0) | (0 if floating else 16)
        engine.write("LR", link)
        return True

    def _vector(self, number: int) -> None:
        """Branch to a handler, in handler mode."""
        engine = self.engine
        self.controller.enter(number)
        engine.write("XPSR", THUMB | number)
        engine.write("CONTROL", engine.read("CONTROL") & 1)
        try:
            vector = struct.unpack("<I", engine.read_memory(self.vector_table + 4 * number, 4))[0]
        except ValueError:
            vector = 0
        if not vector & 1:
            if number == HARD_FAULT:
                raise Lockup(f"no handler: the HardFault vector is {vector:#010x}")
            self.faults.record(Fault.VECTOR_TABLE, None)
            self._vector(HARD_FAULT)
            return
        engine.write("PC", vector)

    def leave(self, link: int) -> None:
        """Act on an EXC_RETURN value in PC: unstack, or go straight on with the next pending exception."""
        engine = self.engine
        number = engine.read("XPSR") & 0x1FF
        if number != HARD_FAULT - 1:
            engine.write("FAULTMASK", 0)
        self.controller.leave(number)
        engine.write("CONTROL", engine.read("CONTROL") & 1)
        to_thread, process, floating = bool(link & 8), bool(link & 4), not link & 16
        source = "PSP" if process and to_thread else "MSP"
        stack = engine.read(source)
        try:
            words = struct.unpack("<8I", engine.read_memory(stack, 4 * BASIC_WORDS))
            extended = struct.unpack("<18I", engine.read_memory(stack + 32, 4 * FP_WORDS)) if floating else ()
        except ValueError:
            raise Lockup(f"exception return with the stack pointer at {stack:#010x}, which is no memory") from None
        engine.write_all(BASIC_REGISTERS, words[:6])
        if extended:
            engine.write_all(FP_REGISTERS, extended[:17])
        return_address, xpsr = words[6], words[7]
        size = 4 * (BASIC_WORDS + (FP_WORDS if floating else 0)) + (4 if xpsr & XPSR_ALIGNED else 0)
        engine.write(source, stack + size)
        engine.write("XPSR", xpsr & ~XPSR_ALIGNED & (0xFFFFFE00 if to_thread else 0xFFFFFFFF))
        control = engine.read("CONTROL") & 1
        if to_thread:
            engine.write("CONTROL", control | (FPCA if floating else 0) | (SPSEL if process else 0))
        elif floating:
            engine.write("CONTROL", control | FPCA)
        engine.write("PC", return_address | 1)
        self._charge_return()

    def _charge_return(self) -> None:
        """A return that leads straight into the next handler skips both stackings: charge the difference only."""
        costs = self.engine.costs
        if self.can_take():
            self.engine.advance(costs.exception_tail_chain - costs.exception_entry)
        else:
            self.engine.advance(costs.exception_exit)

    # -- synchronous exceptions -----------------------------------------------------------------------------------

    def supervisor_call(self, pc: int) -> None:
        """SVC; ``pc`` is the instruction behind it."""
        self._raise(SUPERVISOR_CALL, Fault.FORCED, pc)

    def fault(self, kind: Fault, pc: int, address: int | None = None) -> None:
        """A fault of the instruction at ``pc``; ``address`` is what it failed to access.

        Raises:
            Lockup: it happened where HardFault cannot be taken.
        """
        self.faults.record(kind, address)
        self._raise(kind.exception, kind, pc)

    def _raise(self, number: int, kind: Fault, pc: int) -> None:
        limit = self.controller.execution_priority(*self.masks())
        allowed = self.controller.is_enabled(number)
        if number != HARD_FAULT and allowed and self.controller.preemption(self.controller.priority_of(number)) < limit:
            self._enter(number, pc)
            return
        self._escalate(number, kind, pc)

    def _escalate(self, number: int, kind: Fault, pc: int) -> None:
        if self.controller.execution_priority(*self.masks()) <= -1:
            name = "SVC" if number == SUPERVISOR_CALL else kind.text
            raise Lockup(f"{name} at {pc:#010x} inside the HardFault handler or with FAULTMASK set")
        self.faults.forced(number)
        if kind is Fault.STACKING:
            self.faults.record(kind, None)
            self.engine.write("MSP", self._initial_stack())
            raise Lockup(f"exception entry at {pc:#010x}: the stack is not in memory (stack overflow?)")
        self._enter(HARD_FAULT, pc)

    def _initial_stack(self) -> int:
        return int.from_bytes(self.engine.read_memory(self.vector_table, 4), "little")
