"""What the virtual board draws: a current model fitted to published energy figures, and a meter that integrates it.

Everything here is modelled. ``boards/<board>/energy.toml`` holds the facts and their sources; `CurrentModel` says how
far off it is (`error_percent`) over the figures it was fitted to. The current of a linearly regulated core does not
depend on the supply voltage, so energy is current times volts times time.

To feed a power monitor: make one `ChargeMeter` of the board, call ``sample()`` after each slice of virtual time; or
`average_current` for the present instant.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.board import Board
from common.errors import UserError
from common.paths import BOARDS
from virtual.board import VirtualBoard

CALIBRATED_MODE = "range 1 boost"
CALIBRATED_HZ = 120_000_000
BENCHES = ("ad", "ic", "kws", "vww")


@dataclass(frozen=True)
class PowerState:
    """What decides the current.

    ``mode``: voltage scaling as in ``[core_volts]``; ``asleep``: share of the time in sleep mode; ``stalled``: share of
    the running cycles in which the core waits for flash.
    """

    hz: int
    mode: str
    asleep: float = 0.0
    stalled: float = 0.0


@dataclass(frozen=True)
class PublishedFigure:
    """One published energy. ``error_percent``: of the model's current against it."""

    by: str
    bench: str
    amps: float
    stalled: float
    fitted: bool
    error_percent: float


@dataclass(frozen=True)
class CurrentModel:
    """Amperes per volt of core voltage and hertz of core clock, for a working and for a stalled cycle."""

    working: float
    stalled: float
    sleep_share: float
    core_volts: Mapping[str, float]
    volts: float
    figures: tuple[PublishedFigure, ...]

    def current_amps(self, state: PowerState) -> float:
        """Average supply current in amperes.

        Raises:
            ValueError: the state's mode is none of the chip's.
        """
        if state.mode not in self.core_volts:
            raise ValueError(f"no current is known for '{state.mode}'; modes are: {', '.join(self.core_volts)}")
        per_hertz = self.working * (1 - state.stalled) + self.stalled * state.stalled
        running = per_hertz * self.core_volts[state.mode] * state.hz
        return running * (1 - state.asleep * (1 - self.sleep_share))

    @property
    def error_percent(self) -> float:
        """The worst deviation from a figure it was fitted to: how far to trust it in its calibrated state."""
        return max(abs(figure.error_percent) for figure in self.figures if figure.fitted)

    @property
    def rms_error_percent(self) -> float:
        squares = [figure.error_percent**2 for figure in self.figures if figure.fitted]
        return math.sqrt(sum(squares) / len(squares))

    def is_calibrated(self, state: PowerState) -> bool:
        """Whether published figures cover this state; elsewhere the current is an extrapolation of unknown error."""
        return state.mode == CALIBRATED_MODE and state.hz == CALIBRATED_HZ and state.asleep == 0.0


def load_current_model(board: Board) -> CurrentModel:
    """Fit the model of a board: least squares of the relative deviation from its published figures.

    Raises:
        UserError: nothing is known of this board's current.
    """
    path = BOARDS / board.name / "energy.toml"
    if not path.is_file():
        raise UserError(f"no current is known for {board.title}: {path} does not exist; energy cannot be modelled")
    data = tomllib.loads(path.read_text())
    rows = [
        (row["by"], bench, row[bench][0] / row[bench][1] * 1e-3 / row["volts"], row.get("fit", True))
        for row in data["published"]
        for bench in BENCHES
        if bench in row
    ]
    shares: dict[str, float] = data["stalled_share"]
    scale = data["core_volts"][CALIBRATED_MODE] * CALIBRATED_HZ
    used = [(shares[bench], amps) for _, bench, amps, fitted in rows if fitted]
    terms = np.array([[(1 - stalled) / amps, stalled / amps] for stalled, amps in used])
    working, stalled_cycle = (float(value) for value in np.linalg.lstsq(terms, np.ones(len(used)), rcond=None)[0])
    figures = tuple(
        PublishedFigure(
            by,
            bench,
            amps,
            shares[bench],
            fitted,
            100 * ((working * (1 - shares[bench]) + stalled_cycle * shares[bench]) / amps - 1),
        )
        for by, bench, amps, fitted in rows
    )
    return CurrentModel(
        working / scale,
        stalled_cycle / scale,
        data["sleep"]["share"],
        data["core_volts"],
        data["supply"]["volts"],
        figures,
    )


def power_state(board: VirtualBoard) -> PowerState:
    """The board's present state; the stalled share is that of all cycles since power-on."""
    running = board.cycles - board.sleep_cycles
    stalled = board.stalls()["flash_cycles"] / running if running else 0.0
    return PowerState(board.hz, board.supply_mode, float(board.asleep), stalled)


def average_current(board: VirtualBoard, model: CurrentModel | None = None) -> float:
    """Amperes that the board draws at this instant of its virtual time.

    Raises:
        UserError: nothing is known of this board's current.
    """
    return (model or load_current_model(board.board)).current_amps(power_state(board))


@dataclass(frozen=True)
class Sample:
    """``amps``: the average over the ``seconds`` of virtual time since the sample before, in ``state``."""

    seconds: float
    amps: float
    state: PowerState


class ChargeMeter:
    """Integrates a board's current over its virtual time; begins at the moment it is made.

    The clock and the supply mode of a sample are those at its end, so sample often enough around changes of them.
    """

    def __init__(self, board: VirtualBoard, model: CurrentModel | None = None) -> None:
        """Raises UserError when nothing is known of this board's current."""
        self.model = model or load_current_model(board.board)
        self.coulombs = 0.0
        self.seconds = 0.0
        self._board = board
        self._before = self._counts()

    def _counts(self) -> dict[str, float]:
        board = self._board
        return {
            "seconds": board.seconds,
            "cycles": board.cycles,
            "asleep": board.sleep_cycles,
            "stalled": board.stalls()["flash_cycles"],
        }

    def sample(self) -> Sample:
        """The interval since the last call, or since the meter was made. No time passed: the present current."""
        now = self._counts()
        spent: dict[str, Any] = {name: now[name] - self._before[name] for name in now}
        self._before = now
        running = spent["cycles"] - spent["asleep"]
        state = PowerState(
            self._board.hz,
            self._board.supply_mode,
            spent["asleep"] / spent["cycles"] if spent["cycles"] > 0 else float(self._board.asleep),
            spent["stalled"] / running if running > 0 else 0.0,
        )
        amps = self.model.current_amps(state)
        self.coulombs += amps * spent["seconds"]
        self.seconds += spent["seconds"]
        return Sample(spent["seconds"], amps, state)

    def joules(self, volts: float | None = None) -> float:
        """Energy up to the last sample, at ``volts`` of supply (default: the data's)."""
        return self.coulombs * (self.model.volts if volts is None else volts)
