"""Detections against the times at which the wakeword is said.

Rules of mlcommons/tiny's runner: a word counts as found when a detection lies between its start and 2 s after its end
(a margin of 1 s that is applied twice); all detections there are its own. Of the others, those within 1 s after one
that counts as false are not counted again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

THRESHOLD = 115  # a score above it is a detection
FRAME_SECONDS = 0.032
MARGIN_SECONDS = 2.0
MASK_SECONDS = 1.0


@dataclass(frozen=True)
class Score:
    true_positives: int
    false_negatives: int
    false_positives: int

    def __str__(self) -> str:
        return (
            f"{self.true_positives} True positives, {self.false_negatives} False negatives,"
            f" {self.false_positives} False positives"
        )


def detection_times(activations: Sequence[int]) -> tuple[float, ...]:
    """Seconds of the frames, which are 32 ms apart, whose score is a detection; 0 is the end of the first frame."""
    return tuple(number * FRAME_SECONDS for number, score in enumerate(activations) if score > THRESHOLD)


def score(detections: Sequence[float], words: Sequence[tuple[float, float]]) -> Score:
    """``words``: start and end of each, in seconds."""
    left = sorted(detections)
    found = 0
    for start, end in words:
        own = [time for time in left if start <= time <= end + MARGIN_SECONDS]
        found += bool(own)
        left = [time for time in left if time not in own]
    return Score(found, len(words) - found, len(thinned(left)))


def thinned(times: Sequence[float]) -> tuple[float, ...]:
    """Without those at most 1 s after one that stays."""
    kept: list[float] = []
    for time in sorted(times):
        if not kept or time - kept[-1] > MASK_SECONDS:
            kept.append(time)
    return tuple(kept)
