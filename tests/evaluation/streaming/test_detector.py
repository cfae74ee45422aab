"""The detector in Python: its arithmetic, its rules, and the stepwise form against the one over a whole stream."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.detection.detector import NEVER, Detection, Detector, DetectorPlan, Smoother, to_q15
from kws_tfmot.detection.posterior import ONE, exponential_table, softmax_posteriors
from kws_tfmot.detection.rearming import Rearming
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.tflite.graph import Graph, Operator, Quantization, Tensor

LABELS = ("yes", "no", "_unknown_", "_silence_")


def graph(scale: float = 0.1, zero_point: int = 3, code: str = "FULLY_CONNECTED", dtype: str = "int8") -> Graph:
    quantization = Quantization((scale,), (zero_point,)) if dtype == "int8" else None
    tensors = (Tensor(0, "in", (1, 490), dtype), Tensor(1, "out", (1, 4), dtype, quantization=quantization))
    return Graph(tensors, (Operator(0, code, (0,), (1,)),), (0,), (1,))


def plan(**values: object) -> DetectorPlan:
    return DetectorPlan.of(graph(), LABELS, FrontendSettings(), DetectionSettings.parse(values))


def outputs(*best: int, height: int = 120) -> np.ndarray:
    """One row an inference in which the class given stands out."""
    rows = np.full((len(best), 4), -100, np.int8)
    rows[np.arange(len(best)), best] = height
    return rows


def test_milliseconds_become_frames_and_inferences() -> None:
    made = plan(stride_ms=100, smoothing_ms=300, refractory_ms=950, threshold=0.5)
    assert (made.stride, made.window, made.refractory) == (5, 3, 10)
    assert made.thresholds == (16384, 16384, NEVER, NEVER)
    assert plan(stride_ms=1, smoothing_ms=1, refractory_ms=0).stride == 1


def test_a_word_is_detected_once_it_fills_the_average() -> None:
    made = plan(threshold=0.9, smoothing_ms=300, refractory_ms=500)
    found = made.decide(made.smooth(outputs(3, 3, 0, 0, 0, 0, 3, 3)))
    assert [(d.inference, d.label) for d in found] == [(4, 0)]
    assert found[0].score == ONE


def heard(rows: np.ndarray, **values: object) -> list[tuple[int, int]]:
    made = plan(threshold=0.9, smoothing_ms=100, **values)
    return [(found.inference, found.label) for found in made.decide(made.smooth(rows))]


def test_a_held_score_is_one_detection_however_long() -> None:
    assert heard(outputs(*[1] * 60), refractory_ms=500) == [(0, 1)]


def test_a_word_counts_again_once_its_score_has_fallen_below_the_release() -> None:
    rows = outputs(1, 1, 1, 1, 1, 3, 1)
    rows[2] = [-128, 20, -128, 20]  # a score of one half: below the threshold, not below the release
    assert heard(rows, refractory_ms=0, release=0.5) == [(0, 1), (6, 1)]
    assert heard(rows, refractory_ms=0, release=0.9) == [(0, 1), (3, 1), (6, 1)]


def test_the_refractory_time_keeps_a_broken_word_from_counting_twice() -> None:
    assert heard(outputs(1, 3, 1, 3, 1, 3, 1), refractory_ms=400) == [(0, 1), (4, 1)]


def test_a_word_s_refractory_time_hides_no_other_word() -> None:
    assert heard(outputs(1, 1, 0, 0, 1), refractory_ms=60_000) == [(0, 1), (2, 0)]


def test_the_echo_of_a_word_hides_weaker_ones() -> None:
    made = plan(threshold=0.3, smoothing_ms=100)
    rows = np.array([[50, -99, -99, -99], [50, 46, -99, -99], [44, 46, -99, -99]], np.int8)
    assert [(d.inference, d.label) for d in made.decide(made.smooth(rows))] == [(0, 0), (2, 1)]


def test_other_words_and_silence_are_never_detected() -> None:
    made = plan(threshold=0.01, smoothing_ms=100)
    assert made.decide(made.smooth(outputs(2, 3, 2, 3, height=127))) == []


def test_a_keyword_may_have_a_threshold_of_its_own() -> None:
    made = plan(threshold=0.9, thresholds={"no": 0.4}, smoothing_ms=200)
    assert [d.label for d in made.decide(made.smooth(outputs(3, 1, 3)))] == [1]
    assert made.decide(made.smooth(outputs(3, 0, 3))) == []


def test_the_first_of_equal_scores_wins() -> None:
    made = plan(threshold=0.3, smoothing_ms=100)
    assert made.decide(made.smooth(np.array([[50, 50, -99, -99]], np.int8))) == [Detection(0, 0, 16384)]


@settings(deadline=None)
@given(st.lists(st.integers(-128, 127), min_size=2, max_size=12), st.floats(0.004, 0.6))
def test_posteriors_are_a_softmax_to_within_the_table_s_precision(logits: list[int], scale: float) -> None:
    scale = float(np.float32(scale))
    found = softmax_posteriors(np.array([logits], np.int8), exponential_table(scale))[0]
    real = np.exp(scale * (np.array(logits) - max(logits)))
    np.testing.assert_allclose(found / ONE, real / real.sum(), atol=len(logits) / ONE)
    assert (found >= 0).all() and (found <= ONE).all()


@settings(deadline=None)
@given(st.data())
def test_step_by_step_equals_the_whole_stream(data: st.DataObject) -> None:
    made = plan(
        threshold=data.draw(st.sampled_from([0.1, 0.35, 0.6])),
        smoothing_ms=data.draw(st.sampled_from([100, 300, 700])),
        refractory_ms=data.draw(st.sampled_from([0, 300, 1000])),
        release=data.draw(st.sampled_from([0.1, 0.5, 1.0])),
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    rows = rng.integers(-128, 128, (60, 4)).astype(np.int8)
    detector = Detector(made)
    found = [detection for row in rows if (detection := detector.step(row))]
    assert found == made.decide(made.smooth(rows))
    np.testing.assert_array_equal(detector.scores, made.smooth(rows)[-1])
    state, smoother, pieces = Rearming(4), Smoother(made), []
    for piece in np.split(rows, sorted(data.draw(st.lists(st.integers(0, 60), max_size=6)))):
        pieces += made.decide(smoother.push(piece), state)
    assert pieces == found


def test_a_softmax_in_the_model_is_read_as_probabilities() -> None:
    made = DetectorPlan.of(graph(1 / 256, -128, "SOFTMAX"), LABELS, FrontendSettings(), DetectionSettings())
    assert made.table == ()
    assert made.smooth(np.array([[0, -128, -128, -128]], np.int8)).tolist() == [[16384 // made.window, 0, 0, 0]]


def test_what_cannot_be_detected_is_refused() -> None:
    with pytest.raises(ModelError, match="int8 outputs"):
        DetectorPlan.of(graph(dtype="float32"), LABELS, FrontendSettings(), DetectionSettings())
    with pytest.raises(ModelError, match="scale 1/256"):
        DetectorPlan.of(graph(0.1, 0, "SOFTMAX"), LABELS, FrontendSettings(), DetectionSettings())
    with pytest.raises(RecipeError, match="Did you mean 'yes'"):
        plan(thresholds={"yess": 0.5})
    with pytest.raises(RecipeError, match="above 0"):
        DetectionSettings.parse({"thresholds": {"yes": 1.5}})
    with pytest.raises(ModelError, match="expected int8 outputs"):
        plan().smooth(np.zeros((2, 3), np.int8))


def test_thresholds_in_q15() -> None:
    assert to_q15(1.0) == ONE and to_q15(0.25) == 8192


def written_out(plan: DetectorPlan, scale: float, rows: np.ndarray) -> list[Detection]:
    """The detector as its documentation has it, one inference after another."""
    classes = range(len(plan.labels))
    levels = [math.inf if level == NEVER else level for level in plan.thresholds]
    recent, held, ready, found = [[0] * len(classes)] * plan.window, [False] * len(classes), [0] * len(classes), []
    for number, row in enumerate(rows.tolist()):
        e = [round(ONE * math.exp(-scale * (max(row) - logit))) for logit in row]
        recent = [*recent[1:], [(ONE * part + sum(e) // 2) // sum(e) for part in e]]
        scores = [sum(posterior[c] for posterior in recent) // plan.window for c in classes]
        held = [held[c] and scores[c] >= levels[c] * plan.release // ONE for c in classes]
        if reached := [c for c in classes if scores[c] >= levels[c]]:
            best = max(reached, key=lambda c: scores[c])
            if not held[best] and number >= ready[best]:
                found.append(Detection(number, best, scores[best]))
                held[best], ready[best] = True, number + plan.refractory
    return found


@pytest.mark.parametrize("seed", range(12))
def test_the_detector_does_what_its_documentation_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = float(np.float32(rng.choice([0.02, 0.05, 0.2])))
    levels = (*(int(level) for level in rng.integers(3000, 22000, 3)), NEVER)
    window, refractory, release = (int(rng.integers(*ends)) for ends in ((1, 5), (1, 9), (6000, ONE + 1)))
    made = DetectorPlan(("a", "b", "c", "_unknown_"), 1, window, refractory, release, levels, exponential_table(scale))
    heights = np.repeat(rng.integers(-128, 128, (60, 4)), rng.integers(1, 9, 60), axis=0)
    rows = np.clip(heights + rng.integers(-9, 10, heights.shape), -128, 127).astype(np.int8)
    expected = written_out(made, scale, rows)
    assert made.decide(made.smooth(rows)) == expected
    assert len(expected) > 5
