"""Detections against words."""

import pytest

from harness.wakeword.scoring import Score, detection_times, score, thinned


def test_scores_above_115_are_detections_32_ms_apart() -> None:
    assert detection_times([127, 115, 116, -128]) == (0.0, 0.064)


@pytest.mark.parametrize(
    ("detections", "words", "wanted"),
    [
        ([], [(1.0, 1.5)], Score(0, 1, 0)),
        ([1.0], [(1.0, 1.5)], Score(1, 0, 0)),
        ([0.999], [(1.0, 1.5)], Score(0, 1, 1)),
        ([3.5], [(1.0, 1.5)], Score(1, 0, 0)),  # the margin of 1 s counts twice
        ([3.501], [(1.0, 1.5)], Score(0, 1, 1)),
        ([1.2, 1.3, 3.4], [(1.0, 1.5), (3.0, 3.6)], Score(1, 1, 0)),  # the first word takes them all
        ([1.2, 3.6], [(1.0, 1.5), (3.3, 3.6)], Score(2, 0, 0)),
        ([5.0, 5.9, 6.0, 6.1, 9.0], [(1.0, 1.5)], Score(0, 1, 3)),
        ([5.0], [], Score(0, 0, 1)),
    ],
)
def test_score(detections: list[float], words: list[tuple[float, float]], wanted: Score) -> None:
    assert score(detections, words) == wanted


def test_thinning_counts_from_the_one_that_stays() -> None:
    assert thinned([0.0, 0.9, 1.0, 1.8, 2.9]) == (0.0, 1.8, 2.9)


def test_the_line_of_upstreams_runner() -> None:
    assert str(Score(2, 1, 0)) == "2 True positives, 1 False negatives, 0 False positives"
