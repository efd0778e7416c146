"""The flash interface (RM0432, chapter 3): wait states, caches, programming, erasing, option bytes.

Times are DS12023's typical ones. While an operation runs, code in the same bank stands still; code elsewhere goes on.
"""

import struct
from collections.abc import Callable

from virtual.engine import Engine
from virtual.soc.diagnostics import Diagnostics
from virtual.soc.peripheral import Peripheral
from virtual.timebase import Timebase

ACR, PDKEYR, KEYR, OPTKEYR, SR, CR, ECCR, OPTR = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x20
OPTION_REGISTERS = frozenset({OPTR, 0x24, 0x28, 0x2C, 0x30, 0x44, 0x48, 0x4C, 0x50})
LATENCY, PRFTEN, ICEN, DCEN, ICRST, DCRST = 0xF, 1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12
PG, PER, MER1, BKER, MER2, STRT = 1 << 0, 1 << 1, 1 << 2, 1 << 11, 1 << 15, 1 << 16
OPTSTRT, FSTPG, EOPIE, ERRIE, OBL_LAUNCH, OPTLOCK, LOCK = (1 << n for n in (17, 18, 24, 25, 27, 30, 31))
EOP, OPERR, PROGERR, PGAERR, SIZERR, PGSERR = (1 << n for n in (0, 1, 3, 5, 6, 7))
MISERR, FASTERR, BSY = 1 << 8, 1 << 9, 1 << 16
ERRORS = 0xC3FA
DBANK = 1 << 22
CR_RESET = LOCK | OPTLOCK
OPTR_FACTORY = 0xFFEF_F8AA
KEYS = (0x4567_0123, 0xCDEF_89AB)
OPTION_KEYS = (0x0819_2A3B, 0x4C5D_6E7F)
PAGES = 256  # in a bank
ROW_WORDS = 128  # of fast programming
PROGRAM_SECONDS, ROW_SECONDS, ERASE_SECONDS = 81.7e-6, 3.6e-3, 22.0e-3
BLANK = b"\xff"


class FlashInterface(Peripheral):
    """``origin`` and ``size`` are those of the flash; ``code_changed`` is called when its content has changed."""

    def __init__(
        self,
        engine: Engine,
        timebase: Timebase,
        diagnostics: Diagnostics,
        *,
        origin: int,
        size: int,
        read_bytes: int,
        interrupt: Callable[[bool], None],
        code_changed: Callable[[], None],
        reload: Callable[[], None],
    ) -> None:
        super().__init__("FLASH")
        self._engine = engine
        self._timebase = timebase
        self._diagnostics = diagnostics
        self._origin, self._size = origin, size
        self._read_bytes = read_bytes
        self._interrupt = interrupt
        self._code_changed = code_changed
        self._reload = reload
        self.on_change: Callable[[], None] = lambda: None
        self.power_on()
        self.reset()

    def power_on(self) -> None:
        """Factory option bytes, but for DBANK, which the board's description decides."""
        self._options = dict.fromkeys(OPTION_REGISTERS, 0)
        self._options[OPTR] = OPTR_FACTORY & ~DBANK | (DBANK if self._read_bytes == 8 else 0)
        for start in (0x24, 0x44):  # PCROP and WRP areas: start behind end, so nothing is protected
            self._options[start] = self._options[start + 8] = self._options[start + 12] = 0xFFFF

    def reset(self) -> None:
        self.registers = {ACR: ICEN | DCEN, CR: CR_RESET, **self._options}
        self._given_keys: dict[int, int] = {KEYR: 0, OPTKEYR: 0}
        self._barred: set[int] = set()
        self._words: list[tuple[int, int]] = []
        self._apply()

    @property
    def wait_states(self) -> int:
        return self.peek(ACR) & LATENCY

    @property
    def dual_bank(self) -> bool:
        return bool(self._options[OPTR] & DBANK)

    # -- registers ------------------------------------------------------------------------------------------------

    def write(self, offset: int, value: int) -> None:
        if offset == ACR:
            super().write(offset, value & ~(ICRST | DCRST))
            if value & (ICRST | DCRST):
                self._engine.clear_caches()
            self._apply()
            self.on_change()
        elif offset == SR:
            self.registers[SR] = self.peek(SR) & ~(value & (ERRORS | EOP))
        elif offset == KEYR:
            self._take_key(KEYR, KEYS, value, LOCK)
        elif offset == OPTKEYR:
            self._take_key(OPTKEYR, OPTION_KEYS, value, OPTLOCK)
        elif offset == CR:
            self._write_control(value)
        elif offset == ECCR:
            super().write(offset, value & 1 << 24)  # flags are cleared by ones and no ECC error ever happens
        elif offset in OPTION_REGISTERS:
            if not self.peek(CR) & OPTLOCK:
                super().write(offset, value)
        elif offset != PDKEYR:
            super().write(offset, value)
        self._update()

    def read(self, offset: int) -> int:
        return 0 if offset in {KEYR, OPTKEYR, PDKEYR} else self.peek(offset)

    def is_steady(self, offset: int) -> bool:
        return offset == SR

    def _take_key(self, register: int, keys: tuple[int, int], value: int, lock: int) -> None:
        """Two keys in order unlock; anything else bars the register until the next reset."""
        place = self._given_keys[register]
        if register in self._barred or value != keys[place]:
            self._barred.add(register)
            self._diagnostics.add("FLASH: a wrong key was written; the lock holds until the next reset")
            return
        if place == 0:
            self._given_keys[register] = 1
            return
        self._given_keys[register] = 0
        self.registers[CR] &= ~lock

    def _write_control(self, value: int) -> None:
        control = self.peek(CR)
        if control & LOCK:
            return
        if self.peek(SR) & BSY:
            self._diagnostics.add("FLASH: CR was written during an operation; ignored")
            return
        locks = (control | value) & OPTLOCK | value & LOCK
        self.registers[CR] = value & ~(STRT | OPTSTRT | OBL_LAUNCH | CR_RESET) | locks
        if value & STRT:
            self._erase(value)
        elif value & OPTSTRT and not control & OPTLOCK:
            self._options = {offset: self.peek(offset) for offset in OPTION_REGISTERS}
            self._busy(ERASE_SECONDS, lambda: None, self._origin, stalls=True)
        if value & OBL_LAUNCH and not control & OPTLOCK:
            self._read_bytes = 8 if self.dual_bank else 16
            self._reload()

    def _apply(self) -> None:
        acr = self.peek(ACR)
        self._engine.set_flash(
            wait_states=self.wait_states,
            icache=bool(acr & ICEN),
            dcache=bool(acr & DCEN),
            prefetch=bool(acr & PRFTEN),
            read_bytes=self._read_bytes,
        )

    def _update(self) -> None:
        status, control = self.peek(SR), self.peek(CR)
        self._interrupt(bool((control & EOPIE and status & EOP) or (control & ERRIE and status & OPERR)))

    # -- operations -----------------------------------------------------------------------------------------------

    def _fail(self, flag: int) -> None:
        self.registers[SR] = self.peek(SR) | flag | (OPERR if self.peek(CR) & ERRIE else 0)
        self._words.clear()
        self._update()

    def _erase(self, control: int) -> None:
        bank = self._size // 2
        page = bank // PAGES if self.dual_bank else self._size // PAGES
        if not control & (PER | MER1 | MER2):
            self._fail(PGSERR)
            return
        if control & PER:
            start = (control >> 3 & 0xFF) * page + (bank if self.dual_bank and control & BKER else 0)
            spans = [(start, page)]
        elif self.dual_bank:
            spans = [(0, bank)] * bool(control & MER1) + [(bank, bank)] * bool(control & MER2)
        else:
            spans = [(0, self._size)]

        def apply() -> None:
            for start, size in spans:
                self._engine.write_memory(self._origin + start, BLANK * size)

        self._busy(ERASE_SECONDS, apply, self._origin + spans[0][0], stalls=len(spans) == 2)

    def program(self, address: int, size: int, value: int) -> bool:
        """A store to flash; False when programming is not switched on, which is a bus fault (RM0432, 3.3.7)."""
        control = self.peek(CR)
        if control & LOCK or not control & (PG | FSTPG):
            return False
        if self.peek(SR) & BSY:
            self._timebase.stall_until(self._done_at)
            self._timebase.run_due()
        if size != 4:
            self._fail(SIZERR)
        elif self.peek(SR) & ERRORS:
            self._fail(PGSERR)
        else:
            self._collect(address, value, row=bool(control & FSTPG))
        return True

    def _collect(self, address: int, value: int, row: bool) -> None:
        """Words are buffered until a double word, in fast mode a row of 64 double words, is complete."""
        needed = ROW_WORDS if row else 2
        expected = self._words[-1][0] + 4 if self._words else address
        if address != expected or (not self._words and address % (4 * needed)):
            self._fail(PGAERR if not row else FASTERR)
            return
        self._words.append((address, value))
        if len(self._words) < needed:
            return
        start = self._words[0][0]
        data = struct.pack(f"<{needed}I", *(word for _, word in self._words))
        self._words.clear()
        old = self._engine.read_memory(start, len(data))
        if any(
            old[at : at + 8] != BLANK * 8 and any(data[at : at + 8]) and not row for at in range(0, len(data), 8)
        ):  # only an erased double word may be programmed, or any with zeros
            self._fail(PROGERR)
            return
        seconds = ROW_SECONDS if row else PROGRAM_SECONDS
        self._busy(seconds, lambda: self._engine.write_memory(start, data), start, stalls=False)

    def _busy(self, seconds: float, apply: Callable[[], None], address: int, *, stalls: bool) -> None:
        self.registers[SR] = self.peek(SR) | BSY

        def finish() -> None:
            apply()
            control = self.peek(CR)
            self.registers[SR] = self.peek(SR) & ~BSY | (EOP if control & EOPIE else 0)
            self._engine.clear_caches()
            self._code_changed()
            self._update()

        self._done_at = self._timebase.now + self._timebase.cycles_of(seconds)
        self._timebase.at(self._done_at, finish)
        if stalls or self._runs_in_bank_of(address):
            self._timebase.stall_until(self._done_at)

    def _runs_in_bank_of(self, address: int) -> bool:
        place = self._engine.access_pc % (1 << 27)  # the flash is also at 0
        if place >= self._size:
            return False
        bank = self._size // 2
        return not self.dual_bank or place // bank == (address - self._origin) // bank
