"""The Cortex-M4 around its instruction set: exceptions, NVIC, system control, SysTick and DWT."""

from virtual.cortex_m.core import CortexM, Lockup
from virtual.cortex_m.private_bus import PrivateBus

__all__ = ["CortexM", "Lockup", "PrivateBus"]
