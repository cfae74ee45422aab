from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_tfmot.evaluation.accuracy import Accuracy, confusion_matrix, wilson_interval
from kws_tfmot.evaluation.plots import plot_confusion

LABELS = ("yes", "no", "_silence_")


def test_accuracy_by_hand() -> None:
    truth = np.array([0, 0, 1, 1, 1])
    scores = np.eye(3)[[0, 1, 1, 1, 0]]
    result = Accuracy.of(LABELS, truth, scores)
    assert (result.n, result.correct, result.accuracy) == (5, 3, 0.6)
    assert result.per_class()["yes"] == {"n": 2, "recall": 0.5, "precision": 0.5}
    assert result.per_class()["_silence_"] == {"n": 0, "recall": None, "precision": None}
    assert result.to_dict()["confusion"] == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]


def test_of_no_clip_nothing_is_known() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    nothing = Accuracy(LABELS, np.zeros((3, 3), int))
    assert (nothing.n, nothing.correct, nothing.accuracy, nothing.interval) == (0, 0, 0.0, (0.0, 1.0))


def test_what_is_written_of_an_accuracy() -> None:
    result = Accuracy(LABELS, np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    assert result.to_dict() == {
        "accuracy": 0.7,
        "n": 10,
        "interval_95": list(wilson_interval(7, 10)),
        "interval_over": "clips",
        "per_class": {
            "yes": {"n": 4, "recall": 0.75, "precision": 0.6},
            "no": {"n": 6, "recall": 4 / 6, "precision": 0.8},
            "_silence_": {"n": 0, "recall": None, "precision": None},
        },
        "labels": list(LABELS),
        "confusion": [[3, 1, 0], [2, 4, 0], [0, 0, 0]],
    }


@pytest.mark.parametrize("own", [(0.1, 0.8), (0.5, 0.99), (0.01, 0.995), (0.6, 0.8)])
def test_an_interval_is_no_narrower_than_that_over_speakers(own: tuple[float, float]) -> None:
    result = Accuracy(LABELS, np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    low, high = result.interval
    by_speaker = replace(result, by_speaker=own)
    assert by_speaker.interval == (min(low, own[0]), max(high, own[1]))
    assert by_speaker.to_dict()["interval_over"] == "speakers"


def test_the_interval_of_none_begins_at_0_and_that_of_all_ends_at_1() -> None:
    for total in range(1, 400):
        assert wilson_interval(0, total)[0] == 0.0 and wilson_interval(total, total)[1] == 1.0
    assert wilson_interval(5, 10, z=0.0) == (0.5, 0.5)


def test_the_first_of_equal_scores_wins() -> None:
    assert Accuracy.of(LABELS, np.array([0]), np.array([[5, 5, 1]], np.int8)).accuracy == 1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_confusion_counts_every_clip_once(pairs) -> None:
    truth, predicted = np.array(pairs).T
    matrix = confusion_matrix(truth, predicted, 3)
    assert matrix.sum() == len(pairs)
    assert np.trace(matrix) == np.sum(truth == predicted)


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_proportion_and_shrinks(total, data) -> None:
    correct = data.draw(st.integers(0, total))
    low, high = wilson_interval(correct, total)
    assert 0 <= low <= correct / total <= high <= 1
    wider = wilson_interval(10 * correct, 10 * total)
    assert wider[1] - wider[0] < high - low


def test_the_interval_agrees_with_the_published_example() -> None:
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662 by Wilson's method."""
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_the_plot_is_written_and_stable(tmp_path) -> None:
    result = Accuracy.of(LABELS, np.array([0, 1, 2]), np.eye(3)[[0, 1, 1]])
    first = plot_confusion(result, "test, N = 3", tmp_path / "a.png").read_bytes()
    assert first[:4] == b"\x89PNG"
    assert plot_confusion(result, "test, N = 3", tmp_path / "b.png").read_bytes() == first
