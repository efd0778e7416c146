"""A raw conversation with the device under check: whole answers with their line ends, and what came after them."""

from dataclasses import dataclass, field

from harness.answers import LAP
from harness.conformance.facts import Facts
from harness.conformance.table import READY, UNKNOWN_MODEL, NotApplicable, load_input
from harness.link import Link
from harness.transcript import printable

TIMEOUT_S = 5.0
INFER_TIMEOUT_S = 30.0  # what hosts wait for a line during `infer`
QUIET_S = 0.05
SHOWN_BYTES = 160


class Deviation(Exception):
    """The device breaks a rule; the message says how."""


class NoAnswer(Deviation):
    """An answer without `m-ready`, so that the device may hang."""


@dataclass
class Session:
    """``boot``: what the device printed when the port was opened or the board was reset; empty if nothing.

    ``own_time``: device time and the link's clock have something to do with each other.
    """

    link: Link
    facts: Facts
    boot: bytes = b""
    own_time: bool = True
    after: list[tuple[bytes, bytes]] = field(default_factory=list)  # commands, and what came after their `m-ready`
    window: tuple[int, int] | None = None  # microseconds and iterations of a run the coarsest counter can time

    def exchange(self, sent: bytes) -> bytes:
        """The answer to one or more commands up to the `m-ready` of the last one.

        Raises:
            NoAnswer: it did not come.
            LinkError: the port vanished.
        """
        timeout = INFER_TIMEOUT_S if sent.startswith(b"infer") else TIMEOUT_S
        self.link.send(sent)
        answer = b"".join(self.link.read_until(READY.rstrip(), timeout) for _ in range(sent.count(b"%")))
        answer += self.link.drain(QUIET_S, TIMEOUT_S)
        if READY.rstrip() not in answer:
            raise NoAnswer(f"no m-ready to {quoted(sent)}: {quoted(answer) if answer else 'nothing came'}")
        ends = [end + len(READY) for end in _positions(answer)][: sent.count(b"%")]
        answer, after = answer[: ends[-1]], answer[ends[-1] :]
        if after:
            self.after.append((sent, after))
        return answer

    def load(self, data: bytes) -> None:
        """Raises Deviation when the load is not confirmed as it must be."""
        for exchange in load_input(data):
            answer = self.exchange(exchange.sent)
            if not exchange.answers[0].fullmatch(answer):
                raise Deviation(f"loading an input: {quoted(exchange.sent)} got {quoted(answer)}")

    def load_zeros(self) -> None:
        """A whole input. Raises NotApplicable for a model whose input is not known."""
        if self.facts.shape is None:
            raise NotApplicable(UNKNOWN_MODEL)
        self.load(bytes(self.facts.shape.input_bytes))

    def infer_us(self, iterations: int, warmups: int) -> int:
        """Microseconds between the two timestamps of `infer`, on the device's clock.

        Raises:
            NotApplicable: energy mode.
            Deviation: there are not two timestamps.
        """
        if self.facts.energy:
            raise NotApplicable("timestamps are pulses in energy mode")
        sent = b"infer %d %d%%" % (iterations, warmups)
        answer = self.exchange(sent)
        laps = laps_of(answer)
        if len(laps) != 2:
            raise Deviation(f"{quoted(sent)} got {len(laps)} timestamps, not 2: {quoted(answer)}")
        return (laps[1] - laps[0]) % (1 << 32)


def laps_of(answer: bytes) -> list[int]:
    lines = answer.decode("latin-1").replace("\r", "").split("\n")
    return [int(match[1]) for line in lines if (match := LAP.fullmatch(line))]


def quoted(data: bytes) -> str:
    return f"'{printable(data, SHOWN_BYTES)}'"


def _positions(answer: bytes) -> list[int]:
    found, start = [], 0
    while (start := answer.find(READY.rstrip(), start)) >= 0:
        found.append(start)
        start += 1
    return found
