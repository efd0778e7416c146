"""Exception entry and return, faults, sleep (Arm DDI0403, B1.5.6 to B1.5.19)."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from virtual.cortex_m.controller import (
    BUS_FAULT,
    FIRST_IRQ,
    HARD_FAULT,
    SUPERVISOR_CALL,
    USAGE_FAULT,
    ExceptionController,
)
from virtual.cortex_m.fault_status import Fault, FaultStatus
from virtual.cortex_m.mpu import HFNMIENA, Mpu, Span
from virtual.engine import Engine

THUMB = 1 << 24
XPSR_ALIGNED = 1 << 9  # the stack was moved by a word for alignment
FPCA, SPSEL = 4, 2
EXC_RETURN = 0xFFFFFFE1
BASIC_WORDS, FP_WORDS = 8, 18
RETURN_KINDS = frozenset({0x1, 0x9, 0xD})  # low bits of EXC_RETURN: to handler, to thread on MSP, to thread on PSP
NONBASETHRDENA = 1  # CCR
ASPEN = 1 << 31  # FPCCR: FP state is stacked
SNAPSHOT = (*(f"R{n}" for n in range(13)), "SP", "LR", "XPSR")
BASIC_REGISTERS = ("R0", "R1", "R2", "R3", "R12", "LR")


class Lockup(Exception):
    """The core stopped for good; the text says why."""


@dataclass(frozen=True)
class FaultRecord:
    """The latest fault that was taken. ``registers`` are r0 to r15 at the instruction, ``handler`` the exception.

    ``frame`` is where the caller's registers were stacked, None when they were not.
    """

    kind: Fault
    pc: int
    address: int | None
    handler: int
    frame: int | None
    registers: tuple[int, ...]
    xpsr: int


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
        self.waits_for_event = False  # asleep by WFE
        self.configuration = 0  # CCR
        self.fp_context_control = ASPEN  # FPCCR
        self.fault_record: FaultRecord | None = None
        self.sleep_cycles = self.exception_cycles = 0
        self._forbidden: tuple[Span, ...] = ()
        self._protects_faults = False
        self._attend = attend
        engine.on_exceptions(self.can_take, self.send_event)

    def reset(self, vector_table: int) -> None:
        """Load SP and PC from the vector table.

        Raises:
            Lockup: there is no vector table.
        """
        self.controller.reset()
        self.faults.reset()
        self.vector_table = vector_table
        self.asleep = self.event = self.waits_for_event = False
        self.fault_record = None
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

    # -- protection -----------------------------------------------------------------------------------------------

    def set_protection(self, mpu: Mpu) -> None:
        """Enforce what an MPU forbids from now on."""
        self._forbidden = mpu.forbidden()
        self._protects_faults = bool(mpu.control & HFNMIENA)
        self.engine.guard(self._forbidden, self.violates)

    def violates(self, address: int, write: bool) -> bool:
        """Whether an access is forbidden now. HardFault and NMI are above the MPU unless it is told otherwise."""
        if not self._protects_faults and self.controller.execution_priority(*self.masks()) < 0:
            return False
        return any(
            span.first <= address <= span.last and (span.no_write if write else span.no_read)
            for span in self._forbidden
        )

    # -- requests -------------------------------------------------------------------------------------------------

    def set_line(self, irq: int, high: bool) -> None:
        """Drive the interrupt line of a peripheral."""
        if self.controller.set_line(irq, high):
            self._attend()

    def pend(self, number: int) -> None:
        self.controller.pending.add(number)
        self._attend()

    def send_event(self) -> None:
        """What ends or skips a WFE."""
        if self.asleep and self.waits_for_event:
            self.asleep = False
            self._attend()
        else:
            self.event = True

    def masks(self) -> tuple[int, int, int]:
        return self.engine.masks()

    @property
    def above_all(self) -> bool:
        """Whether nothing but a reset or NMI can interrupt what runs now."""
        return self.controller.execution_priority(*self.masks()) <= -1

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

    def _enter(self, number: int, return_address: int) -> bool:
        """Take an exception; False when stacking failed and a fault was taken instead."""
        self.asleep = False
        self.event = True
        stacked = self._push_frame(return_address)
        self._spend(self.engine.costs.exception_entry)
        if stacked:
            self._vector(number)
            return True
        if number < FIRST_IRQ:
            self.controller.pending.discard(number)
        kind = Fault.STACKING_PROTECTED if self.engine.is_writable(self._frame_pointer()) else Fault.STACKING
        self.faults.record(kind, None)
        self._enter_without_stacking(HARD_FAULT if number == HARD_FAULT else kind.exception, kind, return_address)
        return False

    def _enter_without_stacking(self, number: int, kind: Fault, pc: int) -> None:
        """A fault of exception entry or return itself: its handler runs with the stack as it is.

        Raises:
            Lockup: it cannot be taken.
        """
        limit = self.controller.execution_priority(*self.masks())
        if number != HARD_FAULT and not (
            self.controller.is_enabled(number)
            and self.controller.preemption(self.controller.priority_of(number)) < limit
        ):
            if limit <= -1:
                raise Lockup(self._lockup_text(number, kind, pc))
            self.faults.forced(number)
            number = HARD_FAULT
        self.fault_record = FaultRecord(kind, pc, None, number, None, *self.snapshot(pc))
        self._vector(number)

    def snapshot(self, pc: int) -> tuple[tuple[int, ...], int]:
        """(r0 to r15, XPSR), with ``pc`` for r15."""
        *registers, xpsr = self.engine.read_all(SNAPSHOT)
        return (*registers, pc), xpsr

    def _push_frame(self, return_address: int) -> bool:
        """Save the caller's registers and set LR to the EXC_RETURN value.

        False when the stack is no memory; the stack pointer moves all the same.
        """
        engine = self.engine
        control, xpsr = engine.read("CONTROL"), engine.read("XPSR")
        floating = bool(control & FPCA and self.fp_context_control & ASPEN)
        stack = engine.read("SP")
        size = 4 * (BASIC_WORDS + (FP_WORDS if floating else 0))
        frame = (stack - size) & ~7
        saved = xpsr | (XPSR_ALIGNED if (stack - size) & 4 else 0)
        words = [*engine.caller_saved(), return_address, saved]
        if floating:
            words += [*engine.fp_caller_saved(), 0]
        stacked = self._may_store(frame & 0xFFFFFFFF) and self._may_store((frame + size - 1) & 0xFFFFFFFF)
        if stacked:
            engine.write_memory(frame, struct.pack(f"<{len(words)}I", *words))
        handler, process = bool(xpsr & 0x1FF), bool(control & SPSEL)
        engine.write("SP", frame & 0xFFFFFFFF)
        if not handler:
            engine.write("CONTROL", control & 1)
        link = EXC_RETURN | (0 if handler else 8) | (4 if process and not handler else 0) | (0 if floating else 16)
        engine.write("LR", link)
        return stacked

    def _may_store(self, address: int) -> bool:
        return self.engine.is_writable(address) and not self.violates(address, write=True)

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
        """Act on an EXC_RETURN value in PC: unstack, or go straight on with the next pending exception.

        Raises:
            Lockup: what returns is HardFault and the return is not possible.
        """
        engine = self.engine
        number = engine.read("XPSR") & 0x1FF
        self.event = True
        to_thread, process, floating = bool(link & 8), bool(link & 4), not link & 16
        sound = number in self.controller.active and link & 0xF in RETURN_KINDS and self._level_fits(to_thread)
        if number != HARD_FAULT - 1:
            engine.write("FAULTMASK", 0)
        self.controller.leave(number)
        if self.fault_record is not None and number == self.fault_record.handler:
            self.fault_record = None  # the firmware has dealt with it
        if not sound:
            self._refuse_return(Fault.INVALID_RETURN, USAGE_FAULT, link)
            return
        engine.write("CONTROL", engine.read("CONTROL") & 1)
        source = "PSP" if process and to_thread else "MSP"
        stack = engine.read(source)
        try:
            words = struct.unpack("<8I", engine.read_memory(stack, 4 * BASIC_WORDS))
            extended = struct.unpack("<18I", engine.read_memory(stack + 32, 4 * FP_WORDS)) if floating else ()
        except ValueError:
            self._refuse_return(Fault.UNSTACKING, BUS_FAULT, link)
            return
        if bool(words[7] & 0x1FF) == to_thread:
            self._refuse_return(Fault.INVALID_RETURN, USAGE_FAULT, link)
            return
        engine.restore_caller_saved(words)
        if extended:
            engine.restore_fp_caller_saved(extended)
        return_address, xpsr = words[6] & 0xFFFFFFFE, words[7]
        size = 4 * (BASIC_WORDS + (FP_WORDS if floating else 0)) + (4 if xpsr & XPSR_ALIGNED else 0)
        engine.write(source, stack + size)
        engine.write("XPSR", xpsr & ~XPSR_ALIGNED & (0xFFFFFE00 if to_thread else 0xFFFFFFFF) | THUMB)
        control = engine.read("CONTROL") & 1
        if to_thread:
            engine.write("CONTROL", control | (FPCA if floating else 0) | (SPSEL if process else 0))
        elif floating:
            engine.write("CONTROL", control | FPCA)
        engine.write("PC", return_address | 1)
        self._charge_return()
        if not xpsr & THUMB:
            self.fault(Fault.INVALID_STATE, return_address)

    def _level_fits(self, to_thread: bool) -> bool:
        """A return to thread mode is one from the only active exception, any other return is not."""
        nested = len(self.controller.active) > 1
        return not nested or bool(self.configuration & NONBASETHRDENA) if to_thread else nested

    def _refuse_return(self, kind: Fault, number: int, link: int) -> None:
        self.faults.record(kind, None)
        self.engine.write("LR", link & 0x0FFF_FFFF | 0xF000_0000)
        self._enter_without_stacking(number, kind, link)

    def _charge_return(self) -> None:
        """A return that leads straight into the next handler skips both stackings: charge the difference only."""
        costs = self.engine.costs
        if self.can_take():
            self._spend(costs.exception_tail_chain - costs.exception_entry)
        else:
            self._spend(costs.exception_exit)

    def _spend(self, cycles: int) -> None:
        self.engine.advance(cycles)
        self.exception_cycles += cycles

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
        self._raise(kind.exception, kind, pc, address)

    def _raise(self, number: int, kind: Fault, pc: int, address: int | None = None) -> None:
        limit = self.controller.execution_priority(*self.masks())
        allowed = self.controller.is_enabled(number)
        if (
            number == HARD_FAULT
            or not allowed
            or (self.controller.preemption(self.controller.priority_of(number)) >= limit)
        ):
            if limit <= -1:
                raise Lockup(self._lockup_text(number, kind, pc))
            self.faults.forced(number)
            number = HARD_FAULT
        at_fault = self.snapshot(pc)
        if self._enter(number, pc) and number != SUPERVISOR_CALL:
            self.fault_record = FaultRecord(kind, pc, address, number, self._frame_pointer(), *at_fault)

    def _frame_pointer(self) -> int:
        return self.engine.read("PSP" if self.engine.read("LR") & 4 else "MSP")

    def _lockup_text(self, number: int, kind: Fault, pc: int) -> str:
        name = "SVC" if number == SUPERVISOR_CALL else kind.text
        return f"{name} at {pc:#010x} inside the HardFault handler or with FAULTMASK set"
