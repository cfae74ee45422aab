"""When the second of two models looks, and what the two hear together: by a walk through the stream hop by hop."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from kws_tfmot.detection.detector import NEVER, DetectorPlan
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.evaluation.streaming.cascade import AgreedDetection, Cascade, Look, LookPlan, LookTally


def a_plan(rng: np.random.Generator) -> LookPlan:
    piece, stride = int(rng.integers(1, 6)), int(rng.integers(1, 9))
    stepped = bool(rng.integers(2))
    first = piece * int(rng.integers(1, 8)) if stepped else piece
    before, after = (int(frames) for frames in rng.integers(0, 40, 2))
    return LookPlan(before, after, first, piece, stride, stepped, int(rng.integers(1, 4)), (0, NEVER))


def walked(look: LookPlan, wake: int) -> tuple[list[int], list[int]]:
    """Frames that have come at each decision, and the frame at whose hop it is made."""
    ends = [end for end in range(wake - look.before, wake + look.after + 1, look.stride) if end >= look.first]
    warm_up = look.first // look.piece - 1 if look.stepped and ends else 0
    waiting = [(ends[0] - look.piece * (warm_up - n), False) for n in range(warm_up)] + [(end, True) for end in ends]
    made, frame = [], wake
    while waiting:
        for _ in range(look.a_hop):
            if waiting and waiting[0][0] <= frame:
                made += [frame] if waiting.pop(0)[1] else []
        frame += 1
    return ends, made


@pytest.mark.parametrize("seed", range(60))
def test_every_inference_comes_as_soon_as_its_frames_and_the_hop_allow(seed: int) -> None:
    look, wake = a_plan(rng := np.random.default_rng(seed)), int(rng.integers(0, 90))
    ends, times = walked(look, wake)
    assert (list(look.ends(wake)), look.times(wake)) == (ends, times)
    for end in (wake, wake + look.after // 2, wake + look.after):
        assert look.times(wake, end) == [time for time in times if time <= end]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_reckoned_for_any_look_is_what_it_does(seed: int) -> None:
    look = a_plan(np.random.default_rng(seed))
    warm_up = look.first // look.piece - 1 if look.stepped else 0
    assert look.inferences == warm_up + len(look.ends(500))
    assert look.frames == look.after + 1 and look.ring == look.first + look.before + look.stride + 1


def test_what_is_reckoned_for_a_whole_look_is_what_it_does() -> None:
    look = LookPlan(before=8, after=6, first=12, piece=4, stride=3, stepped=True, a_hop=9, label_of=(0,))
    assert (look.ring, look.inferences, look.frames) == (12 + 8 + 3 + 1, 2 + 5, 7)


PLAN = DetectorPlan(("_silence_", "a", "b"), 1, 1, 3, ONE // 2, (NEVER, 20000, 10000), ())
SECOND = DetectorPlan(("b", "other", "a"), 1, 1, 3, ONE // 2, (9000, 30000, 15000), ())


def looks_at(*scores: tuple[int, int, list[int], list[int]]) -> list[Look]:
    """``(wake, first's class, frames, score of the second's word "a" at each)``."""
    return [
        Look(wake, label, frames, np.array([[0, 0, score] for score in levels], np.int64).reshape(-1, 3))
        for wake, label, frames, levels in scores
    ]


def cascade() -> Cascade:
    first, second = (SimpleNamespace(plan=plan) for plan in (PLAN, SECOND))
    return Cascade(first, second, LookPlan(4, 4, 1, 1, 2, False, 1, (NEVER, 2, 0)))  # type: ignore[arg-type]


def test_a_word_is_heard_where_both_agree_and_meanwhile_no_other() -> None:
    looks = looks_at(
        (10, 1, [10, 12, 14], [0, 16000, 20000]),  # agreed at 12
        (11, 1, [11, 13, 15], [15000, 15000, 15000]),  # passed over: the look before ended at 12
        (12, 1, [12, 14], [15000, 0]),  # passed over too
        (13, 1, [13, 15], [14999, 0]),  # denied, until 15
        (15, 1, [15, 17], [32000, 0]),  # passed over
        (16, 2, [16, 18], [32000, 32000]),  # another word: the second's "b" is silent
        (19, 1, [], []),  # at the end of a stream: nothing to look at
        (20, 1, [20], [15000]),
    )
    agreed = [AgreedDetection(12, 1, 16000), AgreedDetection(20, 1, 15000)]
    assert cascade().agreements(looks, SECOND) == agreed


def test_a_tally_counts_each_word_at_each_threshold() -> None:
    tally = LookTally(cascade(), [16001, 40000], 2)
    tally.add(0, [])
    tally.add(1, [looks_at((10, 1, [10], [16000])), looks_at((20, 1, [20], [17000]))])
    assert tally.finish().tolist() == [[[0, 0]] * 3, [[2, 0], [1, 0], [0, 0]]]
    assert tally.wakes == 2


def test_the_first_listens_with_the_thresholds_of_the_second() -> None:
    assert cascade().plan.thresholds == (NEVER, 15000, 9000)
    assert cascade().plan.labels == PLAN.labels
