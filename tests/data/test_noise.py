"""Background noise and silence: kept apart between the splits, and as varied as in the official test clips."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kws_tfmot.data.noise import COLOURS, NoiseBank, coloured_noise
from kws_tfmot.data.silence import KINDS, draw_kinds, silence_clip, silence_clips

RATE = 16000


@pytest.fixture(scope="module")
def bank() -> NoiseBank:
    """Two recordings in which every sample names its own second."""
    seconds = np.repeat(np.arange(1, 101, dtype=np.int16) * 50, RATE)
    return NoiseBank(seconds, (("a", 0, 60 * RATE), ("b", 60 * RATE, 100 * RATE)), RATE, RATE)


def test_stretches_of_the_splits_do_not_meet(bank: NoiseBank) -> None:
    spans = sorted((s.first, s.last) for split in ("train", "validation", "test") for s in bank.stretches(split))
    assert len(spans) == 6
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert sum(last - first for first, last in spans) == pytest.approx(100 * RATE, abs=10)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_drawn_noise_comes_from_the_stretches_of_its_split(bank: NoiseBank, split: str) -> None:
    rng = np.random.default_rng(0)
    seconds = {int(value) // 50 for _ in range(300) for value in np.unique(bank.draw(rng, split)[0])}
    allowed = {s + 1 for piece in bank.stretches(split) for s in range(piece.first // RATE, -(-piece.last // RATE))}
    assert seconds <= allowed
    assert len(seconds) > 0.7 * len(allowed)


def test_a_short_recording_belongs_to_train_alone() -> None:
    bank = NoiseBank(np.ones(5 * RATE, np.int16), (("short", 0, 5 * RATE),), RATE, RATE)
    assert bank.missing_splits() == ("validation", "test")
    assert bank.stretches("train")[0].last == 5 * RATE
    assert bank.draw(np.random.default_rng(0), "test") is None


@pytest.mark.parametrize(("name", "exponent"), COLOURS.items())
def test_coloured_noise_falls_as_it_should(name: str, exponent: float) -> None:
    wave = coloured_noise(np.random.default_rng(1), 1 << 17, exponent)
    power = np.abs(np.fft.rfft(wave)) ** 2
    octaves = [power[n : 2 * n].mean() for n in (1024, 2048, 4096, 8192, 16384)]
    slope = np.polyfit(np.arange(5), 10 * np.log10(octaves), 1)[0]
    assert slope == pytest.approx(-6.02 * exponent, abs=0.3), name


def test_silence_runs_from_digital_zero_to_clipping(bank: NoiseBank) -> None:
    clips, names = silence_clips(np.random.default_rng(0), bank, "test", 400)
    assert clips.shape == (400, RATE)
    assert len(set(names)) > 300
    level = np.sqrt((clips.astype(float) ** 2).mean(axis=1))
    zeros = (~clips.any(axis=1)).mean()
    assert 0.05 < zeros < 0.12
    assert (level[level > 0] < 10).mean() > 0.05
    assert (level > 6000).mean() > 0.05
    assert ((np.abs(clips.astype(int)) >= 32767).mean(axis=1) > 0.001).any()
    spread = np.log10(level[level > 1])
    assert spread.std() > 0.6


def test_silence_kinds_keep_their_shares() -> None:
    kinds = draw_kinds(np.random.default_rng(0), 200)
    for kind, share in KINDS:
        assert kinds.count(kind) == pytest.approx(200 * share, abs=1)
    assert sum(share for _, share in KINDS) == pytest.approx(1.0)
    assert list(draw_kinds(np.random.default_rng(0), 0)) == []


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS])
def test_silence_needs_no_recordings(kind: str) -> None:
    bare = NoiseBank(np.zeros(0, np.int16), (), RATE, RATE)
    clip, name = silence_clip(np.random.default_rng(0), bare, "train", kind)
    assert clip.dtype == np.int16
    assert clip.shape == (RATE,)
    assert clip.any() == (kind != "zero")
    assert name
