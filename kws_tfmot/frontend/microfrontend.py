"""Kind ``microfrontend`` in NumPy: clips and streams over the definition in ``micro_fixed_point``.

A frame depends on all frames since the last reset, through one noise estimate a channel. A clip begins with the
estimate at zero; a stream carries it on, as firmware does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_tfmot.frontend.micro_fixed_point import clip_features
from kws_tfmot.frontend.micro_tables import MicroTables

_FRAMES_AT_ONCE = 512


class NumpyMicrofrontend:
    """The definition applied to clips and streams."""

    def __init__(self, tables: MicroTables) -> None:
        self._tables = tables

    def clips(self, samples: npt.NDArray[np.int16], out: npt.NDArray[np.int8]) -> None:
        """Each clip from a fresh state: int16 [n, samples] into int8 [n, frames, mels]."""
        at_once = max(1, _FRAMES_AT_ONCE // max(1, out.shape[1]))
        for first in range(0, len(samples), at_once):
            part = samples[first : first + at_once]
            estimate = np.zeros((len(part), self._tables.settings.mels), np.int64)
            self.carry_on(part, estimate, out[first : first + at_once])

    def carry_on(
        self, samples: npt.NDArray[np.int16], estimate: npt.NDArray[np.int64], out: npt.NDArray[np.int8]
    ) -> None:
        """Features of ``samples`` from a noise estimate that is updated in place."""
        settings = self._tables.settings
        windows = np.lib.stride_tricks.sliding_window_view(samples, settings.window_samples, axis=1)
        frames = windows[:, :: settings.hop_samples]
        for first in range(0, out.shape[1], _FRAMES_AT_ONCE):
            here = slice(first, first + _FRAMES_AT_ONCE)
            out[:, here] = clip_features(self._tables, frames[:, here], estimate)

    def stream(self) -> NumpyMicroStream:
        """A stream with its own state."""
        return NumpyMicroStream(self, self._tables)


class NumpyMicroStream:
    """Samples not used up yet, and the noise estimate."""

    def __init__(self, frontend: NumpyMicrofrontend, tables: MicroTables) -> None:
        self._frontend, self._settings = frontend, tables.settings
        self._history = np.zeros(0, np.int16)
        self._estimate = np.zeros((1, self._settings.mels), np.int64)

    def push(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int8]:
        """Take all samples; return the frames they complete, int8 [k, mels]."""
        settings = self._settings
        self._history = np.concatenate([self._history, samples])
        count = settings.frames_in(len(self._history))
        out = np.empty((1, count, settings.mels), np.int8)
        if count:
            self._frontend.carry_on(self._history[None], self._estimate, out)
            self._history = self._history[count * settings.hop_samples :].copy()
        return out[0]

    def reset(self) -> None:
        """Forget samples and noise estimate."""
        self._history = np.zeros(0, np.int16)
        self._estimate = np.zeros((1, self._settings.mels), np.int64)
