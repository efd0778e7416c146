"""What a user asks of a run."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """The options of `invoke bench`.

    ``port``: see `harness.ports.find_port`. ``data``: folder of data sets, None for a synthetic one. ``quick``: one
    short window. ``full``: on the virtual board as on a real one: windows of 10 s, every input over the wire.
    ``monitor``: see `harness.energy.monitors.open_monitor`. ``volts``: its supply. ``io``: board between host and
    device, `interface:PORT` or `arduino:PORT`.
    ``count``, ``seed``: a subset of the data set. ``jobs``: processes for virtual boards, None for one a processor.
    ``dask``: address of a scheduler. ``restart``: forget the answers of an interrupted run. ``read_back``: compare what
    a real board received. ``i2s``: of the streaming benchmark, sound into the virtual board's I2S input.
    """

    port: str | None = None
    data: Path | None = None
    quick: bool = False
    full: bool = False
    count: int | None = None
    seed: int = 0
    jobs: int | None = None
    dask: str | None = None
    restart: bool = False
    read_back: bool = True
    monitor: str | None = None
    volts: float = 1.8
    io: str | None = None
    i2s: bool = False
