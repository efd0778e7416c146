"""Where translated code comes back to Python: peripherals, status registers, guards, watches."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from virtual.engine.control import READ_SPECIAL, WRITE_SPECIAL
from virtual.engine.special import SpecialRegisters
from virtual.timing.state import R0, Access, Field

PLAIN = int(Access.PLAIN)


class Bus(Protocol):
    """Where accesses outside the memories go; sizes are 1, 2 or 4 bytes."""

    def read(self, address: int, size: int) -> int: ...

    def write(self, address: int, size: int, value: int) -> None: ...

    def program(self, address: int, size: int, value: int) -> bool:
        """A store to memory that is not writable: whether it was taken care of, else it faults."""
        ...


class Callbacks:
    """Functions for the fields of the state that hold callbacks.

    ``peripherals``: (origin, size) of what ``bus`` serves; ``stop`` ends the run at the next block; ``code_written``
    hears of stores to translated code. What a callback raises waits in ``raise_error``: it cannot pass native code.
    """

    def __init__(
        self,
        state: "memoryview[int]",
        peripherals: tuple[tuple[int, int], ...],
        bus: Bus,
        special: SpecialRegisters,
        watches: Mapping[int, Sequence[Callable[[], None]]],
        *,
        stop: Callable[[], None],
        code_written: Callable[[int, int], None],
    ) -> None:
        self._state = state
        self._peripherals = peripherals
        self._bus = bus
        self._special = special
        self._watches = watches
        self._stop = stop
        self._code_written = code_written
        self._served: dict[int, bool] = {}  # by address accessed: whether a peripheral is there
        self.in_access = False
        self.exception_ready: Callable[[], bool] = lambda: False
        self.event_sent: Callable[[], None] = lambda: None
        self.violated: Callable[[int, bool], bool] = lambda _, __: False
        self._error: BaseException | None = None
        self._kept: list[Any] = []
        number, pointer = ctypes.c_int64, ctypes.c_void_p
        callbacks: tuple[tuple[int, Callable[..., int], tuple[Any, ...]], ...] = (
            (Field.READ, self._read, (number, number)),
            (Field.WRITE, self._write, (number, number, number)),
            (Field.PROGRAM, self._program, (number, number, number)),
            (Field.GUARD, self._ask, (number, number)),
            (Field.CODE_WRITTEN, self._written, (number, number)),
            (Field.SYSTEM, self._system, (pointer, number, number, number)),
            (Field.WATCH, self._watch, (pointer, number)),
        )
        for field, method, operands in callbacks:
            callback = ctypes.CFUNCTYPE(number, *operands)(self._guarded(method))
            self._kept.append(callback)
            state[field] = int(ctypes.cast(callback, ctypes.c_void_p).value or 0)

    def _guarded(self, method: Callable[..., int]) -> Callable[..., int]:
        def callback(*operands: int) -> int:
            try:
                return method(*operands)
            except BaseException as error:
                self._error = self._error or error
                self._stop()
                return 0

        return callback

    def raise_error(self) -> None:
        """What a callback raised goes on here."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _is_peripheral(self, address: int) -> bool:
        known = self._served.get(address)
        if known is None:
            known = self._served[address] = any(at <= address < at + size for at, size in self._peripherals)
        return known

    def _read(self, address: int, size: int) -> int:
        if not self._is_peripheral(address):
            return -1
        self.in_access = True
        try:
            return self._bus.read(address, size) & ((1 << 8 * size) - 1)
        finally:
            self.in_access = False

    def _write(self, address: int, access: int, value: int) -> int:
        """1 when an exception should be taken before the next instruction."""
        if not self._is_peripheral(address):
            return -1
        size = access & 7
        self.in_access = True
        try:
            self._bus.write(address, size, value & ((1 << 8 * size) - 1))
        finally:
            self.in_access = False
        return int(bool(access & PLAIN) and self._state[Field.STOP_AT] == 0 and self.exception_ready())

    def _program(self, address: int, access: int, value: int) -> int:
        """A store to memory that is not writable; -1: nobody takes it."""
        size = access & 7
        self.in_access = True
        try:
            return 0 if self._bus.program(address, size, value & ((1 << 8 * size) - 1)) else -1
        finally:
            self.in_access = False

    def _ask(self, address: int, write: int) -> int:
        return int(self.violated(address, bool(write)))

    def _written(self, place: int, size: int) -> int:
        self._code_written(place, size)
        return 0

    def _system(self, _: int, action: int, operand: int, __: int) -> int:
        if action == READ_SPECIAL:
            self._state[R0 + (operand >> 16)] = self._special.read(operand & 0xFF)
        elif action == WRITE_SPECIAL:
            self._special.write(operand & 0xFF, operand >> 10 & 3, int(self._state[R0 + (operand >> 16)]))
        else:
            self.event_sent()
        return 0

    def _watch(self, _: int, address: int) -> int:
        for callback in self._watches.get(address, ()):
            callback()
        return 0
