"""A GDB remote stub: bytes from the debugger in, bytes to it out. Whoever owns it runs the board while ``running``."""

import enum
from collections.abc import Callable

from common.errors import UserError
from virtual.board import SYSTEM_MEMORY, SYSTEM_MEMORY_SIZE, VirtualBoard
from virtual.execution import StopReason
from virtual.gdb.crc import crc32
from virtual.gdb.description import CORE, REGISTERS, memory_map_xml, target_xml
from virtual.gdb.packets import PACKET_BYTES, Packet, PacketReader, Sign, escape, frame, unescape

SIGINT, SIGTRAP, SIGABRT = 2, 5, 6
OK = b"OK"
BAD_ARGUMENT, BAD_ADDRESS, BAD_REGISTER, BAD_IMAGE = b"E16", b"E0e", b"E02", b"E08"
FEATURES = (
    f"PacketSize={PACKET_BYTES:x};qXfer:features:read+;qXfer:memory-map:read+;QStartNoAckMode+;vContSupported+;"
    "hwbreak+;swbreak+"
).encode()
SOFTWARE, HARDWARE, WRITE_WATCH = b"0", b"1", b"2"
EXPEDITED = tuple(CORE.index(name) for name in ("r7", "sp", "lr", "pc", "xpsr"))
LONGEST_READ = PACKET_BYTES // 2 - 16
LONGEST_WATCH = 64
WATCHED_STEPS = 2000  # instructions between two looks at the debugger while a watchpoint is set


class Mode(enum.Enum):
    """How the target goes on."""

    CONTINUE = enum.auto()
    STEP = enum.auto()  # until the program counter leaves a range


class GdbStub:
    """One debugger's session; ``halted`` is whether the board must stand still.

    The first packet halts the board, detaching or ``close`` lets it go on. ``monitor`` carries out a command of the
    board's control and returns its text.
    """

    def __init__(self, machine: VirtualBoard, monitor: Callable[[str], str]) -> None:
        self.machine = machine
        self.halted = False
        self.attached = False
        self.met = False  # whether there ever was a packet
        self._monitor = monitor
        self._reader = PacketReader()
        self._acknowledge = True
        self._last = b""
        self._mode = Mode.CONTINUE
        self._range = range(0)
        self._breakpoints: dict[int, set[bytes]] = {}
        self._watchpoints: dict[tuple[int, int], bytes] = {}
        self._signal = SIGTRAP
        self._commands: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
            (b"QStartNoAckMode", self._no_acknowledgements),
            (b"qSupported", lambda _: FEATURES),
            (b"qXfer:features:read:target.xml:", lambda rest: self._piece(target_xml(), rest)),
            (b"qXfer:memory-map:read::", self._memory_map),
            (b"qRcmd,", self._command),
            (b"qCRC:", self._checksum),
            (b"qAttached", lambda _: b"1"),
            (b"qC", lambda _: b"QC1"),
            (b"qfThreadInfo", lambda _: b"m1"),
            (b"qsThreadInfo", lambda _: b"l"),
            (b"qSymbol", lambda _: OK),
            (b"vFlashErase:", self._erase),
            (b"vFlashWrite:", self._program),
            (b"vFlashDone", lambda _: OK),
            (b"vCont?", lambda _: b"vCont;c;C;s;S;r"),
            (b"vCont;", self._go_on),
            (b"vRun", self._restart),
            (b"?", lambda _: self._stop_reply()),
            (b"!", lambda _: OK),
            (b"H", lambda _: OK),
            (b"T", lambda _: OK),
            (b"g", self._read_registers),
            (b"G", self._write_registers),
            (b"p", self._read_register),
            (b"P", self._write_register),
            (b"m", self._read_memory),
            (b"M", self._write_memory),
            (b"X", self._write_binary),
            (b"Z", self._set_breakpoint),
            (b"z", self._clear_breakpoint),
            (b"c", lambda rest: self._resume(Mode.CONTINUE, rest)),
            (b"s", lambda rest: self._resume(Mode.STEP, rest)),
        )

    # -- session --------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> bytes:
        """Handle what the debugger sent; returns what to send it."""
        answer = b""
        for item in self._reader.feed(data):
            if isinstance(item, Packet):
                answer += self._handle(item)
            elif item is Sign.INTERRUPT and self.attached and not self.halted:
                answer += self._stop(SIGINT)
            elif item is Sign.NAK and self._acknowledge:
                answer += self._last
        return answer

    def close(self) -> None:
        """The debugger is gone: forget its breakpoints and let the board run."""
        self._detach()

    def _detach(self) -> None:
        self._breakpoints.clear()
        self._watchpoints.clear()
        self._sync_breakpoints()
        self.halted = self.attached = self.machine.debugging = False

    def _handle(self, packet: Packet) -> bytes:
        if not packet.intact:
            return Sign.NAK.value if self._acknowledge else b""
        sign = Sign.ACK.value if self._acknowledge else b""
        if self.attached and not self.halted:
            return sign  # nothing but an interrupt is expected while the target runs
        if not self.attached:
            self.attached = self.met = self.halted = self.machine.debugging = True
        answer = self._answer(packet.data)
        return sign if answer is None else sign + self._send(answer)

    def _send(self, data: bytes) -> bytes:
        self._last = frame(data)
        return self._last

    def _answer(self, data: bytes) -> bytes | None:
        """The reply to one packet, empty for one that is not supported; None: it comes when the target stops."""
        if data[:1] == b"D" or data[:1] == b"k" or data.startswith(b"vKill"):
            self._detach()
            return None if data[:1] == b"k" else OK
        for prefix, command in self._commands:
            if data.startswith(prefix):
                try:
                    answer = command(data[len(prefix) :])
                except ValueError:
                    return BAD_ARGUMENT
                return answer if self.halted else None
        return b""

    def _no_acknowledgements(self, _: bytes) -> bytes:
        self._acknowledge = False
        return OK

    @staticmethod
    def _piece(document: bytes, window: bytes) -> bytes:
        """Part of a document that is read in windows of `offset,length`."""
        offset, length = _numbers(window, b",")
        piece = document[offset : offset + min(length, LONGEST_READ)]
        return (b"m" if offset + len(piece) < len(document) else b"l") + escape(piece)

    def _memory_map(self, window: bytes) -> bytes:
        others = (*self.machine.debug.ranges, (SYSTEM_MEMORY, SYSTEM_MEMORY_SIZE))
        return self._piece(memory_map_xml(self.machine.board, others), window)

    def _command(self, digits: bytes) -> bytes:
        text = self._monitor(bytes.fromhex(digits.decode("ascii")).decode("utf-8", "replace"))
        return text.encode()[:LONGEST_READ].hex().encode() or OK

    # -- registers ------------------------------------------------------------------------------------------------

    def _register(self, number: int) -> bytes:
        register = REGISTERS[number]
        value = self.machine.debug.read_register(register.name) & ((1 << register.bits) - 1)
        return value.to_bytes(register.bits // 8, "little").hex().encode()

    def _read_registers(self, _: bytes) -> bytes:
        return b"".join(self._register(number) for number in range(len(REGISTERS)))

    def _write_registers(self, digits: bytes) -> bytes:
        data = _binary(digits)
        if len(data) != sum(register.bits // 8 for register in REGISTERS):
            return BAD_ARGUMENT
        for register in reversed(REGISTERS):  # what SP is depends on CONTROL
            size = register.bits // 8
            self.machine.debug.write_register(register.name, int.from_bytes(data[-size:], "little"))
            data = data[:-size]
        return OK

    def _read_register(self, digits: bytes) -> bytes:
        number = int(digits, 16)
        return self._register(number) if 0 <= number < len(REGISTERS) else BAD_REGISTER

    def _write_register(self, text: bytes) -> bytes:
        digits, _, value = text.partition(b"=")
        number, data = int(digits, 16), _binary(value)
        if not 0 <= number < len(REGISTERS) or len(data) != REGISTERS[number].bits // 8:
            return BAD_REGISTER
        self.machine.debug.write_register(REGISTERS[number].name, int.from_bytes(data, "little"))
        return OK

    # -- memory ---------------------------------------------------------------------------------------------------

    def _read_memory(self, text: bytes) -> bytes:
        address, size = _numbers(text, b",")
        try:
            return self.machine.debug.read(address, min(size, LONGEST_READ)).hex().encode()
        except ValueError:
            return BAD_ADDRESS

    def _write(self, address: int, size: int, data: bytes) -> bytes:
        if len(data) != size:
            return BAD_ARGUMENT
        try:
            if data:
                self.machine.debug.write(address, data)
        except ValueError:
            return BAD_ADDRESS
        return OK

    def _write_memory(self, text: bytes) -> bytes:
        where, _, digits = text.partition(b":")
        return self._write(*_numbers(where, b","), _binary(digits))

    def _write_binary(self, text: bytes) -> bytes:
        where, _, data = text.partition(b":")
        return self._write(*_numbers(where, b","), unescape(data))

    def _erase(self, text: bytes) -> bytes:
        address, size = _numbers(text, b",")
        if size > self.machine.board.flash.size:
            return BAD_ARGUMENT
        return self._write(address, size, b"\xff" * size)

    def _program(self, text: bytes) -> bytes:
        digits, _, data = text.partition(b":")
        plain = unescape(data)
        return self._write(int(digits, 16), len(plain), plain)

    def _checksum(self, text: bytes) -> bytes:
        """For `compare-sections`."""
        address, size = _numbers(text, b",")
        try:
            return b"C%x" % crc32(self.machine.debug.read(address, min(size, self.machine.board.flash.size)))
        except ValueError:
            return BAD_ADDRESS

    # -- breakpoints ----------------------------------------------------------------------------------------------

    def _sync_breakpoints(self) -> None:
        self.machine.breakpoints.clear()
        self.machine.breakpoints.update(self._breakpoints)

    def _set_breakpoint(self, text: bytes) -> bytes:
        kind, address, size = _point(text)
        if kind in (SOFTWARE, HARDWARE):
            self._breakpoints.setdefault(address & ~1, set()).add(kind)
            self._sync_breakpoints()
        elif kind == WRITE_WATCH:
            try:
                self._watchpoints[address, size] = self.machine.read_memory(address, min(size, LONGEST_WATCH))
            except ValueError:
                return BAD_ADDRESS
        else:
            return b""
        return OK

    def _clear_breakpoint(self, text: bytes) -> bytes:
        kind, address, size = _point(text)
        if kind in (SOFTWARE, HARDWARE):
            kinds = self._breakpoints.get(address & ~1, set())
            kinds.discard(kind)
            if not kinds:
                self._breakpoints.pop(address & ~1, None)
            self._sync_breakpoints()
        elif kind == WRITE_WATCH:
            self._watchpoints.pop((address, size), None)
        else:
            return b""
        return OK

    # -- running --------------------------------------------------------------------------------------------------

    def _resume(self, mode: Mode, address: bytes = b"") -> bytes:
        if address:
            self.machine.debug.write_register("pc", _number(address))
        self._mode, self._range = mode, range(0)
        self.halted = False
        return b""

    def _go_on(self, actions: bytes) -> bytes:
        """The first action; there is but one thread."""
        action = actions.split(b";")[0].split(b":")[0]
        if action[:1] in (b"c", b"C"):
            return self._resume(Mode.CONTINUE)
        if action[:1] in (b"s", b"S"):
            return self._resume(Mode.STEP)
        if action[:1] == b"r":
            first, last = _numbers(action[1:], b",")
            self._resume(Mode.STEP)
            self._range = range(first, last)
            return b""
        return BAD_ARGUMENT

    def _restart(self, _: bytes) -> bytes:
        """`run`: there is but one program, the one in flash."""
        try:
            self.machine.press_reset()
        except UserError:
            return BAD_IMAGE
        self._signal = SIGTRAP
        return self._stop_reply()

    def run(self, max_cycles: int) -> tuple[StopReason, bytes]:
        """Run the board as the debugger wishes, for about that long; returns what to tell the debugger, if anything."""
        if not self.attached:
            return self.machine.run(max_cycles), b""
        try:
            if self._mode is Mode.STEP or self._watchpoints:
                return self._run_by_steps()
            reason = self.machine.run(max_cycles)
        except UserError as error:  # a reset that leads nowhere
            return StopReason.LOCKUP, self._send(_message(str(error))) + self._stop(SIGABRT)
        return reason, self._told(reason)

    def _run_by_steps(self) -> tuple[StopReason, bytes]:
        machine = self.machine
        for _ in range(WATCHED_STEPS):
            reason = machine.step()
            if reason is not StopReason.BREAKPOINT:
                return reason, self._told(reason)
            changed = self._changed()
            if changed is not None:
                return reason, self._stop(SIGTRAP, b"watch:%x;" % changed)
            pc = machine.debug.read_register("pc")
            if (self._mode is Mode.STEP and pc not in self._range) or pc in self._breakpoints:
                return reason, self._told(reason)
        return StopReason.LIMIT, b""

    def _changed(self) -> int | None:
        """The address of a watchpoint whose memory has another value than before."""
        for (address, size), before in self._watchpoints.items():
            now = self.machine.read_memory(address, len(before))
            if now != before:
                self._watchpoints[address, size] = now
                return address
        return None

    def _told(self, reason: StopReason) -> bytes:
        if reason is StopReason.LOCKUP:
            return self._send(_message(f"the core is locked up: {self.machine.lockup}")) + self._stop(SIGABRT)
        if reason is StopReason.BREAKPOINT:
            kinds = self._breakpoints.get(self.machine.debug.read_register("pc"), set())
            cause = b"hwbreak:;" if HARDWARE in kinds else b"swbreak:;" if kinds else b""
            return self._stop(SIGTRAP, cause)
        return b""

    def _stop(self, signal: int, cause: bytes = b"") -> bytes:
        self.halted = True
        self._signal = signal
        return self._send(self._stop_reply(cause))

    def _stop_reply(self, cause: bytes = b"") -> bytes:
        registers = b"".join(b"%02x:%s;" % (number, self._register(number)) for number in EXPEDITED)
        return b"T%02x%s%sthread:1;" % (self._signal, registers, cause)


def _message(text: str) -> bytes:
    """A line for the debugger's console."""
    return b"O" + f"{text}\n".encode().hex().encode()


def _numbers(text: bytes, separator: bytes) -> tuple[int, int]:
    """Two hexadecimal numbers. Raises ValueError when they are not."""
    first, _, second = text.partition(separator)
    return _number(first), _number(second)


def _number(digits: bytes) -> int:
    value = int(digits, 16)
    if not 0 <= value <= 0xFFFFFFFF:
        raise ValueError(digits)
    return value


def _binary(digits: bytes) -> bytes:
    return bytes.fromhex(digits.decode("ascii"))


def _point(text: bytes) -> tuple[bytes, int, int]:
    """`kind,address,size` of a break- or watchpoint; conditions behind it are the debugger's own business."""
    kind, address, size = text.split(b";")[0].split(b",")
    return kind, _number(address), _number(size)
