"""Which exception is pending, enabled, active, and which may interrupt which (Arm DDI0403, B1.5)."""

from dataclasses import dataclass, field

NMI, HARD_FAULT, MEMORY_FAULT, BUS_FAULT, USAGE_FAULT = 2, 3, 4, 5, 6
SUPERVISOR_CALL, DEBUG_MONITOR, PEND_SV, SYSTICK = 11, 12, 14, 15
FIRST_IRQ = 16
LOWEST = 256  # below every configurable priority
FIXED_PRIORITY = {NMI: -2, HARD_FAULT: -1}


@dataclass
class ExceptionController:
    """State of all exceptions, by exception number; IRQ n is 16 + n. Priorities are the upper ``priority_bits``."""

    irqs: int
    priority_bits: int
    pending: set[int] = field(default_factory=set)
    enabled: set[int] = field(default_factory=set)  # IRQs and configurable faults
    active: list[int] = field(default_factory=list)  # innermost last
    lines: set[int] = field(default_factory=set)  # IRQs whose request line is high
    priority: dict[int, int] = field(default_factory=dict)
    group: int = 0  # AIRCR.PRIGROUP

    def reset(self) -> None:
        for collection in (self.pending, self.enabled, self.active, self.priority):
            collection.clear()
        self.lines.clear()
        self.group = 0

    def set_priority(self, number: int, value: int) -> None:
        self.priority[number] = value & (0xFF << (8 - self.priority_bits)) & 0xFF

    def priority_of(self, number: int) -> int:
        return FIXED_PRIORITY.get(number, self.priority.get(number, 0))

    def preemption(self, priority: int) -> int:
        """The part of a priority that decides about preemption."""
        return priority if priority < 0 else priority >> (self.group + 1) << (self.group + 1)

    def execution_priority(self, primask: int, basepri: int, faultmask: int) -> int:
        """The priority that a new exception must beat; lower numbers are more urgent."""
        current = min((self.preemption(self.priority_of(number)) for number in self.active), default=LOWEST)
        if basepri:
            current = min(current, self.preemption(basepri))
        if primask:
            current = min(current, 0)
        if faultmask:
            current = min(current, -1)
        return current

    def is_enabled(self, number: int) -> bool:
        configurable = number >= FIRST_IRQ or number in {MEMORY_FAULT, BUS_FAULT, USAGE_FAULT}
        return not configurable or number in self.enabled

    def most_urgent(self) -> int | None:
        """The pending, enabled exception of the best priority; the lowest number among equals."""
        candidates = [number for number in self.pending if self.is_enabled(number)]
        return min(candidates, key=lambda number: (self.priority_of(number), number), default=None)

    def may_take(self, primask: int, basepri: int, faultmask: int) -> int | None:
        """The exception to enter now, if any."""
        number = self.most_urgent()
        if number is None:
            return None
        limit = self.execution_priority(primask, basepri, faultmask)
        return number if self.preemption(self.priority_of(number)) < limit else None

    def set_line(self, irq: int, high: bool) -> bool:
        """A peripheral's request line changed. Returns whether something became pending."""
        number = FIRST_IRQ + irq
        if not high:
            self.lines.discard(number)
            return False
        if number in self.lines:
            return False
        self.lines.add(number)
        self.pending.add(number)
        return True

    def enter(self, number: int) -> None:
        self.pending.discard(number)
        self.active.append(number)

    def leave(self, number: int) -> None:
        """End an exception; a request line that is still high makes it pending again."""
        if number in self.active:
            self.active.remove(number)
        if number in self.lines:
            self.pending.add(number)
