"""The GDB remote serial protocol: packets, the description of the core, and the commands a debugger sends.

Source of all of it: "Debugging with GDB", appendix E (remote protocol) and G (target descriptions). Knows no sockets.
"""

from virtual.gdb.stub import GdbStub

__all__ = ["GdbStub"]
