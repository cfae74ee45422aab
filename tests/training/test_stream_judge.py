"""Misses at a target of false accepts an hour, on stretches."""

from __future__ import annotations

import numpy as np

from kws_tfmot.training.stream_judge import judge_stretches


def test_the_threshold_lies_above_the_false_accepts_that_are_too_many() -> None:
    scores = np.zeros((3, 100, 3))
    scores[0, 10:15, 0] = 0.9  # heard
    scores[1, 10:15, 0] = 0.5  # heard less
    scores[2, 50, 0] = 0.7  # a false accept
    targets = np.ones((3, 100), int)
    targets[:2, 10:15], targets[:2, 15:20] = 0, -1
    strict = judge_stretches(scores, targets, 1, 0.03, 1.0)
    assert (strict.missed, strict.keywords) == (0.5, 2) and 0.7 < strict.threshold < 0.9
    assert judge_stretches(scores, targets, 1, 0.03, 1000.0).missed == 0.0  # 2.5 s: two false accepts are allowed
    assert judge_stretches(scores, targets, 5, 0.03, 1.0).missed == 0.0  # a mean of five hides one loud decision


def test_a_word_taken_for_another_is_missed_and_no_false_accept() -> None:
    scores = np.zeros((2, 200, 4))
    scores[0, 10:15, 0] = scores[0, 5:15, 1] = 0.9  # down, and go while the window fills and holds it
    scores[1, 10:15, 0] = scores[1, 100, 1] = 0.8  # the same word, and go long after it
    targets = np.full((2, 200), 2)
    targets[:, 10:15] = 0
    found = judge_stretches(scores, targets, 1, 0.03, 0.1)
    assert 0.8 < found.threshold < 0.9 and found.missed == 0.5


def test_a_word_cut_by_the_end_of_a_stretch_is_not_judged() -> None:
    scores, targets = np.zeros((1, 100, 3)), np.ones((1, 100), int)
    scores[0, 50:60, 0] = 0.9
    targets[0, 50:60] = targets[0, 96:] = targets[0, :3] = 0
    found = judge_stretches(scores, targets, 5, 0.03, 1.0)
    assert (found.missed, found.keywords) == (0.0, 1)
