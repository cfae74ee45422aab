"""Rooms: how fast their sound dies, and how loud it is beside the voice."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.data.rooms import in_a_room, room_response

RATE = 16000
ROOMS = [room_response(np.random.default_rng(seed), RATE).astype(np.float64) for seed in range(40)]


def rt60(response: np.ndarray) -> float:
    """Seconds in which the energy still to come falls by 60 dB, from the slope of its first 20 dB after the voice."""
    tail = response[int(0.002 * RATE) :]
    left = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2))
    first = int(np.argmax(left < -20))
    return 60 * first / RATE / 20


def test_reverberation_times_are_those_of_small_rooms() -> None:
    times = np.array([rt60(room) for room in ROOMS])
    assert times.min() > 0.08 and times.max() < 0.6
    assert np.median(times) == pytest.approx(0.3, abs=0.07)  # even between 0.1 and 0.5 s
    for room, time in zip(ROOMS, times, strict=True):  # what is kept ends where the sound has died
        assert len(room) / RATE == pytest.approx(time, rel=0.35)


def test_the_voice_itself_is_2_to_14_db_above_all_that_follows() -> None:
    levels = [10 * np.log10(room[0] ** 2 / np.sum(room[1:] ** 2)) for room in ROOMS]
    assert all(room[0] == 1 and not room[1 : int(0.002 * RATE)].any() for room in ROOMS)
    assert 2.0 <= min(levels) < 4.5 and 11.5 < max(levels) <= 14.001


def test_a_clip_in_a_room_is_the_clip_convolved_with_it() -> None:
    clip = np.random.default_rng(1).standard_normal(500).astype(np.float32)
    wet = in_a_room(clip, np.random.default_rng(3), RATE)
    np.testing.assert_allclose(wet, np.convolve(clip, ROOMS[3]), atol=1e-3)
