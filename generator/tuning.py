"""Choices that are measured, not ruled: which kernel an operator gets and how much it works on at a time.

`invoke tune` finds them on a board and keeps them in a file of ``tuning/``, by board and model, so that every build of
that model is the same again. A choice that does not suit its operator is left to the rules.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from common.board import VARIANT, Board
from common.errors import UserError
from common.files import write_atomic
from common.paths import ROOT
from generator.graph import Graph, Operator

TUNING = ROOT / "tuning"
OPTION = "tuning"  # of an operator
PREFETCH = "prefetch"  # in files, beside operators
DIGITS = 16  # of the model's SHA-256 in a file's name


@dataclass(frozen=True)
class OperatorTuning:
    """``kernel``: its name. ``columns``: of CONV_2D, of pixels expanded at a time. ``band``: lines of outputs of a
    depthwise convolution at a time. None: by rule."""

    kernel: str | None = None
    columns: int | None = None
    band: int | None = None


RULES = OperatorTuning()


@dataclass(frozen=True)
class Tuning:
    """Choices by the operator's index in the model; ``prefetch``: whether the flash reads ahead of the code, None by
    rule."""

    operators: Mapping[int, OperatorTuning] = field(default_factory=dict)
    prefetch: bool | None = None

    def __hash__(self) -> int:
        return hash((self.prefetch, *sorted(self.operators.items())))


def tuning_of(operator: Operator) -> OperatorTuning:
    choice = operator.options.get(OPTION, RULES)
    assert isinstance(choice, OperatorTuning)
    return choice


def tuned(graph: Graph, tuning: Tuning) -> Graph:
    """The graph whose operators know their choices."""
    operators = (
        replace(operator, options={**operator.options, OPTION: tuning.operators.get(operator.index, RULES)})
        for operator in graph.operators
    )
    return replace(graph, operators=tuple(operators))


def tuning_from_json(data: Mapping[str, Any]) -> Tuning:
    """Raises TypeError or ValueError where it is not one."""
    prefetch = data.get(PREFETCH)
    if not isinstance(prefetch, bool | None):
        raise TypeError(f"{PREFETCH} is {prefetch}")
    return Tuning({int(index): OperatorTuning(**choice) for index, choice in data["operators"].items()}, prefetch)


def with_flash(board: Board, tuning: Tuning, objective: str) -> Board:
    """The board with its flash set as the tuning says, or by rule."""
    prefetch = prefetch_by_rule(board, objective) if tuning.prefetch is None else tuning.prefetch
    return replace(board, clock=replace(board.clock, prefetch=prefetch))


def prefetch_by_rule(board: Board, objective: str) -> bool:
    """Off where weights are read from flash beside code: they wait for the reads ahead of the code (docs/boards.md)."""
    return board.clock.prefetch and objective != "memory"


def tuning_path(board: str, model_sha256: str) -> Path:
    return TUNING / board / f"{model_sha256[:DIGITS]}.toml"


def load_tuning(board: str, model_sha256: str, objective: str) -> Tuning:
    """What was found for the model, for one objective; nothing where there is no file. For a variant of a board without
    a file: what was found for the board.

    Raises:
        UserError: the file is damaged.
    """
    path = tuning_path(board, model_sha256)
    if not path.is_file():
        path = tuning_path(board.partition(VARIANT)[0], model_sha256)
    if not path.is_file():
        return Tuning()
    try:
        data = tomllib.loads(path.read_text())
        if data["sha256"] != model_sha256:
            return Tuning()
        choices = dict(data.get("objective", {}).get(objective, {}))
        return tuning_from_json({PREFETCH: choices.pop(PREFETCH, None), "operators": choices})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it, or write it again with `invoke tune`") from None


def save_tuning(board: str, model: str, model_sha256: str, objective: str, tuning: Tuning) -> Path:
    """Put the choices for one objective into the model's file, beside those for others."""
    path = tuning_path(board, model_sha256)
    objectives: dict[str, Any] = {}
    if path.is_file():
        objectives = tomllib.loads(path.read_text()).get("objective", {})
    flash = {} if tuning.prefetch is None else {PREFETCH: tuning.prefetch}
    objectives[objective] = flash | {
        str(index): {key: value for key, value in asdict(choice).items() if value is not None}
        for index, choice in sorted(tuning.operators.items())
        if choice != RULES
    }
    lines = [
        "# Choices by operator, and for the flash, found by `invoke tune`.",
        f'model = "{model}"',
        f'sha256 = "{model_sha256}"',
    ]
    for name, choices in sorted(objectives.items()):
        lines += ["", f"[objective.{name}]"]
        for index, choice in choices.items():
            if index == PREFETCH:
                lines.append(f"{PREFETCH} = {str(choice).lower()}")
                continue
            fields = ", ".join(
                f'{key} = "{value}"' if isinstance(value, str) else f"{key} = {value}" for key, value in choice.items()
            )
            lines.append(f"{index} = {{ {fields} }}")
    write_atomic(path, "\n".join(lines) + "\n")
    return path
