"""What is drawn for the clips of a training batch, in C: the bits that Python draws from generators of the same seeds.

The definition is :meth:`~kws_tfmot.data.batches.TrainingBatches.draw_variation` and
:func:`~kws_tfmot.data.noise_shapes.draw_shaping`; this is their twin, an eighth of their time.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.data_settings import AugmentSettings
from kws_tfmot.data.noise import NoiseBank
from kws_tfmot.data.noise_shapes import Shaping, mixed_in
from kws_tfmot.data.seeds import seed_words
from kws_tfmot.data.silence import GENERATED_SHARE
from kws_tfmot.data.variation import DRAWN, Variations, load_library

LEFT_ALONE, RECORDED_SILENCE, WORD, UNKNOWN_WORD, MADE_NOISE = range(5)
"""What a clip is drawn as, as csrc/kws_draw.c numbers them."""

_NOISE = np.dtype(
    [
        ("first", np.int64, 2), ("level_db", np.float64), ("band_low", np.float64), ("band_high", np.float64),
        ("floor_db", np.float64), ("snr_db", np.float64), ("generated", np.int32, 2), ("wanted", np.int32),
        ("mixed", np.int32), ("filtered", np.int32), ("switched", np.int32), ("on", np.int32), ("off", np.int32),
    ],
    align=True,
)  # fmt: skip
"""``kws_drawn_noise`` of csrc/kws_draw.c."""


class _Settings(ctypes.Structure):
    """``kws_draw_settings`` of csrc/kws_draw.c."""

    _fields_ = [
        *((name, ctypes.c_double) for name in (
            "speed_probability", "speed_percent", "cut_unknown", "reverb_probability", "noise_probability",
            "tilt_probability", "tilt", "snr_low", "snr_high", "gain_low", "gain_high", "generated_share",
            "silence_generated_share")),
        *((name, ctypes.c_void_p) for name in ("shares", "first", "last", "samples", "generated")),
        *((name, ctypes.c_int64) for name in (
            "stretches", "generated_count", "generated_samples", "length", "shift", "cut_shift", "rate")),
    ]  # fmt: skip


class BatchDraws:
    """Draws for the clips of an epoch's batches.

    Args:
        noise: Where noise is from; its training stretches are used.
        settings: Shares and ranges.
        shift: Most samples that a clip is moved by, either way.
        cut_shift: The same of unknown clips that are cut.
    """

    def __init__(self, noise: NoiseBank, settings: AugmentSettings, shift: int, cut_shift: int) -> None:
        self._noise = noise
        self._made = list(noise.generated.values())
        stretches = noise.stretches("train")
        self._arrays: dict[str, npt.NDArray[Any]] = {
            "shares": noise.shares("train") if stretches else np.zeros(0),
            "first": np.array([stretch.first for stretch in stretches], np.int64),
            "last": np.array([stretch.last for stretch in stretches], np.int64),
            "samples": np.ascontiguousarray(noise.samples),
            "generated": np.array([wave.ctypes.data for wave in self._made], np.uintp),
        }
        shares = ("speed_probability", "speed_percent", "cut_unknown", "reverb_probability", "noise_probability",
                  "tilt_probability", "tilt")  # fmt: skip
        self._settings = _Settings(
            **{name: float(getattr(settings, name) or 0) for name in shares},
            **dict(zip(("snr_low", "snr_high", "gain_low", "gain_high"),
                       (*settings.noise_snr_db, *settings.gain_db), strict=True)),
            **{name: array.ctypes.data for name, array in self._arrays.items()},
            generated_share=settings.generated_noise_share, silence_generated_share=GENERATED_SHARE,
            stretches=len(stretches), generated_count=len(self._made), generated_samples=len(self._made[0]),
            length=noise.length, shift=shift, cut_shift=cut_shift, rate=noise.rate,
        )  # fmt: skip

    def draw(
        self, seed: Sequence[int], places: Sequence[int], tasks: npt.NDArray[np.int8], to: Variations
    ) -> list[tuple[int, Shaping, float]] | None:
        """Draw the variations of clips into ``to``; the noise of those that have some, by row, and its ratio in dB.

        ``None``, and nothing drawn, where the seeds are out of range or there is no compiler.
        """
        words, library = seed_words(seed, places), load_library()
        if words is None or library is None:
            return None
        seeds, noises = np.ascontiguousarray(words.T), np.zeros(len(places), _NOISE)
        drawn = np.zeros(len(places), DRAWN)
        drawn["percent"], drawn["gain"] = 100, 1.0
        arguments = (array.ctypes.data for array in (seeds, tasks, drawn, noises))
        first, second, third, fourth = arguments
        if library.kws_draw_batch(ctypes.byref(self._settings), first, second, len(places), third, fourth):
            return None
        to.take(drawn)
        return [(row, self._shaping(noise), noise["snr_db"]) for row, noise in _each(noises)]

    def _shaping(self, noise: dict[str, float]) -> Shaping:
        wave = self._source(noise, 0)
        if noise["mixed"]:
            wave = mixed_in(wave, self._source(noise, 1), noise["level_db"])
        band = (noise["band_low"], noise["band_high"]) if noise["filtered"] else None
        switch = (int(noise["on"]), int(noise["off"]), noise["floor_db"]) if noise["switched"] else None
        return Shaping(wave, bool(noise["mixed"]), band, switch)

    def _source(self, noise: dict[str, float], which: int) -> npt.NDArray[np.float32]:
        made, first = int(noise[f"generated{which}"]), int(noise[f"first{which}"])
        source = self._noise.samples if made < 0 else self._made[made]
        return source[first : first + self._noise.length].astype(np.float32, copy=False)


def _each(noises: np.ndarray) -> Iterator[tuple[int, dict[str, float]]]:
    """Row and fields of every noise that is wanted, as Python's numbers."""
    rows = np.flatnonzero(noises["wanted"])
    wanted = noises[rows]
    columns = {name: wanted[name].tolist() for name in _NOISE.names or () if wanted[name].ndim == 1}
    for name in ("first", "generated"):
        columns |= {f"{name}{which}": wanted[name][:, which].tolist() for which in range(2)}
    for at, row in enumerate(rows.tolist()):
        yield row, {name: column[at] for name, column in columns.items()}
