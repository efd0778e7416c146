"""Synthetic machine sounds: 11 s, 16 kHz, mono, int16, the same bytes for the same arguments.

A clip is the sum of the motor's harmonics, the whine of its gears and the hiss of both, coloured by the body of the
machine, plus the noise of a room. Shaft speed, loudness and room differ from clip to clip as in a real recording
series; a fault changes the machine, never the room.

Only raw uniform doubles of PCG64 are drawn, because numpy promises that stream to stay the same between versions
(NEP 19) and promises no such thing for its other distributions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ad.machines import Fault, Machine, Resonance

SAMPLE_RATE = 16000  # Hz
SECONDS = 11
SAMPLES = SAMPLE_RATE * SECONDS

Signal = NDArray[np.float64]
Response = NDArray[np.complex128] | Signal

_HARMONICS = 24
_MESH_HARMONICS = 4
_SCALE = 900.0  # int16 units of the motor's first harmonic before the body colours it
_TIME = np.arange(SAMPLES) / SAMPLE_RATE
_FREQUENCIES = np.fft.rfftfreq(SAMPLES, 1 / SAMPLE_RATE)
_CLICK_RING = Resonance(2600, 25, 0)
_RATTLE_BAND = Resonance(4300, 3, 0)
_BEARING_BAND = Resonance(5600, 6, 0)
_RATTLES_PER_SECOND = 14.0
_RATTLE_SECONDS = 0.012  # time constant of a burst
_CLICK_GAIN, _RATTLE_GAIN, _ROOM_GAIN = 40, 3, 12.0  # make up for what the filters behind them take away
_BALLS_PER_TURN = 3.1  # how often a ball of the bearing passes the defect in one turn of the shaft


class _Draw:
    """Random numbers of one clip, drawn in a fixed order."""

    def __init__(self, seed: int, machine: int, clip: int) -> None:
        entropy = np.random.SeedSequence((seed, machine, clip))
        self._rng = np.random.Generator(np.random.PCG64(entropy))

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self._rng.random()

    def uniforms(self, count: int) -> Signal:
        return self._rng.random(count)

    def noise(self) -> Signal:
        """White noise of unit variance (uniform; the filters behind it make it nearly Gaussian)."""
        white: Signal = (self._rng.random(SAMPLES) - 0.5) * np.sqrt(12.0)
        return white


@dataclass(frozen=True)
class _Turning:
    """Angles of the turning parts, in turns, at every sample."""

    shaft: Signal
    axle: Signal


def synthesise(machine: Machine, clip: int, *, seed: int, fault: Fault | None = None) -> NDArray[np.int16]:
    """Record one clip of a machine.

    Args:
        machine: which machine runs.
        clip: number of the clip; another number is another recording of the same machine.
        seed: of the whole series.
        fault: what is wrong with the machine, None for a sound one. How bad it is, 0.3 to 1 of the fault's figures,
            belongs to the clip.

    Returns:
        int16 [176000], 11 s at 16 kHz.
    """
    draw = _Draw(seed, machine.id, clip)
    speed = machine.shaft_hz * draw.uniform(0.98, 1.02)
    loudness = 10 ** (draw.uniform(-1.5, 1.5) / 20)
    room_db = draw.uniform(-32.0, -26.0)
    severity = draw.uniform(0.3, 1.0)
    active = fault or Fault("none")

    turning = _turn(draw, machine, speed * (1 + severity * active.speed))
    shaft_am = 1 + severity * active.shaft_am * np.cos(2 * np.pi * turning.shaft)
    axle_am = 1 + machine.axle_am * np.cos(2 * np.pi * turning.axle)
    tones = _motor(draw, machine, turning, severity * active.unbalance) + _gears(draw, machine, turning) * axle_am
    hiss = 10 ** (machine.hiss_db / 20) * draw.noise() * axle_am
    sound = _filtered((tones + hiss) * shaft_am + _faults(draw, turning, active, severity), _body_response(machine))
    room = _filtered(draw.noise(), _slope(120.0)) * 10 ** (room_db / 20) * _ROOM_GAIN
    pcm = np.rint(_SCALE * (loudness * sound + room))
    return np.clip(pcm, -32768, 32767).astype(np.int16)


def _turn(draw: _Draw, machine: Machine, speed: float) -> _Turning:
    """Integrate a speed that hunts slowly around ``speed`` (turns a second)."""
    wobble = np.zeros(SAMPLES)
    for low, high, depth in ((0.1, 0.3, 0.006), (0.5, 1.1, 0.004), (2.0, 4.0, 0.002)):
        rate, start = draw.uniform(low, high), draw.uniform(0, 1)
        wobble += depth * np.sin(2 * np.pi * (rate * _TIME + start))
    shaft = draw.uniform(0, 1) + np.cumsum(speed * (1 + wobble)) / SAMPLE_RATE
    return _Turning(shaft, shaft / machine.ratio)


def _motor(draw: _Draw, machine: Machine, turning: _Turning, unbalance: float) -> Signal:
    """Harmonics of the shaft, falling off as 1/sqrt(k); those of the commutator stand out."""
    levels = [(2.5 if k % machine.segments == 0 else 1.0) / np.sqrt(k) for k in range(1, _HARMONICS + 1)]
    levels[0] += unbalance
    levels[1] += unbalance
    return _harmonics(draw, turning.shaft, levels)


def _gears(draw: _Draw, machine: Machine, turning: _Turning) -> Signal:
    """Mesh of the gear pair and its harmonics."""
    level = 10 ** (machine.mesh_db / 20)
    return _harmonics(draw, turning.shaft * machine.teeth, [level / k for k in range(1, _MESH_HARMONICS + 1)])


def _harmonics(draw: _Draw, turns: Signal, levels: list[float]) -> Signal:
    """Sum of ``levels[k - 1] * sin(2 pi k turns + phase)``, each phase of its own.

    The powers of one complex oscillator stand for the harmonics: one exponential for all of them.
    """
    oscillator = np.exp(2j * np.pi * (turns % 1.0))
    power = np.ones_like(oscillator)
    total = np.zeros(len(turns))
    for level in levels:
        power *= oscillator
        total += level * (power * np.exp(2j * np.pi * draw.uniform(0, 1))).imag
    return total


def _faults(draw: _Draw, turning: _Turning, fault: Fault, severity: float) -> Signal:
    """What a fault adds to the sound: clicks, bursts, the hiss of a bearing."""
    total = np.zeros(SAMPLES)
    if fault.click:
        clicks = np.diff(np.floor(turning.axle), prepend=np.floor(turning.axle[0]))
        total += severity * fault.click * _CLICK_GAIN * _filtered(clicks, _resonance(_CLICK_RING))
    if fault.rattle:
        starts = (draw.uniforms(SAMPLES) < _RATTLES_PER_SECOND / SAMPLE_RATE) * draw.uniforms(SAMPLES)
        envelope = _decay(starts, seconds=_RATTLE_SECONDS)
        total += severity * fault.rattle * _filtered(draw.noise() * envelope, _resonance(_RATTLE_BAND)) * _RATTLE_GAIN
    if fault.bearing:
        pulses = (0.5 + 0.5 * np.cos(2 * np.pi * turning.shaft * _BALLS_PER_TURN)) ** 2
        total += severity * fault.bearing * _filtered(draw.noise(), _resonance(_BEARING_BAND)) * pulses
    return total


def _decay(impulses: Signal, seconds: float) -> Signal:
    """Each impulse followed by an exponential decay with the given time constant."""
    lowpass = np.asarray(seconds * SAMPLE_RATE / (1 + 2j * np.pi * _FREQUENCIES * seconds), np.complex128)
    return _filtered(impulses, lowpass)


def _filtered(signal: Signal, response: Response) -> Signal:
    """Cyclic filtering by a frequency response given at ``_FREQUENCIES``."""
    return np.fft.irfft(np.fft.rfft(signal) * response, SAMPLES)


def _slope(corner_hz: float) -> Signal:
    """Falling by 6 dB an octave above the corner and, so that nothing rumbles, cut below 20 Hz."""
    gain: Signal = _FREQUENCIES / np.hypot(_FREQUENCIES, 20.0) / np.hypot(1.0, _FREQUENCIES / corner_hz)
    return gain


def _resonance(mode: Resonance) -> NDArray[np.complex128]:
    """Second-order band pass, 1 at its centre."""
    ratio = _FREQUENCIES / mode.hz
    bandwidth = 1j * ratio / mode.q
    return np.asarray(bandwidth / (1 - ratio**2 + bandwidth))


def _body_response(machine: Machine) -> NDArray[np.complex128]:
    response = _slope(900.0).astype(np.complex128)
    for mode in machine.body:
        response *= 1 + (10 ** (mode.gain_db / 20) - 1) * _resonance(mode)
    return response
