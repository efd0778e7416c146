"""Scores of accuracy runs against figures worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scores import anomaly_top1, file_scores, score


def test_windows_are_normalised_and_averaged() -> None:
    windows = np.array([[0.2, 0.2], [0.9, 0.1]])
    assert file_scores(windows) == pytest.approx([0.7, 0.3])
    assert file_scores(np.array([[3.0], [4.0]])) == pytest.approx([3.5])
    assert file_scores(np.array([[0.0, 0.0, 0.0, 0.0]])) == pytest.approx([0.25] * 4)


def test_top1_per_class_and_confusion() -> None:
    rows = np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.5, 0.2, 0.3], [0.1, 0.1, 0.8]])
    found = score(rows, [0, 1, 2, 2], 3)
    assert found.top1 == found.runner_top1 == 75.0
    assert [(item.label, item.samples, item.correct, item.percent) for item in found.per_class] == [
        (0, 1, 1, 100.0),
        (1, 1, 1, 100.0),
        (2, 2, 1, 50.0),
    ]
    assert found.confusion is not None
    assert found.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 1]]
    # One against the rest: (class 0: 1, class 1: 1, class 2: 1) as every rest is below.
    assert found.auc == pytest.approx((1 + 1 + 1) / 3)


def test_ties_go_to_the_lower_class() -> None:
    assert score(np.array([[0.5, 0.5], [0.5, 0.5]]), [0, 1], 2).top1 == 50.0


def test_two_classes_are_judged_by_the_second_column() -> None:
    rows = np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.2, 0.8]])
    # Of four pairs of a negative (0.1, 0.6) and a positive (0.4, 0.8) three are in order.
    assert score(rows, [0, 0, 1, 1], 2).auc == 0.75


def test_no_auc_where_a_class_is_missing() -> None:
    assert score(np.array([[0.9, 0.1]]), [0], 2).auc is None


def test_anomaly_scores_have_no_top1_of_their_own() -> None:
    found = score(np.array([[1.0], [3.0], [2.0], [4.0]]), [0, 0, 1, 1], 2)
    assert (found.top1, found.auc, found.per_class) == (None, 0.75, ())
    # Thresholds from 1 to just below 2 call three files anomalous, two of them rightly: (2/3 + 1) / 2.
    assert found.runner_top1 == pytest.approx(100 * (2 / 3 + 1) / 2, rel=1e-6)


def test_upstreams_anomaly_figure() -> None:
    assert anomaly_top1(np.array([1.0, 1.0, 1.0]), np.array([0, 1, 1])) == 0.0
    assert anomaly_top1(np.array([1.0, 2.0, 9.0, 8.0]), np.array([0, 0, 1, 1])) == pytest.approx(100.0, rel=1e-6)


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 1)), min_size=1, max_size=30))
def test_anomaly_figures_stay_in_range(files: list[tuple[float, int]]) -> None:
    errors, truth = (np.array(column) for column in zip(*files, strict=True))
    found = score(errors[:, None], truth.tolist(), 2)
    assert 0.0 <= found.runner_top1 <= 100.0
    assert found.auc is None or 0.0 <= found.auc <= 1.0
    assert (found.auc is None) == (len(set(truth.tolist())) < 2)
