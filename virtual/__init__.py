"""The virtual board: runs a firmware ELF for a real board, with modelled time. Knows no models and no harness."""

from virtual.held_signals import HeldSignals

with HeldSignals():  # the first import compiles the timing hooks, and numba does not survive Ctrl-C in that
    from virtual.board import VirtualBoard
    from virtual.execution import StopReason
    from virtual.serial_port import VirtualSerial
    from virtual.server import BoardServer, served

__all__ = ["BoardServer", "StopReason", "VirtualBoard", "VirtualSerial", "served"]
