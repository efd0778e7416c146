"""The classic command set of ad, ic, kws and vww, which not every benchmark speaks."""

from common.artifact import Firmware
from common.errors import UserError


def require_classic(firmware: Firmware, task: str) -> None:
    """Raises UserError where ``task`` needs commands that the firmware does not have."""
    if firmware.benchmark.front_end:
        raise UserError(
            f"{task} needs the command `infer`, which {firmware.bench} does not have; `invoke bench` runs it frame by"
            " frame, with the cycles of features and network"
        )
