"""Two models as one over streams of tones: each look beside the windows that it should have seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tone_words import RATE, SETTINGS, ToneRunner, clip, noise, spotter

from kws_tfmot.detection.detector import NEVER, Smoother
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.evaluation.streaming.cascade import Cascade, CascadeMember, Look, LookPlan, LookStream, LookTally
from kws_tfmot.evaluation.streaming.spotter import Heard, Steps, StreamModel
from kws_tfmot.frontend import Frontend
from kws_tfmot.tflite.interpreter import TensorSpec

HOP = SETTINGS.hop_ms
LABELS = ("_silence_", "high", "low", "_unknown_")
SHORTER = SETTINGS.model_copy(update={"clip_ms": 400})


class Second(ToneRunner):
    """The tones' runner with its classes in another order; ``rows`` at a time it keeps the last ``frames``."""

    def __init__(self, rows: int = 0) -> None:
        super().__init__()
        self.rows = rows
        self.reset()

    def run(self, batch: np.ndarray) -> np.ndarray:
        return super().run(batch)[:, [3, 1, 0, 2]]

    def reset(self) -> None:
        self._seen = np.zeros((0, SETTINGS.mels), np.int8)

    def run_steps(self, steps: np.ndarray) -> np.ndarray:
        found = []
        for step in steps.reshape(len(steps), self.rows, SETTINGS.mels):
            self._seen = np.concatenate([self._seen, step])
            if len(self._seen) >= 4 * self.rows:
                found.append(self.run(self._seen[None, -4 * self.rows :])[0])
        return np.array(found, np.int8).reshape(-1, 4)


def second(rows: int = 0, stride: int = 3, threshold: int = 20000) -> StreamModel:
    """Classes in another order, another window and stride; in steps of ``rows`` where that is not 0."""
    model = spotter(window=2)
    plan = replace(model.plan, labels=LABELS, stride=rows or stride, thresholds=(NEVER, threshold, 14000, NEVER))
    contract = replace(model.contract, frontend=SHORTER, labels=LABELS)
    shape = (1, rows or SHORTER.frames, SETTINGS.mels, 1)
    return replace(
        model, plan=plan, contract=contract, runner=Second(rows), sha256="1" * 64,
        input=TensorSpec(model.input.dtype, shape, SETTINGS.scale, 0), steps=Steps(rows, 4 * rows) if rows else None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def stream() -> np.ndarray:
    said = ("low", "high", "other", "low", "mid", "high", "low", "low")
    parts = [piece for n, word in enumerate(said) for piece in (noise(RATE // 5 + 100 * n, n), clip(word, n))]
    return np.concatenate([*parts, noise(RATE // 10, 9)])


def by_hand(cascade: Cascade, stream: np.ndarray) -> list[Look]:
    """Every look by the whole stream's features, in the order of the wakes."""
    frames = Frontend(SETTINGS).features(stream)
    plan, other, look = cascade.first.plan, cascade.second, cascade.look
    found = []
    for wake in plan.decide(plan.smooth(cascade.first.outputs(stream))):
        frame = SETTINGS.frames + 5 * wake.inference
        times = look.times(frame, len(frames))
        ends = list(look.ends(frame))[: len(times)]
        smoothed = np.zeros((0, 4), np.int64)
        if ends:
            other.reset()
            if look.stepped:
                rows = frames[ends[0] - look.first : ends[-1]].reshape(-1, look.piece, SETTINGS.mels)
                outputs = Second(look.piece).run_steps(rows)
            else:
                outputs = Second().run(np.stack([frames[end - SHORTER.frames : end] for end in ends]))
            smoothed = Smoother(other.plan).push(outputs)
        found.append(Look(frame, wake.label, times, smoothed))
    return found


@pytest.mark.parametrize(
    ("rows", "look"),
    [(0, {}), (4, {"before_ms": 100, "after_ms": 60, "a_hop": 1}),
     (4, {"before_ms": 1000, "after_ms": 700, "a_hop": 3}), (0, {"before_ms": 0, "after_ms": 0})],
)  # fmt: skip
def test_looks_see_the_windows_around_each_wake_however_the_stream_is_cut(
    stream: np.ndarray, rows: int, look: dict[str, int]
) -> None:
    cascade = Cascade.of(spotter(threshold=0.4, refractory=2), second(rows), **look)
    expected = by_hand(cascade, stream)
    assert len(expected) >= 5 and {one.label for one in expected} == {0, 1}
    for size in (len(stream), 1600):
        pieces = LookStream(cascade)
        found = [one for first in range(0, len(stream), size) for one in pieces.push(stream[first : first + size])]
        if size == 1600:  # looks are done as soon as their last decision is due, and no frame is kept for ever
            assert len(found) >= len(expected) - 3
            assert len(pieces._frames) <= cascade.look.ring + max(len(one.frames) for one in expected) + 80
        found += pieces.finish()
        assert pieces.finish() == []
        found.sort(key=lambda one: one.wake)
        assert [one[:3] for one in found] == [one[:3] for one in expected]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one.smoothed, other.smoothed)
    heard = cascade.spot(stream)
    assert heard == cascade.heard(expected)
    denied = replace(cascade, second=second(rows, threshold=ONE + 1)).heard(expected)
    assert denied == [one for one in heard if one.word == "low"]
    assert len(denied) < len(heard) or not look.get("after_ms", 1)


def test_what_is_heard_has_word_score_and_time(stream: np.ndarray) -> None:
    cascade = Cascade.of(spotter(threshold=0.4, refractory=2), second())
    agreed = cascade.agreements(by_hand(cascade, stream), cascade.second.plan)
    assert agreed and cascade.heard(by_hand(cascade, stream)) == [
        Heard(
            pytest.approx(((one.frame - 1) * SETTINGS.hop_samples + SETTINGS.window_samples) / RATE),
            ("low", "high")[one.label], one.score / 32768, one.frame,
        )
        for one in agreed
    ]  # fmt: skip


def test_a_cascade_promises_what_its_first_does_and_is_run_by_its_second() -> None:
    first, other = spotter(window=3), second()
    cascade = Cascade.of(first, other)
    assert cascade.contract is first.contract and cascade.runner is other.runner
    assert cascade.sha256 == "0" * 12 + "+" + "1" * 12
    assert cascade.plan == replace(first.plan, thresholds=(14000, 20000, NEVER, NEVER))
    assert cascade.context_ms == 500 + 3 * 5 * HOP
    wider = replace(other, plan=replace(other.plan, window=20))
    assert replace(cascade, second=wider).context_ms == 400 + 20 * 3 * HOP
    tally = LookTally(cascade, [1, 2], 3)
    assert tally.counts.shape == (3, 3, 2) and tally.wakes == 0


def member(model: StreamModel, **more: Any) -> CascadeMember:
    return CascadeMember.of(model)._replace(**more)


def test_a_plan_is_in_frames_of_both_models() -> None:
    first, other = CascadeMember.of(spotter()), CascadeMember.of(second())
    frames = SHORTER.frames
    assert other == CascadeMember(second().contract, second().plan, None, False)
    assert LookPlan.of(first, other) == LookPlan(
        600 // HOP, 400 // HOP, frames, frames, 3, False, 2, (2, 1, NEVER, NEVER)
    )
    stepped = CascadeMember.of(second(4))
    assert LookPlan.of(first, stepped, 5 * HOP + 1, 2 * HOP - 1, 7) == LookPlan(
        5, 1, 16, 4, 4, True, 7, (2, 1, NEVER, NEVER)
    )
    assert (stepped.steps, stepped.stateful) == (Steps(4, 16), False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((-1, 400, 2), "expected 0 to 5000 ms before a wake. Received: -1"),
        ((5001, 400, 2), "expected 0 to 5000 ms before a wake. Received: 5001"),
        ((600, -1, 2), "expected 0 to 5000 ms after a wake. Received: -1"),
        ((600, 5001, 2), "expected 0 to 5000 ms after a wake. Received: 5001"),
        ((600, 400, 0), "expected 1 to 100 inferences of the second model a hop. Received: 0"),
        ((600, 400, 101), "expected 1 to 100 inferences of the second model a hop. Received: 101"),
        ((0, 0, 1), None),
        ((5000, 5000, 100), None),
    ],
)
def test_times_and_inferences_have_bounds(given: tuple[int, int, int], said: str | None) -> None:
    first, other = CascadeMember.of(spotter()), CascadeMember.of(second())
    if said is None:
        plan = LookPlan.of(first, other, *given)
        assert (plan.before, plan.after, plan.a_hop) == (given[0] // HOP, given[1] // HOP, given[2])
    else:
        with pytest.raises(RecipeError, match=said):
            LookPlan.of(first, other, *given)


def test_pairs_that_cannot_be_are_refused() -> None:
    first, other = CascadeMember.of(spotter()), CascadeMember.of(second())
    with pytest.raises(ModelError, match="keeps a state of its own"):
        LookPlan.of(first, other._replace(stateful=True))
    lacking = replace(second().plan, labels=("_silence_", "hi", "no", "_unknown_"))
    with pytest.raises(ModelError, match="does not know 'low', 'high'"):
        LookPlan.of(first, other._replace(plan=lacking))
    frontend = SHORTER.model_copy(update={"mels": 21, "low_hz": 99})
    with pytest.raises(ModelError, match=rf"mels 20 and 21; low_hz {SETTINGS.low_hz} and 99\."):
        LookPlan.of(first, other._replace(contract=replace(other.contract, frontend=frontend)))


def test_the_first_decision_that_reaches_the_threshold_is_the_one_that_agrees() -> None:
    plan = second(threshold=1000).plan
    smoothed = np.array([[ONE, 999, 0, 0], [0, 1000, 0, 0], [0, 0, 0, 0], [0, 2000, 0, 0]])
    look = Look(7, 1, [8, 9, 10, 11], smoothed)
    assert look.agreed(plan, 1) == (9, 1000) and look.agreed(plan, 2) is None
    assert look._replace(frames=[], smoothed=smoothed[:0]).agreed(plan, 1) is None
