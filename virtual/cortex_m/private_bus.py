"""The private peripheral bus: NVIC, system control block, SysTick, DWT, debug (Arm DDI0403, B3.2 to B3.4)."""

from collections.abc import Callable

from virtual.cortex_m.controller import (
    BUS_FAULT,
    FIRST_IRQ,
    MEMORY_FAULT,
    NMI,
    PEND_SV,
    SUPERVISOR_CALL,
    SYSTICK,
    USAGE_FAULT,
)
from virtual.cortex_m.core import CortexM
from virtual.cortex_m.counters import CycleCounter, SysTick
from virtual.cortex_m.mpu import Mpu
from virtual.timebase import Timebase
from virtual.timing.state import Field

CPUID_R0P1 = 0x410FC241
VECTKEY, VECTKEYSTAT = 0x05FA, 0xFA05
SYSRESETREQ = 1 << 2
CCR_RESET = 0x200  # STKALIGN
UNALIGN_TRP, DIV_0_TRP = 1 << 3, 1 << 4
FPCCR_RESET = 0xC000_0000
TRCENA = 1 << 24
# Bits of SHCSR.
ACTIVE_BITS = {0: MEMORY_FAULT, 1: BUS_FAULT, 3: USAGE_FAULT, 7: SUPERVISOR_CALL, 10: PEND_SV, 11: SYSTICK}
PENDING_BITS = {12: USAGE_FAULT, 13: MEMORY_FAULT, 14: BUS_FAULT, 15: SUPERVISOR_CALL}
FAULT_ENABLES = {16: MEMORY_FAULT, 17: BUS_FAULT, 18: USAGE_FAULT}

ITM_PORTS = range(0xE000_0000, 0xE000_0080)
DWT_CTRL, DWT_CYCCNT = 0xE000_1000, 0xE000_1004
EXCCNT, SLEEPCNT, PCSR = 0xE000_100C, 0xE000_1010, 0xE000_101C
PIPELINE_COUNTERS = 1 << 17 | 1 << 20 | 1 << 21  # DWT_CTRL: CPIEVTENA, LSUEVTENA, FOLDEVTENA
WATCHPOINTS = range(0xE000_1028, 0xE000_1060, 0x10)  # DWT_FUNCTIONn
WATCH_REGISTERS = range(0xE000_1020, 0xE000_1060)
FPB_CTRL, DHCSR = 0xE000_2000, 0xE000_EDF0
ICTR = 0xE000_E004
SYST = range(0xE000_E010, 0xE000_E020)
ISER, ICER, ISPR, ICPR, IABR = 0xE000_E100, 0xE000_E180, 0xE000_E200, 0xE000_E280, 0xE000_E300
IPR = range(0xE000_E400, 0xE000_E4F0)
CPUID, ICSR, VTOR, AIRCR, SCR, CCR = (0xE000_ED00 + 4 * n for n in range(6))
SHPR = range(0xE000_ED18, 0xE000_ED24)
SHCSR, CFSR, HFSR, MMFAR, BFAR = 0xE000_ED24, 0xE000_ED28, 0xE000_ED2C, 0xE000_ED34, 0xE000_ED38
CPACR, DEMCR, STIR, FPCCR = 0xE000_ED88, 0xE000_EDFC, 0xE000_EF00, 0xE000_EF34
MPU = range(0xE000_ED90, 0xE000_EDBC)
SYSTICK_CALIB = 0xE000_E01C
SYSTICK_CALIBRATION = 1 << 30 | 14_999  # 1 ms of HCLK / 8 at 120 MHz (RM0432, 16.1), inexact
PLAIN_RESET = {FPCCR: FPCCR_RESET, DWT_CTRL: 0x4000_0000, FPB_CTRL: 0x260}
# What may be used without being modelled: trace output, identification.
HARMLESS = (
    range(0xE000_0000, 0xE000_1000),  # ITM
    range(0xE000_1FB0, 0xE000_2000),  # DWT: lock access, identification
    range(0xE000_2000, 0xE000_3000),  # FPB: no breakpoint is ever hit
    range(0xE000_ED00, 0xE000_F000),  # SCB and debug registers that only store
    range(0xE004_0000, 0xE004_2000),  # TPIU, ETM
    range(0xE00F_F000, 0xE010_0000),  # ROM table
)


NAMES = {0xE000_E008: "ACTLR"}  # of registers that are not modelled


class PrivateBus:
    """Registers by absolute address, 32 bits wide; narrower accesses work on the word around them."""

    def __init__(
        self, core: CortexM, timebase: Timebase, request_reset: Callable[[], None], report: Callable[[str], None]
    ) -> None:
        """``report`` takes messages about what is not modelled."""
        self._core = core
        self._report = report
        self.mpu = Mpu()
        self._timebase = timebase
        self._request_reset = request_reset
        self.systick = SysTick(timebase, lambda: core.pend(SYSTICK))
        self.cycle_counter = CycleCounter(timebase)
        self._plain: dict[int, int] = {}
        self._readers: dict[int, Callable[[], int]] = {
            DWT_CYCCNT: self.cycle_counter.read,
            ICTR: lambda: (core.controller.irqs - 1) // 32,
            CPUID: lambda: CPUID_R0P1,
            ICSR: self._read_icsr,
            VTOR: lambda: core.vector_table,
            AIRCR: lambda: VECTKEYSTAT << 16 | core.controller.group << 8,
            SHCSR: self._read_shcsr,
            CFSR: lambda: core.faults.cfsr,
            HFSR: lambda: core.faults.hfsr,
            MMFAR: lambda: core.faults.mmfar,
            BFAR: lambda: core.faults.bfar,
            CCR: lambda: core.configuration,
            FPCCR: lambda: core.fp_context_control,
            SLEEPCNT: lambda: core.sleep_cycles & 0xFF,
            PCSR: lambda: core.engine.access_pc,
            EXCCNT: lambda: core.exception_cycles & 0xFF,
            SYSTICK_CALIB: lambda: SYSTICK_CALIBRATION,
        }
        self._writers: dict[int, Callable[[int], None]] = {
            DWT_CTRL: self._write_dwt_control,
            DWT_CYCCNT: self.cycle_counter.write,
            ICSR: self._write_icsr,
            VTOR: self._write_vtor,
            AIRCR: self._write_aircr,
            SHCSR: self._write_shcsr,
            CFSR: self._clear_cfsr,
            HFSR: self._clear_hfsr,
            CPACR: self._write_cpacr,
            DEMCR: self._write_demcr,
            CCR: self._write_ccr,
            FPCCR: self._write_fpccr,
            STIR: lambda value: core.pend(FIRST_IRQ + (value & 0x1FF)),
        }

    def reset(self) -> None:
        self._plain = dict(PLAIN_RESET)
        self.systick.reset()
        self.cycle_counter.reset()
        self.mpu.reset()
        self._write_ccr(CCR_RESET)
        self._write_fpccr(FPCCR_RESET)
        self._protect()
        self._core.engine.state[Field.FP_ENABLED] = 0

    # -- access ---------------------------------------------------------------------------------------------------

    def read(self, address: int, size: int) -> int:
        word = self._read_word(address & ~3)
        return word >> 8 * (address & 3) & ((1 << 8 * size) - 1)

    def write(self, address: int, size: int, value: int) -> None:
        base, shift = address & ~3, 8 * (address & 3)
        if size < 4:
            mask = ((1 << 8 * size) - 1) << shift
            kept = 0 if base in {CFSR, HFSR} else self._read_word(base) & ~mask
            value = kept | value << shift & mask
        self._write_word(base, value)

    def _read_word(self, address: int) -> int:
        if address in self._readers:
            return self._readers[address]()
        controller = self._core.controller
        if address in ITM_PORTS:
            return 1  # room for more
        if address in MPU:
            return self.mpu.read(address - MPU.start)
        if address in SYST:
            return self.systick.read(address - SYST.start)
        if address in IPR or address in SHPR:
            return self._read_priorities(address)
        if ISER <= address < IPR.start:
            sets = {0: controller.enabled, 1: controller.enabled, 2: controller.pending, 3: controller.pending}
            kind = (address - ISER) // 0x80
            return self._irq_bits(sets.get(kind, set(controller.active)), address)
        self._check_modelled(address)
        return self._plain.get(address, 0)

    def _check_modelled(self, address: int) -> None:
        if address not in PLAIN_RESET and not any(address in place for place in HARMLESS):
            name = NAMES.get(address, "private peripheral register")
            self._report(f"{name} at {address:#010x} is not modelled, it answers as plain memory")

    def _write_word(self, address: int, value: int) -> None:
        if address in self._writers:
            self._writers[address](value)
        elif address in MPU:
            self.mpu.write(address - MPU.start, value)
            self._protect()
        elif address in SYST:
            self.systick.write(address - SYST.start, value)
        elif address in IPR or address in SHPR:
            first = self._first_priority(address)
            for lane in range(4):
                self._core.controller.set_priority(first + lane, value >> 8 * lane & 0xFF)
            self._timebase.attend()
        elif ISER <= address < IABR:
            self._write_irqs(address, value)
        elif address not in ITM_PORTS:
            if address in WATCHPOINTS and value & 0xF:
                self._report("DWT comparators (watchpoints) are not modelled")
            elif address not in WATCH_REGISTERS:
                self._check_modelled(address)
            self._plain[address] = value

    # -- NVIC -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _first_irq(address: int) -> int:
        return FIRST_IRQ + (address - ISER) % 0x80 * 8

    def _irq_bits(self, numbers: set[int], address: int) -> int:
        first = self._first_irq(address)
        return sum(1 << (number - first) for number in numbers if first <= number < first + 32)

    def _write_irqs(self, address: int, value: int) -> None:
        controller = self._core.controller
        first = self._first_irq(address)
        numbers = {first + bit for bit in range(32) if value >> bit & 1}
        numbers = {number for number in numbers if number < FIRST_IRQ + controller.irqs}
        kind = (address - ISER) // 0x80
        if kind == 0:
            controller.enabled |= numbers
        elif kind == 1:
            controller.enabled -= numbers
        elif kind == 2:
            controller.pending |= numbers
        else:
            controller.pending -= numbers
            controller.pending |= numbers & controller.lines - set(controller.active)
        self._timebase.attend()

    @staticmethod
    def _first_priority(address: int) -> int:
        return address - SHPR.start + 4 if address in SHPR else FIRST_IRQ + address - IPR.start

    def _read_priorities(self, address: int) -> int:
        first = self._first_priority(address)
        priorities = self._core.controller.priority
        return sum(priorities.get(first + lane, 0) << 8 * lane for lane in range(4))

    # -- system control block -------------------------------------------------------------------------------------

    def _read_icsr(self) -> int:
        controller = self._core.controller
        active = self._core.engine.read("IPSR") & 0x1FF
        urgent = controller.most_urgent() or 0
        bits = {NMI: 31, PEND_SV: 28, SYSTICK: 26}
        value = sum(1 << bit for number, bit in bits.items() if number in controller.pending)
        value |= (1 << 22) if any(number >= FIRST_IRQ for number in controller.pending) else 0
        value |= (1 << 11) if len(controller.active) <= 1 else 0
        return value | urgent << 12 | active

    def _write_icsr(self, value: int) -> None:
        pending = self._core.controller.pending
        for bit, number in ((31, NMI), (28, PEND_SV), (26, SYSTICK)):
            if value >> bit & 1:
                self._core.pend(number)
        for bit, number in ((27, PEND_SV), (25, SYSTICK)):
            if value >> bit & 1:
                pending.discard(number)

    def _write_vtor(self, value: int) -> None:
        self._core.vector_table = value & 0xFFFFFF80

    def _write_aircr(self, value: int) -> None:
        if value >> 16 != VECTKEY:
            return
        self._core.controller.group = value >> 8 & 7
        if value & SYSRESETREQ:
            self._request_reset()

    def _read_shcsr(self) -> int:
        enabled = self._core.controller.enabled
        controller = self._core.controller
        value = sum(1 << bit for bit, number in FAULT_ENABLES.items() if number in enabled)
        value |= sum(1 << bit for bit, number in ACTIVE_BITS.items() if number in controller.active)
        return value | sum(1 << bit for bit, number in PENDING_BITS.items() if number in controller.pending)

    def _write_shcsr(self, value: int) -> None:
        enabled = self._core.controller.enabled
        for bit, number in FAULT_ENABLES.items():
            if value >> bit & 1:
                enabled.add(number)
            else:
                enabled.discard(number)

    def _clear_cfsr(self, value: int) -> None:
        self._core.faults.cfsr &= ~value

    def _clear_hfsr(self, value: int) -> None:
        self._core.faults.hfsr &= ~value

    def _write_cpacr(self, value: int) -> None:
        self._plain[CPACR] = value & 0x00F0_0000
        self._core.engine.state[Field.FP_ENABLED] = int(value >> 20 & 0xF == 0xF)

    def _write_ccr(self, value: int) -> None:
        self._core.configuration = value & 0x31B
        self._core.engine.set_traps(unaligned=bool(value & UNALIGN_TRP), division=bool(value & DIV_0_TRP))

    def _write_fpccr(self, value: int) -> None:
        """Lazy stacking is not put off: the registers are saved at once, which programs cannot tell apart."""
        self._core.fp_context_control = value & 0xC000_017A

    def _protect(self) -> None:
        """What the MPU forbids."""
        self._core.set_protection(self.mpu)

    # -- debug ----------------------------------------------------------------------------------------------------

    def _write_demcr(self, value: int) -> None:
        self._plain[DEMCR] = value
        self.cycle_counter.set_trace(bool(value & TRCENA))

    def _write_dwt_control(self, value: int) -> None:
        self._plain[DWT_CTRL] = PLAIN_RESET[DWT_CTRL] | value & 0x0FFF_FFFF
        if value & PIPELINE_COUNTERS:
            self._report("DWT counters CPICNT, LSUCNT and FOLDCNT are not modelled")
        self.cycle_counter.set_enabled(bool(value & 1))
