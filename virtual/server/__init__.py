"""The virtual board as a process: its serial line, a debugger's port and a control port, served by one thread."""

from virtual.server.background import served
from virtual.server.server import BoardServer

__all__ = ["BoardServer", "served"]
