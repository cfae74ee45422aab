"""Settings in milliseconds and shares become a detector in whole numbers: each number beside its rule."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.detection.detector import NEVER, Detector, DetectorPlan, Smoother, shifted, to_q15
from kws_tfmot.detection.posterior import ONE, exponential_table, probability_posteriors, softmax_posteriors
from kws_tfmot.detection.rearming import leaders
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.tflite.graph import Graph, Operator, Quantization, Tensor

LABELS = ("yes", "_unknown_", "no", "_silence_")


def graph(scale: float = 0.1, zero_point: int = 3, code: str = "FULLY_CONNECTED", dtype: str = "int8") -> Graph:
    quantization = Quantization((scale,), (zero_point,))
    tensors = (Tensor(0, "in", (1, 9), dtype), Tensor(1, "out", (1, 4), dtype, quantization=quantization))
    return Graph(tensors, (Operator(0, "RESHAPE", (0,), (0,)), Operator(1, code, (0,), (1,))), (0,), (1,))


def plan(hop_ms: int = 20, stride: int | None = None, **values: object) -> DetectorPlan:
    frontend = FrontendSettings(hop_ms=hop_ms)
    return DetectorPlan.of(graph(), LABELS, frontend, DetectionSettings.parse(values), stride)


def nearest(a: int, b: int) -> int:
    """``a / b`` rounded, halves up."""
    return math.floor(Fraction(a, b) + Fraction(1, 2))


@pytest.mark.parametrize("hop", [7, 10, 20])
@pytest.mark.parametrize("stride_ms", [1, 30, 50, 64, 100])
@pytest.mark.parametrize("smoothing_ms", [1, 90, 150, 333])
@pytest.mark.parametrize("refractory_ms", [0, 99, 300, 301])
def test_times_are_rounded_to_frames_and_inferences(hop, stride_ms, smoothing_ms, refractory_ms) -> None:
    made = plan(hop, stride_ms=stride_ms, smoothing_ms=smoothing_ms, refractory_ms=refractory_ms)
    stride = max(1, nearest(stride_ms, hop))
    step = stride * hop
    assert made.stride == stride
    assert made.window == max(1, nearest(smoothing_ms, step))
    assert made.refractory == max(1, math.ceil(Fraction(refractory_ms, step)))


def test_a_network_that_streams_decides_the_stride() -> None:
    made = plan(20, stride=3, stride_ms=100, smoothing_ms=300, refractory_ms=1000)
    assert (made.stride, made.window, made.refractory) == (3, 5, 17)


def test_levels_are_each_keyword_s_and_releases_a_share_of_them() -> None:
    made = plan(threshold=0.75, thresholds={"no": 0.3}, release=0.6)
    assert made.labels == LABELS and made.keywords == ("yes", "no")
    assert made.thresholds == (24576, NEVER, round(0.3 * ONE), NEVER)
    assert made.release == round(0.6 * ONE)
    assert made.releases == (24576 * made.release // ONE, 0, round(0.3 * ONE) * made.release // ONE, 0)
    assert made.with_threshold(7).thresholds == (7, NEVER, 7, NEVER)


@pytest.mark.parametrize("threshold", [1, 2, 99, 16385, 24577, ONE])
def test_sensitivity_goes_evenly_from_certainty_to_half_of_the_threshold(threshold: int) -> None:
    for s in range(-100, 101):
        far = Fraction(ONE - threshold, 100) * -s if s < 0 else -Fraction(threshold, 200) * s
        exact = threshold + far
        # rounded down below 0 of sensitivity; what is taken away is rounded down above
        assert shifted(threshold, s) == max(1, math.floor(exact) if s < 0 else math.ceil(exact))
    assert shifted(NEVER, -100) == shifted(NEVER, 100) == NEVER


def test_sensitivity_has_ends_and_is_always_of_the_plan_s_own_thresholds() -> None:
    made = plan(threshold=0.5)
    for end in (-100, 100):
        assert made.with_sensitivity(end).thresholds[0] == shifted(16384, end)
    for beyond in (-101, 101):
        with pytest.raises(RecipeError, match=f"-100 to 100. Received: {beyond}"):
            made.with_sensitivity(beyond)
    detector = Detector(made)
    for sensitivity in (60, -30):
        detector.set_sensitivity(sensitivity)
        assert detector.plan == made.with_sensitivity(sensitivity)
    detector.reset()
    assert detector.plan == made.with_sensitivity(-30) and detector.inferences == 0 and not detector.scores.any()
    detector.step(np.array([9, 0, 0, 0], np.int8))
    assert detector.inferences == 1 and detector.scores.any()


def test_q15_is_at_least_one_and_at_most_one() -> None:
    assert [to_q15(share) for share in (1e-6, 1 / ONE, 1.5 / ONE, 0.8, 1.0)] == [1, 1, 2, 26214, ONE]


PROBABLE = (1 / 256, -128)


@pytest.mark.parametrize(
    ("scale", "zero_point", "code", "dtype", "logits"),
    [
        (0.1, 3, "FULLY_CONNECTED", "int8", True),
        (*PROBABLE, "SOFTMAX", "int8", False),
        (*PROBABLE, "LOGISTIC", "int8", False),
        (1 / 256, 0, "LOGISTIC", "int8", True),
        (1 / 128, -128, "LOGISTIC", "int8", True),
        (*PROBABLE, "FULLY_CONNECTED", "int8", True),
        (1 / 256, 0, "QUANTIZE", "uint8", False),
    ],
)
def test_which_outputs_are_logits(scale: float, zero_point: int, code: str, dtype: str, logits: bool) -> None:
    made = DetectorPlan.of(graph(scale, zero_point, code, dtype), LABELS, FrontendSettings(), DetectionSettings())
    assert made.table == (exponential_table(scale) if logits else ())


@pytest.mark.parametrize(
    ("scale", "zero_point", "code", "dtype"),
    [
        (1 / 128, 0, "QUANTIZE", "uint8"),
        (1 / 256, 0, "SOFTMAX", "int8"),
        (1 / 128, -128, "SOFTMAX", "int8"),
        (0.1, 0, "FULLY_CONNECTED", "int16"),
    ],
)
def test_other_outputs_are_refused(scale: float, zero_point: int, code: str, dtype: str) -> None:
    with pytest.raises(ModelError, match="Received"):
        DetectorPlan.of(graph(scale, zero_point, code, dtype), LABELS, FrontendSettings(), DetectionSettings())


@pytest.mark.parametrize("shape", [(2, 3), (4,), (1, 2, 4)])
def test_outputs_of_another_shape_or_type_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="expected int8 outputs"):
        plan().posteriors(np.zeros(shape, np.int8))
    for other in ("int16", "uint8", "float32", "bool"):
        with pytest.raises(ModelError, match=f"Received: {other}"):
            plan().posteriors(np.zeros((1, 4), other))


@pytest.mark.parametrize("scale", [0.003, 0.05, 1.0, 9.0])
def test_the_table_holds_every_exponential_that_is_not_zero(scale: float) -> None:
    real = [ONE * math.exp(-scale * d) for d in range(256)]
    found = exponential_table(scale)
    assert all(abs(entry - value) <= 0.5 + 1e-6 for entry, value in zip(found, real, strict=False))
    assert found[-1] >= 1 and (len(found) == 256 or real[len(found)] <= 0.5 + 1e-6)


def test_posteriors_are_rounded_halves_up_and_far_logits_count_nothing() -> None:
    table = exponential_table(0.05)
    rows = np.random.default_rng(0).integers(-128, 128, (200, 5)).astype(np.int8)
    for row, found in zip(rows, softmax_posteriors(rows, table), strict=True):
        e = [table[int(row.max()) - int(q)] if int(row.max()) - int(q) < len(table) else 0 for q in row]
        assert found.tolist() == [math.floor(Fraction(ONE * one, sum(e)) + Fraction(sum(e) // 2, sum(e))) for one in e]
    assert softmax_posteriors(np.array([[127, -128]], np.int8), table[:200]).tolist() == [[ONE, 0]]
    every = np.arange(-128, 128).astype(np.int8)[None]
    np.testing.assert_array_equal(probability_posteriors(every)[0], np.arange(256) * 128)


def test_the_leader_is_the_highest_of_those_that_reach_their_own_threshold() -> None:
    rng, thresholds = np.random.default_rng(0), np.array([2, 5, NEVER, 0])
    scores = rng.integers(0, 8, (300, 4))
    for row, found in zip(scores.tolist(), leaders(scores, thresholds).tolist(), strict=True):
        reached = [c for c in range(4) if row[c] >= thresholds[c]]
        assert found == (max(reached, key=lambda c: (row[c], -c)) if reached else -1)
    assert leaders(np.array([[1, 1]]), np.array([2, 2])).tolist() == [-1]


@pytest.mark.parametrize("window", [1, 2, 5])
def test_smoothing_is_the_mean_of_the_last_posteriors_rounded_down(window: int) -> None:
    made = DetectorPlan(LABELS, 1, window, 1, ONE, (9, NEVER, 9, NEVER), ())
    rows = np.random.default_rng(0).integers(-128, 128, (40, 4)).astype(np.int8)
    past = np.concatenate([np.zeros((window - 1, 4), np.int64), probability_posteriors(rows)])
    expected = [sum(past[n : n + window, c].tolist()) // window for n in range(40) for c in range(4)]
    assert made.smooth(rows).ravel().tolist() == expected
    smoother = Smoother(made)
    pieces = [smoother.push(piece) for piece in np.split(rows, [1, 1, 4, 30])]
    np.testing.assert_array_equal(np.concatenate(pieces), made.smooth(rows))


@pytest.mark.parametrize(("value", "fits"), [(0.0, False), (1e-6, True), (1.0, True), (1.0001, False)])
def test_thresholds_of_single_words_are_above_0_and_up_to_1(value: float, fits: bool) -> None:
    if fits:
        assert DetectionSettings.parse({"thresholds": {"no": value}}).thresholds == {"no": value}
        return
    with pytest.raises(RecipeError, match=f"above 0 and up to 1, got no: {value}"):
        DetectionSettings.parse({"thresholds": {"no": value}})
