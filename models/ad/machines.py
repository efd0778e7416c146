"""Toy machines and their faults as data; ``models.ad.sounds`` turns them into sound.

The numbers are invented: plausible for a small brushed motor with one gear pair, measured on no real machine.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resonance:
    """One vibration mode of a body: a second-order peak ``gain_db`` above the response around it."""

    hz: float
    q: float
    gain_db: float


@dataclass(frozen=True)
class Machine:
    """A motor with commutator and one gear pair inside a resonating body.

    Levels are in dB relative to the motor's first harmonic. Frequencies follow the shaft speed: the gear mesh is at
    ``teeth * shaft_hz``, the axle turns at ``shaft_hz / ratio``.
    """

    id: int
    shaft_hz: float
    segments: int  # of the commutator: every such harmonic of the shaft is stronger
    teeth: int  # of the pinion on the shaft
    ratio: float  # axle teeth / pinion teeth
    mesh_db: float
    hiss_db: float
    axle_am: float  # depth, 0..1, of the modulation by the axle
    body: tuple[Resonance, ...]


@dataclass(frozen=True)
class Fault:
    """What a fault does to a machine at severity 1; every effect scales with the severity and 0 means none."""

    name: str
    speed: float = 0.0  # relative change of the shaft speed
    shaft_am: float = 0.0  # depth of the modulation by the shaft
    unbalance: float = 0.0  # added amplitude of the first two shaft harmonics
    click: float = 0.0  # amplitude of one click a turn of the axle
    rattle: float = 0.0  # amplitude of irregular bursts
    bearing: float = 0.0  # amplitude of a hiss pulsating with the balls of a bearing


MACHINES = (
    Machine(
        1, 86.0, 6, 10, 4.2, -9.0, -13.0, 0.18, (Resonance(240, 4, 9), Resonance(1150, 7, 8), Resonance(3300, 5, 5))
    ),
    Machine(2, 97.0, 6, 8, 3.6, -6.0, -15.0, 0.12, (Resonance(310, 5, 7), Resonance(860, 6, 9), Resonance(2700, 6, 7))),
    Machine(
        3, 74.0, 10, 12, 5.0, -11.0, -11.0, 0.25, (Resonance(190, 3, 8), Resonance(1500, 8, 9), Resonance(4200, 5, 6))
    ),
    Machine(
        4, 109.0, 6, 9, 3.0, -8.0, -12.0, 0.15, (Resonance(420, 4, 10), Resonance(1900, 6, 6), Resonance(5100, 7, 6))
    ),
)

FAULTS = (
    Fault("missing_tooth", click=1.2),
    Fault("bent_shaft", shaft_am=0.3, unbalance=0.3),
    Fault("low_voltage", speed=-0.05),
    Fault("high_voltage", speed=0.06),
    Fault("rattle", rattle=0.8),
    Fault("dry_bearing", bearing=1.4),
)
