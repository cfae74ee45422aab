"""Many training clips varied in one call: what was drawn for each, and the loop over them in C or in NumPy."""

from __future__ import annotations

import ctypes
import functools
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_tfmot import host_library
from kws_tfmot.data import augment
from kws_tfmot.data.audio import Int16, to_int16
from kws_tfmot.errors import DataError, ToolchainError

SOURCES = Path(__file__).with_name("csrc")
MOST_REFLECTIONS = 8
_DRAWN = [
    ("gains", np.float32, MOST_REFLECTIONS), ("delays", np.int32, MOST_REFLECTIONS), ("reflections", np.int32),
    ("percent", np.int32), ("shift", np.int32), ("tilted", np.int32), ("tilt", np.float32), ("gain", np.float32),
]  # fmt: skip
DRAWN = np.dtype(_DRAWN, align=True)
"""``kws_drawn_clip`` of csrc/kws_draw.c."""
_ADDRESSES = [
    ("sound", np.uintp), ("kernel", np.uintp), ("noise", np.uintp), ("noise_ratio", np.float64),
    ("noise_floor", np.float64),
]  # fmt: skip
ROW = np.dtype([*_ADDRESSES, *_DRAWN, ("skip", np.int32)], align=True)
"""``kws_variation`` of csrc/kws_vary.c."""


class Variations:
    """What is to be done with each clip of a batch, in the order of the world: speed, moment, room, noise, microphone.

    A row left alone only becomes int16.

    Args:
        clips: int16 ``[B, samples]``, C-contiguous.
        native: Whether C is used where a compiler is found; NumPy gives the same bytes, slower.
    """

    def __init__(self, clips: Int16, native: bool = True) -> None:
        self.clips = clips
        self.rows = np.zeros(len(clips), ROW)
        self.rows["percent"], self.rows["gain"] = 100, 1.0
        self._sounds: dict[int, augment.Float] = {}  # and noise by row: the rows hold addresses
        self._kept: dict[int, augment.Float] = {}
        self._snr_db: dict[int, float] = {}
        self._native = native

    def take(self, drawn: npt.NDArray[np.void]) -> None:
        """Take what was drawn for every row, a :data:`DRAWN` each."""
        for name in DRAWN.names or ():
            self.rows[name] = drawn[name]
        percents = drawn["percent"].tolist()
        self.rows["kernel"] = [0 if percent == 100 else kernel_address(percent) for percent in percents]

    def set_sound(self, row: int, sound: augment.Float) -> None:
        """Vary ``sound``, float32 at int16 scale, in place of the clip of ``row``."""
        self._sounds[row] = np.ascontiguousarray(sound, np.float32)
        self.rows[row]["sound"] = self._sounds[row].ctypes.data

    def set_speed(self, row: int, factor: float) -> None:
        """As :func:`~kws_tfmot.data.augment.change_speed`."""
        percent = round(factor * 100)
        if percent != 100:
            self.rows[row]["percent"] = percent
            self.rows[row]["kernel"] = kernel_address(percent)

    def set_reflections(self, row: int, delays: npt.NDArray[np.integer], gains: augment.Float) -> None:
        """As :func:`~kws_tfmot.data.augment.add_reflections`.

        Raises:
            DataError: There are more than MOST_REFLECTIONS.
        """
        if len(delays) > MOST_REFLECTIONS:
            raise DataError(f"expected at most {MOST_REFLECTIONS} reflections. Received: {len(delays)}")
        mine = self.rows[row]
        mine["reflections"], mine["delays"][: len(delays)], mine["gains"][: len(gains)] = len(delays), delays, gains

    def set_noise(self, row: int, noise: augment.Float, snr_db: float) -> None:
        """As :func:`~kws_tfmot.data.augment.mix_noise`."""
        self._kept[row], self._snr_db[row] = np.ascontiguousarray(noise, np.float32), snr_db
        mine = self.rows[row]
        mine["noise"] = self._kept[row].ctypes.data
        mine["noise_ratio"], mine["noise_floor"] = 10 ** (-snr_db / 20), augment.NOISE_FLOOR

    def set_tilt(self, row: int, coefficient: float) -> None:
        """As :func:`~kws_tfmot.data.augment.tilt_spectrum`."""
        self.rows[row]["tilted"], self.rows[row]["tilt"] = 1, coefficient

    def into(self, out: Int16) -> None:
        """Write the varied clips to ``out``, int16 of the shape of the clips; rows to be skipped stay as they are."""
        if self._native and (library := load_library()) is not None:
            count, samples = self.clips.shape
            scratch = np.empty(library.kws_vary_get_buffer_size(samples) // 4, np.float32)
            arrays = (self.rows, self.clips, scratch, out)
            rows, clips, room, to = (array.ctypes.data for array in arrays)
            if library.kws_vary_clips(rows, clips, count, samples, room, to) == 0:
                return
        for row, mine in enumerate(self.rows):
            if not mine["skip"]:
                out[row] = self._varied(row)

    def _varied(self, row: int) -> Int16:
        mine = self.rows[row]
        clip = self._sounds[row] if row in self._sounds else self.clips[row].astype(np.float32)
        clip = augment.change_speed(clip, int(mine["percent"]) / 100)
        clip = augment.shift(clip, int(mine["shift"]))
        count = int(mine["reflections"])
        clip = augment.add_reflections(clip, mine["delays"][:count], mine["gains"][:count])
        if row in self._kept:
            clip = augment.mix_noise(clip, self._kept[row], self._snr_db[row])
        if mine["tilted"]:
            clip = augment.tilt_spectrum(clip, float(mine["tilt"]))
        return to_int16(clip * mine["gain"])


_kernels: dict[int, tuple[augment.Float, int]] = {}  # by percent, with their addresses: rows point at them


def kernel_address(percent: int) -> int:
    """Where the taps of a speed lie: of two threads that make them at once, the first one's, and these stay."""
    found = _kernels.get(percent)
    if found is None:
        made = augment.speed_kernel(percent)
        found = _kernels.setdefault(percent, (made, int(made.ctypes.data)))
    return found[1]


@functools.cache
def load_library() -> ctypes.CDLL | None:
    """The compiled loop; ``None``, with a warning, where it cannot be made."""
    try:
        library = ctypes.CDLL(str(host_library.build_library("kws-vary", SOURCES)))
    except (ToolchainError, OSError) as err:
        warnings.warn(f"clips are varied in NumPy, several times slower: {err}", RuntimeWarning, stacklevel=2)
        return None
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    library.kws_draw_batch.argtypes = [pointer, pointer, pointer, size, pointer, pointer]
    library.kws_vary_clips.argtypes = [pointer, pointer, size, size, pointer, pointer]
    library.kws_vary_get_buffer_size.argtypes, library.kws_vary_get_buffer_size.restype = [size], size
    return library
