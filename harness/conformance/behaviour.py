"""Rules that need more than a table of answers: boot text, what follows an answer, numbers, the device's clock."""

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.conformance.session import Deviation, Session, laps_of, quoted
from harness.conformance.table import UNKNOWN_MODEL, NotApplicable

TIMESTAMPS = 40
COARSEST_US = 1000  # the rules ask for at least 1 kHz
WINDOW_US = 60_000
LARGEST_ITERATIONS = 20_000
CLOCK_TOLERANCE = 0.05
CLOCK_TOLERANCE_S = 0.02  # USB serial ports deliver every 16 ms
CLOCK_WINDOWS = 4
WORK_TOLERANCE = 0.1  # of the ratio between windows of N and 2 N inferences

BANNER = re.compile(rb"m-timestamp-mode-(performance|energy)\r\n")
BOOT_LAP = re.compile(rb"m-timestamp-mode-[a-z]+\r\nm-lap-us-\d{1,10}\r\n")
RESULTS = re.compile(rb"^m-results-\[([^\]\r\n]*)\]\r\n", re.MULTILINE)
THREE_DECIMALS = re.compile(rb"-?\d+\.\d{3}")
NAME_LINE = re.compile(rb"m-name-dut-\[[^\]\r\n]+\]\r\nm-ready\r\n")


@dataclass(frozen=True)
class BehaviourRule:
    """``check`` returns a note when the device takes an allowed variant, else "".

    It raises Deviation when the rule is broken, NotApplicable when it cannot be told.
    """

    id: str
    title: str
    check: Callable[[Session], str]


def _boot(session: Session) -> bytes:
    if not session.boot:
        raise NotApplicable("no boot text was seen; reset the board while `--boot SECONDS` waits for it")
    return session.boot


def boot_banner(session: Session) -> str:
    boot = _boot(session)
    match = BANNER.match(boot)
    if not match:
        raise Deviation(f"boot text begins with {quoted(boot)}")
    if (match[1] == b"energy") != session.facts.energy:
        raise Deviation(f"the banner says {match[1].decode()}, but `timestamp` answers as in the other mode")
    return ""


def boot_timestamp(session: Session) -> str:
    boot = _boot(session)
    if session.facts.energy:
        if laps_of(boot):
            raise Deviation(f"a timestamp is printed in energy mode: {quoted(boot)}")
    elif not BOOT_LAP.match(boot):
        raise Deviation(f"no timestamp follows the banner: {quoted(boot)}")
    return ""


def boot_end(session: Session) -> str:
    boot = _boot(session)
    if not boot.endswith(b"m-init-done\r\nm-ready\r\n") or boot.count(b"m-ready") != 1:
        raise Deviation(f"boot text does not end in m-init-done and the only m-ready: {quoted(boot[-80:])}")
    expected = 3 if session.facts.energy else 4
    return "other lines are printed, too, as one reference does" if boot.count(b"\n") > expected else ""


def name_line(session: Session) -> str:
    answer = session.exchange(b"name%")
    if not NAME_LINE.fullmatch(answer) or b"m-ready" in answer.split(b"\r\n")[0]:
        raise Deviation(f"hosts do not find the name in {quoted(answer)}")
    return ""


def one_ready(session: Session) -> str:
    for sent, after in session.after:
        if b"m-ready" in after:
            raise Deviation(f"more than one m-ready to {quoted(sent)}")
    return ""


def silence_after_ready(session: Session) -> str:
    for sent, after in session.after:
        if b"m-ready" not in after:
            raise Deviation(f"{quoted(sent)} is followed by {quoted(after)} behind its m-ready")
    return ""


def results_format(session: Session) -> str:
    shape = session.facts.shape
    if shape is None:
        raise NotApplicable(UNKNOWN_MODEL)
    session.load_zeros()
    answer = session.exchange(b"infer 1 0%")
    found = RESULTS.findall(answer)
    if len(found) != 1:
        raise Deviation(f"{len(found)} m-results lines, not 1: {quoted(answer)}")
    fields = found[0].split(b",")
    trailing = not fields[-1]
    fields = fields[:-1] if trailing else fields
    if len(fields) != shape.results:
        raise Deviation(f"{len(fields)} results, not {shape.results}: {quoted(found[0])}")
    wrong = next((item for item in fields if not THREE_DECIMALS.fullmatch(item)), None)
    if wrong is not None:
        raise Deviation(f"{quoted(wrong)} is no number with three decimals")
    return "the list ends in a comma, as two references print it" if trailing else ""


def results_repeat(session: Session) -> str:
    session.load_zeros()
    printed = RESULTS.findall(session.exchange(b"infer 1 0%"))
    repeated = [RESULTS.findall(session.exchange(b"results%")) for _ in range(2)]
    if any(again != printed for again in repeated):
        raise Deviation(f"`infer` printed {printed}, `results` after it {repeated}")
    return ""


def counter_resolution(session: Session) -> str:
    if session.facts.energy:
        raise NotApplicable("timestamps are pulses in energy mode")
    # Commands of different lengths: equal ones could come at equal intervals, whatever the counter's steps are.
    commands = [b"timestamp" + b" " * (37 * n % 64) + b"%" for n in range(TIMESTAMPS)]
    values = [lap for command in commands for lap in laps_of(session.exchange(command))]
    if len(values) != TIMESTAMPS or max(values) >= 1 << 32:
        raise Deviation(f"{TIMESTAMPS} times `timestamp` gave {len(values)} values, the largest {max(values or [0])}")
    steps = [(later - earlier) % (1 << 32) for earlier, later in itertools.pairwise(values)]
    if max(steps) >= 1 << 31 or not any(steps):
        raise Deviation("the counter runs backwards" if any(steps) else "the counter stands still")
    resolution = math.gcd(*steps)
    if resolution > COARSEST_US:
        raise Deviation(f"the counter advances in steps of {resolution} us, more than {COARSEST_US} us")
    return ""


def counter_is_right(session: Session) -> str:
    if not session.own_time:
        raise NotApplicable("a program answers, whose time is not this computer's")
    _, iterations = _window(session)
    before, sent = session.link.seconds, laps_of(session.exchange(b"timestamp%"))
    session.exchange(b"infer %d 0%%" % (CLOCK_WINDOWS * iterations))
    after, received = session.link.seconds, laps_of(session.exchange(b"timestamp%"))
    if not sent or not received:
        raise Deviation("`timestamp` prints no counter")
    device, host = (received[0] - sent[0]) % (1 << 32) / 1e6, after - before
    if abs(device - host) > CLOCK_TOLERANCE_S + CLOCK_TOLERANCE * host:
        raise Deviation(f"the device counts {device:.3f} s where {host:.3f} s pass")
    return ""


def window_holds_the_iterations(session: Session) -> str:
    once, iterations = _window(session)
    twice = session.infer_us(2 * iterations, 0)
    if abs(twice / once - 2) > 2 * WORK_TOLERANCE:
        raise Deviation(f"{iterations} inferences take {once} us, {2 * iterations} take {twice} us")
    return ""


def window_without_warmups(session: Session) -> str:
    once, iterations = _window(session)
    warmed = session.infer_us(iterations, iterations)
    if abs(warmed / once - 1) > WORK_TOLERANCE:
        raise Deviation(f"{iterations} inferences take {once} us, after as many warm-ups {warmed} us")
    return ""


def _window(session: Session) -> tuple[int, int]:
    """Microseconds and iterations of a window long enough for the coarsest counter."""
    if session.window is not None:
        return session.window
    session.load_zeros()
    iterations = 1
    while True:
        elapsed = session.infer_us(iterations, 0)
        if elapsed >= WINDOW_US:
            session.window = elapsed, iterations
            return session.window
        if iterations == LARGEST_ITERATIONS:
            raise Deviation(f"{iterations} inferences take {elapsed} us; the counter does not run during them")
        wanted = math.ceil(iterations * WINDOW_US * 1.2 / elapsed) if elapsed else 10 * iterations
        iterations = min(wanted, 10 * iterations, LARGEST_ITERATIONS)


BOOT_RULES = [
    BehaviourRule("BOOT-BANNER", "The boot text begins with the mode: performance or energy", boot_banner),
    BehaviourRule("BOOT-LAP", "A timestamp follows the banner; in energy mode it is not printed", boot_timestamp),
    BehaviourRule("BOOT-END", "The boot text ends with m-init-done and the first m-ready", boot_end),
]
RULES = [
    BehaviourRule("ID-REGEX", "The name line is one that hosts find: `dut`, then a text without brackets", name_line),
    BehaviourRule("RES-FORMAT", "As many results as the benchmark has, with three decimals each", results_format),
    BehaviourRule("RES-REPEAT", "`results` prints again what the last `infer` printed", results_repeat),
    BehaviourRule("TIM-RESOLUTION", "The counter runs forwards in steps of at most 1000 us", counter_resolution),
    BehaviourRule("TIM-SECONDS", "The counter counts microseconds", counter_is_right),
    BehaviourRule("INF-WINDOW", "Time between the timestamps grows with the inferences", window_holds_the_iterations),
    BehaviourRule("INF-WARMUP-TIME", "Warm-ups are not between the timestamps", window_without_warmups),
]
# Judged last, by what happened during all others.
FINAL_RULES = [
    BehaviourRule("FRM-ONE-READY", "Every command ends with exactly one m-ready", one_ready),
    BehaviourRule("FRM-QUIET", "Nothing is printed after m-ready", silence_after_ready),
]
