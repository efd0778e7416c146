"""The system bus above the memories: private peripherals, bit-band aliases and the chip's peripherals."""

from virtual.cortex_m import PrivateBus
from virtual.engine import Engine
from virtual.polling import PollDetector
from virtual.soc.chip import Chip
from virtual.timebase import Timebase

PRIVATE = 0xE000_0000
PRIVATE_RANGE = (PRIVATE, 0x10_0000)
VENDOR_DEBUG = range(0xE004_2000, 0xE004_3000)  # the chip's own place on the private bus
SRAM_ALIAS, SRAM_TARGET = 0x2200_0000, 0x2000_0000
PERIPHERAL_ALIAS, PERIPHERAL_TARGET = 0x4200_0000, 0x4000_0000
ALIAS_SIZE = 0x200_0000
ALIAS_RANGES = ((SRAM_ALIAS, ALIAS_SIZE), (PERIPHERAL_ALIAS, ALIAS_SIZE))


def alias_target(alias: int, target: int, address: int) -> tuple[int, int]:
    """(byte, bit) that a word of a bit-band alias stands for."""
    bits = (address - alias) // 4
    return target + bits // 8, bits % 8


class SystemBus:
    """Implements ``virtual.engine.Bus``. Everything due by an access happens before it."""

    engine: Engine
    private: PrivateBus
    chip: Chip
    timebase: Timebase
    polls: PollDetector

    def connect(self, engine: Engine, private: PrivateBus, chip: Chip, timebase: Timebase, polls: PollDetector) -> None:
        """The engine needs its bus before there is anything on it."""
        self.engine, self.private, self.chip, self.timebase, self.polls = engine, private, chip, timebase, polls

    def read(self, address: int, size: int) -> int:
        self.timebase.run_due()
        if address >= PRIVATE and address not in VENDOR_DEBUG:
            self.polls.forget()
            return self.private.read(address, size)
        if SRAM_ALIAS <= address < SRAM_ALIAS + ALIAS_SIZE:
            byte, bit = alias_target(SRAM_ALIAS, SRAM_TARGET, address)
            return self.engine.read_memory(byte, 1)[0] >> bit & 1
        if PERIPHERAL_ALIAS <= address < PERIPHERAL_ALIAS + ALIAS_SIZE:
            byte, bit = alias_target(PERIPHERAL_ALIAS, PERIPHERAL_TARGET, address)
            return self.chip.read(byte, 1) >> bit & 1
        value = self.chip.read(address, size)
        if self.chip.is_steady(address):
            self.polls.observe(address, value)
        else:
            self.polls.forget()
        return value

    def write(self, address: int, size: int, value: int) -> None:
        self.timebase.run_due()
        self.polls.forget()
        if address >= PRIVATE and address not in VENDOR_DEBUG:
            self.private.write(address, size, value)
        elif SRAM_ALIAS <= address < SRAM_ALIAS + ALIAS_SIZE:
            byte, bit = alias_target(SRAM_ALIAS, SRAM_TARGET, address)
            old = self.engine.read_memory(byte, 1)[0]
            self.engine.write_memory(byte, bytes([old & ~(1 << bit) | (value & 1) << bit]))
        elif PERIPHERAL_ALIAS <= address < PERIPHERAL_ALIAS + ALIAS_SIZE:
            byte, bit = alias_target(PERIPHERAL_ALIAS, PERIPHERAL_TARGET, address)
            word, bit = byte & ~3, bit + 8 * (byte & 3)
            old = self.chip.read(word, 4)
            self.chip.write(word, 4, old & ~(1 << bit) | (value & 1) << bit)
        else:
            self.chip.write(address, size, value)

    def program(self, address: int, size: int, value: int) -> bool:
        """A store to memory that cannot be written by stores; False when that is a bus fault."""
        self.timebase.run_due()
        self.polls.forget()
        return self.chip.program(address, size, value)
