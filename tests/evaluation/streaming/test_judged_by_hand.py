"""Detections against the truth at times that are exact in binary: what lies on a bound, and who is counted for what."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kws_tfmot.detection.detector import NEVER
from kws_tfmot.detection.rearming import Detection
from kws_tfmot.evaluation.streaming.det_curve import DetCurve, ratio_interval, threshold_grid
from kws_tfmot.evaluation.streaming.judging import Judge, Outcome, _Run
from kws_tfmot.evaluation.streaming.product import StreamEvaluation
from kws_tfmot.evaluation.streaming.recordings_det import Counted
from kws_tfmot.evaluation.streaming.truth import LabelledStream, Segment, SpokenWord

LABELS = ("_silence_", "a", "b")
PLAN = SimpleNamespace(labels=LABELS, thresholds=(NEVER, 9, 9), stride=4)


def judge_of(
    *streams: tuple[Sequence[SpokenWord], Sequence[Segment]], tolerance: float = 0.5, times: int = 33
) -> Judge:
    """A judge of streams that are looked at every quarter of a second from 0 to 8 s, as after its constructor."""
    judge = object.__new__(Judge)
    judge.plan, judge.keywords, judge.tolerance, judge.speakers = PLAN, ["a", "b"], tolerance, [""]  # type: ignore
    model: Any = SimpleNamespace(seconds_of=lambda number: number / 4)
    judge._runs = [
        judge._run(model, LabelledStream.of("", np.zeros(0, np.int16), 1, tuple(events), tuple(segments)),
                   np.zeros((times, 3), np.uint16))
        for events, segments in streams
    ]  # fmt: skip
    return judge


def outcome(judge: Judge, *detected: Sequence[tuple[float, str]]) -> Outcome:
    """What ``(seconds, word)`` of each stream are worth."""
    streams = iter(detected)

    def decide(smoothed: np.ndarray) -> list[Detection]:
        assert smoothed.dtype == np.int64
        return [Detection(round(4 * seconds), LABELS.index(word), 0) for seconds, word in next(streams)]

    return judge.at(SimpleNamespace(decide=decide))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "hit"), [(0.75, False), (1.0, True), (1.75, True), (2.0, True), (2.5, True), (2.75, False)]
)
def test_a_word_is_hit_from_its_start_to_the_tolerance_after_its_end(seconds: float, hit: bool) -> None:
    judge = judge_of(([SpokenWord("b", 1.0, 2.0, "ann")], [Segment(0.0, 8.0, "bob")]))
    found = outcome(judge, [(seconds, "b")])
    assert judge.speakers == ["", "bob", "ann"] and judge.events == 1
    assert found.hits.tolist() == [[0, 0], [0, 0], [0, int(hit)]]
    assert found.false_rejects.tolist() == [[0, 0], [0, 0], [0, int(not hit)]]
    assert found.false_accepts.tolist() == [[0, 0], [0, int(not hit)], [0, 0]]
    assert found.latencies == ([seconds - 2.0] if hit else []) and found.hit_words == ([1] if hit else [])
    assert not found.repeats.any() and not found.substitutions.any()


def test_a_segment_begins_with_its_start_and_ends_before_its_end() -> None:
    judge = judge_of(([SpokenWord("a", 3.0, 4.0, "cat")], [Segment(1.0, 2.0, "ann"), Segment(2.0, 5.0, "bob")]))
    (run,) = judge._runs
    owner = [judge.speakers[number] for number in run.speaker]
    assert owner == ["bob" if 2 <= n / 4 < 5 else "ann" if 1 <= n / 4 < 2 else "" for n in range(33)]
    assert run.free.tolist() == [not 3 <= n / 4 <= 4.5 for n in range(33)]
    assert (run.times == np.arange(33) / 4).all()


def test_each_kind_of_error_counts_for_the_word_and_speaker_it_belongs_to() -> None:
    """Two windows overlap: a detection is of the first of its word not yet heard, a repeat, or another's."""
    events = [
        SpokenWord("a", 1.0, 1.5, "ann"), SpokenWord("a", 1.5, 2.0, "bob"), SpokenWord("b", 4.0, 4.5, "bob"),
        SpokenWord("a", 4.5, 5.0, "ann"), SpokenWord("b", 7.0, 7.5, "ann"),
    ]  # fmt: skip
    judge = judge_of((events, [Segment(0.0, 4.0, "bob"), Segment(6.0, 8.0, "ann")]))
    assert judge.speakers == ["", "bob", "ann"]
    found = outcome(
        judge,
        [(1.5, "a"), (1.75, "a"), (2.0, "a"), (2.25, "b"), (2.75, "b"), (4.75, "a"), (5.25, "b"), (5.75, "a"),
         (6.0, "b"), (7.75, "a")],
    )  # fmt: skip
    assert found.hits.tolist() == [[0, 0], [1, 0], [2, 0]]
    assert found.latencies == [0.0, -0.25, -0.25] and found.hit_words == [0, 0, 0]
    assert found.repeats.tolist() == [[0, 0], [0, 0], [1, 0]]  # at 2.0 ann's first, the first that is open
    assert found.substitutions.tolist() == [[0, 0], [1, 0], [1, 1]]
    assert found.false_rejects.tolist() == [[0, 0], [0, 1], [0, 1]]
    assert found.false_accepts.tolist() == [[1, 0], [0, 1], [0, 1]]


def test_streams_are_judged_one_by_one_and_their_counts_added() -> None:
    said = ([SpokenWord("a", 1.0, 2.0, "ann")], [Segment(0.0, 8.0, "ann")])
    judge = judge_of(said, said, ([], [Segment(0.0, 8.0, "bob")]))
    assert judge.events == 2 and judge.speakers == ["", "ann", "bob"]
    found = outcome(judge, [(1.5, "a")], [(5.0, "a")], [(1.5, "a"), (1.75, "a")])
    assert found.hits.tolist() == [[0, 0], [1, 0], [0, 0]] == found.false_rejects.tolist()
    assert found.false_accepts.tolist() == [[0, 0], [1, 0], [2, 0]]
    assert found.latencies == [-0.5]


@pytest.mark.parametrize("record", [DetCurve, StreamEvaluation, Counted, LabelledStream, _Run])
def test_records_of_arrays_are_compared_by_identity(record: type) -> None:
    assert record.__eq__ is object.__eq__ and record.__hash__ is object.__hash__


def random_curve(seed: int) -> DetCurve:
    rng = np.random.default_rng(seed)
    thresholds, speakers = 7, int(rng.integers(2, 6))
    accepts = rng.poisson(1.5, (thresholds, speakers)) * (rng.random(speakers) < 0.7)
    rejects = np.sort(rng.integers(0, 9, (thresholds, speakers)), axis=0)
    return DetCurve(tuple(range(10, 80, 10)), accepts * 1.0, rejects * 1.0, np.full(speakers, 9.0),
                    rng.integers(1, 4, speakers) * 0.5)  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_the_voice_that_decides_is_the_one_whose_absence_lowers_the_misses_most(seed: int) -> None:
    curve = random_curve(seed)

    def missed(speakers: list[int], per_hour: float) -> float | None:
        """Share of misses at the lowest threshold above which no rate exceeds the target."""
        rates = curve.false_accepts[:, speakers].sum(axis=1) / curve.hours[speakers].sum()
        places = [place for place in range(7) if (rates[place:] <= per_hour).all()]
        return curve.false_rejects[places[0], speakers].sum() / (9 * len(speakers)) if places else None

    every = list(range(len(curve.hours)))
    for per_hour in (0.5, 1.0, 2.0, 4.0):
        assert curve.missed_at(per_hour) == missed(every, per_hour)
        without = [
            missed([other for other in every if other != one], per_hour)
            for one in every
            if curve.false_accepts[:, one].any()
        ]
        known = [share for share in (missed(every, per_hour), *without) if share is not None]
        assert curve.missed_without_one_voice(per_hour) == (min(known) if known else None)


def test_draws_of_speakers_with_nothing_to_count_are_left_out_of_an_interval() -> None:
    base = np.r_[0.0, np.full(5, 2.0), np.zeros(20)]
    counts = np.r_[0.0, np.array([1.0, 0, 2, 1, 0]), np.zeros(20)]
    drawn = np.random.default_rng(0).multinomial(25, np.full(25, 1 / 25), 2000)
    below = drawn @ base[1:]
    assert (below == 0).any()
    ratios = (drawn @ counts[1:])[below > 0] / below[below > 0]
    assert ratio_interval(counts, base) == pytest.approx(tuple(np.percentile(ratios, [2.5, 97.5])))
    assert ratio_interval(counts[:5], base[:5]) is None


def test_the_grid_has_120_thresholds_unless_told_otherwise() -> None:
    assert threshold_grid() == threshold_grid(120) != threshold_grid(121)
    assert threshold_grid(2) == [650, 32767, 32768]
