"""Every variation of a clip does what its formula says."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.data import augment

RATE = 16000


def _tone(hertz: float) -> np.ndarray:
    return (6000 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.mark.parametrize("samples", [0, 1, 1600, -1600, RATE, -RATE - 5])
def test_shift_moves_and_fills_with_zeros(samples: int) -> None:
    clip = np.arange(1, RATE + 1, dtype=np.float32)
    moved = augment.shift(clip, samples)
    for place in (0, 1, 5000, RATE - 1):
        source = place - samples
        assert moved[place] == (clip[source] if 0 <= source < RATE else 0)


@pytest.mark.parametrize("factor", [0.88, 0.95, 1.0, 1.05, 1.12])
def test_speed_moves_every_pitch_by_the_factor_and_keeps_the_length(factor: float) -> None:
    played = augment.change_speed(_tone(1000), factor)
    assert played.shape == (RATE,)
    inner = played[1500:14500] * np.hanning(13000)
    peak = np.argmax(np.abs(np.fft.rfft(inner, 1 << 17))) * RATE / (1 << 17)
    assert peak == pytest.approx(1000 * factor, rel=0.002)
    assert np.abs(played[2000:14000]).max() == pytest.approx(6000, rel=0.02)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_speed_keeps_the_middle_in_the_middle(factor: float) -> None:
    clip = np.zeros(RATE, np.float32)
    clip[7900:8100] = 5000
    played = augment.change_speed(clip, factor)
    centre = np.dot(np.arange(RATE), played**2) / (played**2).sum()
    assert centre == pytest.approx(8000, abs=20)


@pytest.mark.parametrize("coefficient", [-0.4, 0.0, 0.4])
def test_tilt_keeps_the_power_and_turns_the_spectrum(coefficient: float) -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    tilted = augment.tilt_spectrum(noise, coefficient)
    assert np.dot(tilted, tilted) == pytest.approx(np.dot(noise, noise), rel=1e-4)
    power = np.abs(np.fft.rfft(tilted)) ** 2 / np.abs(np.fft.rfft(noise)) ** 2
    low, high = np.median(power[10:400]), np.median(power[-400:-10])
    expected = ((1 + coefficient) / (1 - coefficient)) ** 2
    assert high / low == pytest.approx(expected, rel=0.03)


def test_reflections_are_the_stated_sum() -> None:
    clip = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    wet = augment.add_reflections(clip, np.array([3, 700]), np.array([0.5, -0.25], np.float32))
    expected = clip.astype(float).copy()
    expected[3:] += 0.5 * clip[:-3]
    expected[700:] -= 0.25 * clip[:300]
    np.testing.assert_allclose(wet, expected, atol=1e-5)


def test_drawn_reflections_decay_and_stay_within_sixty_milliseconds() -> None:
    for seed in range(50):
        delays, gains = augment.draw_reflections(np.random.default_rng(seed), RATE)
        assert 4 <= len(delays) <= 8
        assert delays.min() >= 1
        assert delays.max() <= 0.06 * RATE
        assert (np.diff(np.abs(gains)) <= 0).all()
        assert np.abs(gains).max() <= 0.7


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_noise_is_mixed_at_the_asked_ratio_to_the_sounding_word(snr: float) -> None:
    clip = np.zeros(RATE, np.float32)
    clip[4000:8000] = _tone(500)[4000:8000]
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32) * 123
    added = augment.mix_noise(clip, noise, snr) - clip
    word = np.sqrt((clip[4000:8000] ** 2).mean())
    assert 20 * np.log10(word / np.sqrt((added**2).mean())) == pytest.approx(snr, abs=0.1)


def test_noise_of_zeros_changes_nothing() -> None:
    clip = _tone(300)
    np.testing.assert_array_equal(augment.mix_noise(clip, np.zeros(RATE, np.float32), 0.0), clip)


def test_word_bounds_find_the_word() -> None:
    clips = np.zeros((2, RATE), np.int16)
    clips[0, 4000:8000] = 1000
    clips[1, 10000:12000] = 50
    bounds = augment.word_bounds(clips)
    np.testing.assert_allclose(bounds, [[4000, 6000, 8000], [10000, 11000, 12000]], atol=200)


def test_a_splice_is_the_beginning_of_one_and_the_end_of_the_other() -> None:
    first, second = np.full(RATE, 1, np.float32), np.arange(RATE, dtype=np.float32)
    spliced = augment.splice(first, 6000, second, 9000, fade=160)
    assert (spliced[:5900] == 1).all()
    np.testing.assert_array_equal(spliced[6100:13000], second[9100:16000])
    assert (spliced[13001:] == 0).all()
