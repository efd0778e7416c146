"""Area under the ROC curve against counting pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ad.dataset import SMOKE, held_out_clips
from models.ad.scoring import auc, clip_scores, quality


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40))
def test_auc_counts_pairs(data: list[tuple[int, bool]]) -> None:
    positives = [score for score, positive in data if positive]
    negatives = [score for score, positive in data if not positive]
    scores, labels = np.array([s for s, _ in data], float), np.array([p for _, p in data])
    if not positives or not negatives:
        with pytest.raises(ValueError, match="both classes"):
            auc(scores, labels)
        return
    wins = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    assert auc(scores, labels) == pytest.approx(wins / (len(positives) * len(negatives)))


def test_clip_score_is_the_mean_squared_error_over_its_windows() -> None:
    inputs = np.zeros((6, 640), np.float32)
    outputs = np.repeat(np.arange(6, dtype=np.float32), 640).reshape(6, 640)
    np.testing.assert_allclose(clip_scores(inputs, outputs, clips=2), [(0 + 1 + 4) / 3, (9 + 16 + 25) / 3])


def test_quality_separates_machines_and_faults() -> None:
    clips = held_out_clips(SMOKE)
    scores = np.array([2.0 if clip.fault and clip.fault.name != "rattle" else 1.0 for clip in clips])
    scores[[clip.machine.id == 3 for clip in clips]] *= -1
    found = quality(scores, clips)
    assert found.auc_by_machine == {"01": 0.9167, "02": 0.9167, "03": 0.0833, "04": 0.9167}
    assert found.auc_by_fault["missing_tooth"] == 0.75
    assert found.auc_by_fault["rattle"] == 0.5
    assert 0.5 < found.auc < 0.9167
