"""Energy per inference: a power monitor's samples between the pulses of a device in energy mode."""

from harness.energy.run import run_energy

__all__ = ["run_energy"]
