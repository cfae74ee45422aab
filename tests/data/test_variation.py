"""The loop in C and its definition in NumPy give the same bytes, and neighbouring seeds their own generators."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kws_tfmot.data import augment, variation
from kws_tfmot.data.seeds import generators
from kws_tfmot.data.variation import Variations
from kws_tfmot.errors import DataError


def _drawn(seed: int, samples: int, count: int = 12, *, native: bool) -> np.ndarray:
    rng = np.random.default_rng(seed)
    clips = (rng.standard_normal((count, samples)) * 10 ** rng.uniform(0, 4.6, (count, 1))).astype(np.float32)
    clips[0] = 0
    made = Variations(np.clip(np.rint(clips), -32768, 32767).astype(np.int16), native=native)
    for row in range(count):
        if row % 2:
            made.set_sound(row, clips[row])
        if rng.random() < 0.7:
            made.set_speed(row, rng.uniform(0.4, 2.3))
        made.rows[row]["shift"] = rng.integers(-2 * samples, 2 * samples) if row == 1 else rng.integers(-300, 300)
        if rng.random() < 0.6:
            delays, gains = augment.draw_reflections(rng, 16000)
            made.set_reflections(row, np.minimum(delays, samples), gains)
        if rng.random() < 0.7:
            noise = (rng.standard_normal(samples) * 300).astype(np.float32)
            made.set_noise(row, noise if row != 2 else 0 * noise, rng.uniform(-10, 40))
        if rng.random() < 0.6:
            made.set_tilt(row, rng.uniform(-1, 1))
        made.rows[row]["gain"] = rng.uniform(0.01, 3)
    made.rows[5]["skip"] = 1
    out = np.full((count, samples), 7, np.int16)
    made.into(out)
    return out


@pytest.mark.parametrize("samples", [16000, 4001, 1237])
def test_c_gives_the_bytes_of_the_definition(samples: int) -> None:
    assert variation.load_library() is not None
    for seed in range(3):
        ours, defined = (_drawn(seed, samples, native=native) for native in (True, False))
        np.testing.assert_array_equal(ours, defined)
        assert (ours[5] == 7).all()
        assert (np.abs(ours.astype(int)).max(axis=1)[6:] > 0).all()


def test_threads_that_make_the_taps_of_a_speed_at_once_share_one_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    together, kept = threading.Barrier(2), []

    class Taps(np.ndarray):
        """An array that tells when it is gone."""

    def make(percent: int) -> np.ndarray:
        together.wait(10)
        made = np.full(3, percent, np.float32).view(Taps)
        kept.append(weakref.ref(made))
        return made

    monkeypatch.setattr(variation, "_kernels", {})
    monkeypatch.setattr(augment, "speed_kernel", make)
    with ThreadPoolExecutor(2) as pool:
        addresses = set(pool.map(variation.kernel_address, [93, 93]))
    gc.collect()
    assert addresses == {made().ctypes.data for made in kept if made() is not None}


def test_a_clip_that_is_left_alone_is_rounded_and_saturated() -> None:
    values = np.tile(np.array([0.5, 1.5, -0.5, 40000, -40000, 32767.4], np.float32), 5)
    for native in (True, False):
        out = np.empty((1, 30), np.int16)
        made = Variations(np.zeros((1, 30), np.int16), native=native)
        made.set_sound(0, values)
        made.into(out)
        assert out[0, :6].tolist() == [0, 2, 0, 32767, -32768, 32767]


def test_without_a_compiler_numpy_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _drawn(1, 1600, native=True)
    monkeypatch.setattr(variation, "load_library", lambda: None)
    np.testing.assert_array_equal(_drawn(1, 1600, native=True), expected)


def test_more_reflections_than_there_is_room_for_are_refused() -> None:
    with pytest.raises(DataError, match="at most 8"):
        Variations(np.zeros((1, 100), np.int16)).set_reflections(0, np.arange(9), np.zeros(9, np.float32))


@pytest.mark.parametrize("seed", [(0, 0), (123, 45), (2**32 - 1, 2**31), (2**40, 3), (1, 2, 3, 4)])
def test_generators_are_those_of_the_seeds(seed: tuple[int, ...]) -> None:
    places = [0, 1, 77, 2**32 - 1]
    for place, rng in zip(places, generators(seed, places), strict=True):
        own = np.random.default_rng([*seed, place])
        assert rng.integers(0, 1000, 3).tolist() == own.integers(0, 1000, 3).tolist()
        assert rng.standard_normal(5).tolist() == own.standard_normal(5).tolist()
        assert rng.random() == own.random()
