"""The background of a composed stream: which noise is drawn, how loud it is, and how one stretch meets the next."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tone_words import RATE, WORDS, clip

from kws_tfmot.data import ClipIndex
from kws_tfmot.evaluation.streaming.composed import StreamComposer, StreamSettings, word_levels

SETTINGS = StreamSettings(hours=0.05, piece_minutes=1.0, keyword_share=0.4)


def speakers(index: ClipIndex) -> set[str]:
    """Of the test split."""
    return {clip.speaker for clip in index.clips if clip.split == "test"}


def test_stretches_of_noise_are_cross_faded_at_one_level(
    tone_index: ClipIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    composer = StreamComposer(tone_index, "test", SETTINGS.model_copy(update={"snr_db": (20.0, 20.0)}))
    lengths = iter([RATE, 3 * RATE, 2000, 2 * RATE, 9 * RATE])
    monkeypatch.setattr(composer, "_noise", lambda rng: np.full(next(lengths), 50.0, np.float32))
    heard = composer._background(np.random.default_rng(0), 6 * RATE)
    words = np.concatenate([[clip(word, int(speaker, 16)) for word in WORDS] for speaker in speakers(tone_index)])
    assert len(heard) == 6 * RATE
    np.testing.assert_allclose(heard[RATE // 20 :], np.median(word_levels(words)) / 10, rtol=1e-4)
    np.testing.assert_allclose(np.diff(heard[: RATE // 20]), heard[-1] / (RATE // 20 - 1), rtol=1e-2)


def test_noise_is_any_stretch_of_the_splits_own(tone_index: ClipIndex) -> None:
    composer, bank = StreamComposer(tone_index, "test", SETTINGS), tone_index.noise
    (own,) = bank.stretches("test")
    rng, lengths, ends = np.random.default_rng(1), [], []
    for _ in range(200):
        noise = composer._noise(rng)
        windows = np.lib.stride_tricks.sliding_window_view(bank.samples[own.first : own.last], len(noise))
        (place,) = np.flatnonzero((windows[:, :4] == noise[:4]).all(axis=1))
        np.testing.assert_array_equal(windows[place], noise)
        lengths.append(len(noise))
        ends += [place, own.last - own.first - place - len(noise)]
    assert bank.length <= min(lengths) < 1.1 * bank.length and max(lengths) > 0.9 * (own.last - own.first)
    assert min(ends) < 0.02 * RATE


def with_noise(index: ClipIndex, **bank: Any) -> StreamComposer:
    """A composer whose index has another bank of noise."""
    return StreamComposer(replace(index, noise=SimpleNamespace(**bank)), "test", SETTINGS)


def test_every_stretch_of_a_recording_may_be_drawn(tone_index: ClipIndex) -> None:
    pieces = [SimpleNamespace(first=2, last=7), SimpleNamespace(first=20, last=23)]
    composer = with_noise(
        tone_index, stretches=lambda split: pieces * (split == "test"), length=3, samples=np.arange(99)
    )
    rng = np.random.default_rng(0)
    drawn = Counter(tuple(composer._noise(rng).tolist()) for _ in range(3000))
    inside = [tuple(range(first, first + size)) for size in (3, 4, 5) for first in range(2, 7 - size + 1)]
    assert set(drawn) == {*inside, (20, 21, 22)} and composer._noise(rng).dtype == np.float32
    assert drawn[20, 21, 22] == pytest.approx(1500, abs=120)
    for size in (3, 4, 5):
        assert sum(drawn[one] for one in inside if len(one) == size) == pytest.approx(500, abs=90)
    assert composer.sources()["noise_seconds"] == 0.0
    longer = with_noise(tone_index, stretches=lambda split: [SimpleNamespace(first=100, last=100 + 54321)], length=3)
    assert longer.sources()["noise_seconds"] == 3.4


def test_without_recordings_half_of_a_generated_noise_is_drawn(tone_index: ClipIndex) -> None:
    generated = {"hiss": np.arange(10.0), "hum": np.arange(100.0, 107.0)}
    composer = with_noise(tone_index, stretches=lambda split: [], generated=generated)
    rng = np.random.default_rng(0)
    drawn = Counter(tuple(composer._noise(rng).tolist()) for _ in range(3000))
    hiss = {tuple(range(first, first + 5)) for first in range(5)}
    hum = {tuple(range(first, first + 3)) for first in range(100, 103)}
    assert set(drawn) == hiss | hum
    assert sum(drawn[one] for one in hiss) == pytest.approx(1500, abs=120)


def test_a_ratio_is_drawn_for_each_stretch_and_silence_stays_silent(
    tone_index: ClipIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    composer = StreamComposer(tone_index, "test", SETTINGS.model_copy(update={"snr_db": (10.0, 40.0)}))
    noises = iter([np.full(2 * RATE, 9.0), np.zeros(2 * RATE), np.full(9 * RATE, -5.0)])
    monkeypatch.setattr(composer, "_noise", lambda rng: next(noises).astype(np.float32))
    heard = composer._background(np.random.default_rng(6), 5 * RATE)
    rng = np.random.default_rng(6)
    first, _, last = (composer._level * 10 ** (-rng.uniform(10.0, 40.0) / 20) for _ in range(3))
    np.testing.assert_allclose(heard[RATE // 20 : 2 * RATE - RATE // 20], first, rtol=1e-5)
    assert not heard[2 * RATE : 4 * RATE - RATE // 10].any()
    np.testing.assert_allclose(heard[4 * RATE - RATE // 20 :], -last, rtol=1e-5)
