"""Background noise and silence: kept apart between the splits, and as varied as in the official test clips."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kws_tfmot.data.noise import COLOURS, NoiseBank, coloured_noise
from kws_tfmot.data.noise_shapes import band_filter, level_dbfs, switched
from kws_tfmot.data.silence import DITHER_SHARE, ZERO_SHARE, draw_places, made_level, silence_clip, silence_clips

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


def _loud_and_quiet() -> NoiseBank:
    """One recording a hundredth as loud as the other, as in a folder whose files were never levelled."""
    wave = np.random.default_rng(3).standard_normal(80 * RATE) * np.repeat([3.0, 300.0], 40 * RATE)
    return NoiseBank(wave.astype(np.int16), (("far", 0, 40 * RATE), ("near", 40 * RATE, 80 * RATE)), RATE, RATE)


@pytest.mark.parametrize("split", ["train", "test"])
def test_silence_lies_evenly_at_every_level_whatever_the_files_have(split: str) -> None:
    clips = np.zeros((700, RATE), np.int16)
    names = silence_clips(np.random.default_rng(0), _loud_and_quiet(), split, clips)
    assert clips.shape == (700, RATE)
    assert len(set(names)) > 600
    assert (~clips.any(axis=1)).mean() == pytest.approx(ZERO_SHARE, abs=0.005)
    level = np.array([level_dbfs(clip) for clip in clips])
    noise = ~np.isinf([made_level(name) for name in names])
    steps, _ = np.histogram(level[noise], bins=np.arange(-75, 1, 10))
    # Full scale noise clips, which leaves the two last steps to share 15 dB; the first is 5 dB wide.
    assert (steps[1:] > 60).all(), steps
    assert steps.max() < 110
    for recording in ("far", "near"):
        own = level[[name.startswith(recording) for name in names]]
        assert own.min() < -60
        assert own.max() > -6, f"{recording} keeps the level of its file"
    assert ((np.abs(clips.astype(int)) >= 32767).mean(axis=1) > 0.001).any()


def test_the_name_of_made_silence_tells_its_level(bank: NoiseBank) -> None:
    clips = np.zeros((100, RATE), np.int16)
    names = silence_clips(np.random.default_rng(1), bank, "test", clips)
    for clip, name in zip(clips, names, strict=True):
        reported = made_level(name)
        assert reported is not None
        assert reported == pytest.approx(level_dbfs(clip), abs=0.01) or (np.isinf(reported) and level_dbfs(clip) < -70)


def test_every_place_has_its_share() -> None:
    places = np.sort(draw_places(np.random.default_rng(0), 200))
    np.testing.assert_array_equal((places * 200).astype(int), np.arange(200))
    assert list(draw_places(np.random.default_rng(0), 0)) == []


@pytest.mark.parametrize("place", [0.0, ZERO_SHARE, ZERO_SHARE + DITHER_SHARE, 0.99])
def test_silence_needs_no_recordings(place: float) -> None:
    bare = NoiseBank(np.zeros(0, np.int16), (), RATE, RATE)
    clip, name = silence_clip(np.random.default_rng(0), bare, "train", place)
    assert clip.dtype == np.int16
    assert clip.shape == (RATE,)
    assert clip.any() == (place > 0)
    assert name


def test_a_filter_keeps_its_band_and_a_switch_its_time() -> None:
    wave = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    power = np.abs(np.fft.rfft(band_filter(wave, RATE, 1000.0, 2000.0))) ** 2
    band = power[1000:2000].mean()
    assert power[250:260].mean() < 0.01 * band
    assert power[7990:].mean() < 0.02 * band
    half = switched(wave, 4000, 12000, -40.0)
    assert level_dbfs(half[5000:11000]) - level_dbfs(half[:3000]) == pytest.approx(40, abs=1)
    back = switched(wave, 12000, 4000, -40.0)
    assert level_dbfs(back[5000:11000]) - level_dbfs(back[:3000]) == pytest.approx(-40, abs=1)


def test_varied_noise_is_mixed_filtered_and_switched() -> None:
    rng = np.random.default_rng(0)
    noise = _loud_and_quiet()
    names = [noise.draw_varied(rng, "train", 0.2)[1] for _ in range(200)]
    for change, share in (("mixed", 0.3), ("filtered", 0.3), ("switched", 0.15)):
        assert sum(change in name for name in names) / 200 == pytest.approx(share, abs=0.1)
    assert sum(name.startswith(tuple(COLOURS)) for name in names) / 200 == pytest.approx(0.2, abs=0.08)
