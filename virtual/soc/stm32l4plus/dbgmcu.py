"""Debug support of the chip (RM0432, chapter 57): who it is. Nothing is ever frozen: no debugger halts virtual time."""

from typing import ClassVar

from virtual.soc.peripheral import Peripheral

IDCODE = 0x00
DEVICE_470, REVISION_W = 0x470, 0x100F  # STM32L4R5/S5; revision as in RM0432, DBGMCU_IDCODE


class Dbgmcu(Peripheral):
    RESET: ClassVar = {IDCODE: REVISION_W << 16 | DEVICE_470}

    def write(self, offset: int, value: int) -> None:
        if offset != IDCODE:
            super().write(offset, value)
