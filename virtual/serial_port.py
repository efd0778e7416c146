"""The virtual board's serial port with the interface of pyserial's ``Serial``."""

from collections.abc import Callable

from common.errors import UserError
from virtual.board import VirtualBoard
from virtual.execution import StopReason
from virtual.soc.serial import decode_line

SLICE_SECONDS = 0.001  # virtual time that looking at ``in_waiting`` may take
PROGRESS_SECONDS = 0.05  # virtual time between two calls of the progress callback


class PortClosedError(OSError):
    """The port was used after ``close``."""


class VirtualSerial:
    """Reading runs the board. Timeouts are virtual time; a read also ends when the board waits for input for good.

    A ``baudrate`` more than 3 % off what the firmware has set garbles bytes in both directions.
    """

    name = "virtual"

    def __init__(
        self,
        board: VirtualBoard,
        baudrate: int = 921600,
        timeout: float | None = 1.0,
        progress: Callable[[VirtualBoard], None] | None = None,
    ) -> None:
        """Connect to a board.

        ``timeout`` is in seconds; None waits as long as anything may still come. ``progress`` is called now and then
        while a read runs the board, so that a long computation does not look like a hang.
        """
        self.board = board
        self.baudrate = baudrate
        self.timeout = timeout
        self.progress = progress
        self.is_open = True
        self._buffer = bytearray()

    def _check_open(self) -> None:
        if not self.is_open:
            raise PortClosedError("the virtual serial port is closed")

    def _collect(self) -> None:
        """Move what the board has sent into the buffer, as a receiver at ``baudrate`` sees it."""
        output = self.board.take_output()
        start = 0
        for index in range(1, len(output) + 1):
            if index == len(output) or output[index][1] != output[start][1]:
                frames = bytes(value for value, _ in output[start:index])
                decoded = decode_line(frames, output[start][1], self.baudrate)
                self._buffer.extend(frame.value for frame, _ in decoded)
                start = index

    def _advance(self, seconds: float) -> StopReason:
        """Run the board for at most an interval of virtual time."""
        reason = self.board.run(max(1, round(seconds * self.board.hz)))
        self._collect()
        return reason

    def read(self, size: int = 1) -> bytes:
        """Up to ``size`` bytes; fewer when the timeout passes or nothing more can come.

        Raises:
            UserError: the firmware stopped for good and has nothing more to say; the message is its post-mortem.
        """
        self._check_open()
        self._collect()
        deadline = None if self.timeout is None else self.board.seconds + self.timeout
        next_report = self.board.seconds + PROGRESS_SECONDS
        while len(self._buffer) < size:
            now = self.board.seconds
            left = PROGRESS_SECONDS if deadline is None else min(PROGRESS_SECONDS, deadline - now)
            if left <= 0:
                break
            reason = self._advance(left)
            if reason is StopReason.LOCKUP and not self._buffer:
                raise UserError(self.board.post_mortem or "the firmware is locked up")
            if reason in {StopReason.IDLE, StopReason.LOCKUP}:
                break
            if self.progress is not None and self.board.seconds >= next_report:
                next_report = self.board.seconds + PROGRESS_SECONDS
                self.progress(self.board)
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def write(self, data: bytes) -> int:
        """Put bytes on the line; they arrive one by one in virtual time, while the board runs."""
        self._check_open()
        self.board.send(bytes(data), self.baudrate)
        return len(data)

    def flush(self) -> None:
        """Run the board until all that was written has arrived."""
        self._check_open()
        while self.board.input_queued:
            if self._advance(PROGRESS_SECONDS) is StopReason.LOCKUP:
                break

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once. When there are none the board runs a little, so that polling gets on."""
        self._check_open()
        self._collect()
        if not self._buffer:
            self._advance(SLICE_SECONDS)
        return len(self._buffer)

    def reset_input_buffer(self) -> None:
        """Forget what has been received and not read."""
        self._check_open()
        self.board.take_output()
        self._buffer.clear()

    def reset_output_buffer(self) -> None:
        """Forget what has been written and is not on the line yet."""
        self._check_open()
        self.board.discard_input()

    def close(self) -> None:
        self.is_open = False

    def __enter__(self) -> "VirtualSerial":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
