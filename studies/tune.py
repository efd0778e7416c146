"""`invoke tune`: measures kernels and block sizes operator by operator and keeps what is faster.

Operators do not disturb each other much: an image that takes the next candidate for all of them at once measures one
for each. The best of each are then put together, and kept only if they are faster together. Last, the flash's prefetch
is tried the other way.

All of that happens on the virtual board, or on a real one that is programmed with one image after the other.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.table import Table

from common.board import Board
from common.console import say
from common.paths import BUILD, ROOT
from generator.compile import Compiled, compile_model
from generator.contents import columns_bytes
from generator.importer import read_model
from generator.ops import conv_2d, conv_2d_planes, depthwise_conv_2d, winograd
from generator.program import Program
from generator.tuning import RULES, OperatorTuning, Tuning, prefetch_by_rule, save_tuning
from harness.classic import require_classic
from studies.measure import Measurement, Recipe, benchmark_of, measure_recipes, measurement_from_json
from studies.on_board import BoardMeter

SIZES = (1, 2, 4, 8, 16, 32)  # columns or lines at a time
MOST_SCRATCH = 16 * 1024  # bytes
WORTH = 0.002  # of an operator's cycles, or of the whole; less is not worth a choice
SOURCES = ("generator", "firmware", "virtual", "templates", "boards")


@dataclass(frozen=True)
class Gain:
    """One operator: cycles by rule and with its best choice."""

    operator: int
    name: str
    choice: OperatorTuning
    before: int
    after: int


def candidates(operator: str, kernel: str, compact: bool) -> Iterator[OperatorTuning]:
    """What is worth a try for an operator of this name with this kernel by rule; ``compact``: nothing with larger
    weights. Where activations are planes they stay so: other kernels would change the neighbours, too."""
    if kernel == conv_2d_planes.KERNEL:
        yield from (OperatorTuning(columns=size) for size in SIZES)
    elif kernel == depthwise_conv_2d.PLANES_KERNEL:
        return
    elif operator == "CONV_2D":
        if not compact:
            yield OperatorTuning(kernel=winograd.KERNEL)
        yield from (OperatorTuning(kernel=conv_2d.PAIRED, columns=size) for size in SIZES)
        yield OperatorTuning(kernel=conv_2d.PLAIN)
    elif operator == "DEPTHWISE_CONV_2D":
        yield from (OperatorTuning(kernel=depthwise_conv_2d.SMALL, band=size) for size in SIZES)
        yield OperatorTuning(kernel=depthwise_conv_2d.ANY)


def compiled_for(objective: str, model: bytes, name: str, tuning: Tuning | None = None) -> Compiled:
    """As builds for this objective do it."""
    compact = objective == "memory"
    return compile_model(model, name, compact=compact, columns_bytes=columns_bytes(objective), tuning=tuning)


def rounds(program: Program, model: bytes, name: str, objective: str) -> list[Tuning]:
    """Tunings that together try every candidate that makes a difference."""
    compact = objective == "memory"
    by_rule = _calls(program)
    known = {index: {kernels} for index, (_, kernels, _) in by_rule.items()}
    tried: dict[int, list[OperatorTuning]] = {}
    kernel = {step.operator: step.kernel for step in program.steps}
    options = {index: list(candidates(operator, kernel[index], compact)) for index, (operator, *_) in by_rule.items()}
    for row in zip_longest(*options.values()):
        choices = {index: choice for index, choice in zip(options, row, strict=True) if choice is not None}
        calls = _calls(compiled_for(objective, model, name, Tuning(choices)).program)
        for index, choice in choices.items():
            _, kernels, scratch = calls[index]
            if kernels not in known[index] and scratch <= MOST_SCRATCH:
                tried.setdefault(index, []).append(choice)
            known[index].add(kernels)
    return [
        Tuning({index: choice for index, choice in zip(tried, row, strict=True) if choice is not None})
        for row in zip_longest(*tried.values())
    ]


def _calls(program: Program) -> dict[int, tuple[str, tuple[str, ...], int]]:
    """By operator: its name, its kernels with what a choice changes in them, its scratch memory."""
    size = {buffer.name: buffer.bytes for buffer in program.buffers}
    found: dict[int, tuple[str, tuple[str, ...], int]] = {}
    for step in program.steps:
        _, kernels, scratch = found.get(step.operator, ("", (), 0))
        call = f"{step.kernel} {step.parameters.get('columns')} {step.parameters.get('band')}"
        scratch = max(scratch, size[step.scratch] if step.scratch else 0)
        found[step.operator] = step.operator_name, (*kernels, call), scratch
    return found


def best_choices(by_rule: Measurement, tried: Iterable[tuple[Tuning, Measurement]]) -> list[Gain]:
    """The fastest choice of each operator that is faster than the rule's, the largest gain first."""
    before = cycles_by_operator(by_rule)
    names = {layer.operator: layer.name for layer in by_rule.layers}
    best = dict.fromkeys(before, RULES)
    after = dict(before)
    for tuning, measurement in tried:
        cycles = cycles_by_operator(measurement)
        for index, choice in tuning.operators.items():
            if cycles[index] < min(after[index], before[index] * (1 - WORTH)):
                best[index], after[index] = choice, cycles[index]
    gains = [Gain(index, names[index], best[index], before[index], after[index]) for index in before]
    return sorted((gain for gain in gains if gain.choice != RULES), key=lambda gain: gain.after - gain.before)


def cycles_by_operator(measurement: Measurement) -> dict[int, int]:
    cycles: dict[int, int] = {}
    for layer in measurement.layers:
        cycles[layer.operator] = cycles.get(layer.operator, 0) + layer.cycles
    return cycles


def within_arena(gains: list[Gain], model: bytes, name: str, objective: str, most: int) -> list[Gain]:
    """Those that together need no larger tensor arena than ``most`` bytes, the largest gains first."""
    kept: list[Gain] = []
    for gain in gains:
        tuning = Tuning({item.operator: item.choice for item in (*kept, gain)})
        if compiled_for(objective, model, name, tuning).memory.arena_bytes <= most:
            kept.append(gain)
    return kept


Meter = Callable[[Sequence[Recipe], Console, Callable[[Recipe, Measurement], None]], object]


class Journal:
    """Measurements already taken, in a file that an interrupted search goes on from."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Measurement] = {}
        if path.is_file():
            for line in path.read_text().splitlines():
                try:
                    entry = json.loads(line)
                    self._known[entry["recipe"]] = measurement_from_json(entry["measurement"])
                except (ValueError, KeyError, TypeError):
                    continue  # cut off when the search was stopped

    def measure(self, recipes: list[Recipe], console: Console, meter: Meter) -> list[Measurement]:
        missing = [recipe for recipe in recipes if self._key(recipe) not in self._known]
        meter(missing, console, self._note)
        return [self._known[self._key(recipe)] for recipe in recipes]

    def _note(self, recipe: Recipe, measurement: Measurement) -> None:
        self._known[self._key(recipe)] = measurement
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps({"recipe": self._key(recipe), "measurement": asdict(measurement)}) + "\n")

    @staticmethod
    def _key(recipe: Recipe) -> str:
        return hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()


def sources_digest() -> str:
    """Of everything that measured cycles depend on."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def run_tune(
    board: Board,
    bench: str,
    model: Path,
    objective: str,
    console: Console,
    *,
    cluster: str | None = None,
    device: BoardMeter | None = None,
) -> Path | None:
    """Search, show and save; the file's path, or None where the rules were best.

    For the objective latency the tensor arena may grow; for others it may not. ``cluster``: see `measure_recipes`.
    ``device``: a board to measure on, instead of the virtual one.

    Raises:
        UserError: something could not be built or run.
    """
    benchmark = benchmark_of(Recipe(bench, str(model), board.name, objective))
    require_classic(benchmark, "invoke tune")
    where, timing = "", "modelled"
    meter: Meter = partial(measure_recipes, cluster=cluster)
    if device is not None:
        device.check_port(benchmark.baud)
        where, timing, meter = f"-{device.name}", device.timing, device.measure
    content = read_model(model)
    digest = hashlib.sha256(content).hexdigest()
    compiled = compiled_for(objective, content, str(model))
    journal = Journal(BUILD / "tune" / f"{board.name}-{objective}-{digest[:16]}-{sources_digest()}{where}.jsonl")

    def recipe(tuning: Tuning) -> Recipe:
        return Recipe(bench, str(model), board.name, objective, tuning=tuning)

    tunings = rounds(compiled.program, content, str(model), objective)
    say(f"{bench or model.name} for {objective}: {len(tunings) + 1} images to measure", console)
    by_rule, *measured = journal.measure([recipe(Tuning()), *map(recipe, tunings)], console, meter)
    gains = best_choices(by_rule, zip(tunings, measured, strict=True))
    most = board.ram_bytes if objective == "latency" else compiled.memory.arena_bytes
    gains = within_arena(gains, content, str(model), objective, most)
    tuning = Tuning({gain.operator: gain.choice for gain in gains})
    (together,) = journal.measure([recipe(tuning)], console, meter)
    other = replace(tuning, prefetch=not prefetch_by_rule(board, objective))
    (aside,) = journal.measure([recipe(other)], console, meter)
    if aside.cycles < together.cycles * (1 - WORTH):
        tuning, together = other, aside
    console.print(_table(gains, by_rule, together, timing))
    if tuning.prefetch is not None:
        say(f"flash prefetch {'on' if tuning.prefetch else 'off'}, not as by rule", console)
    if together.cycles >= by_rule.cycles:
        say("the rules are best: nothing saved", console)
        return None
    return save_tuning(board.name, model.name, digest, objective, tuning)


def _table(gains: list[Gain], by_rule: Measurement, together: Measurement, timing: str) -> Table:
    saved = 100 * (1 - together.cycles / by_rule.cycles)
    table = Table(
        title=f"{by_rule.bench or by_rule.model}, {by_rule.objective}: {by_rule.cycles:,} -> {together.cycles:,} cycles"
        f" ({saved:.2f} % less), {timing}; tensor arena {by_rule.arena_bytes:,} -> {together.arena_bytes:,} bytes"
    )
    for heading in ("operator", "choice", "by rule", "tuned"):
        table.add_column(heading)
    for gain in sorted(gains, key=lambda gain: gain.operator):
        choice = ", ".join(f"{key} {value}" for key, value in asdict(gain.choice).items() if value is not None)
        table.add_row(f"{gain.operator} {gain.name}", choice, f"{gain.before:,}", f"{gain.after:,}")
    return table
