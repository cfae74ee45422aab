"""Clips or a stream of samples in, int8 features out, on the fast path where there is one."""

from __future__ import annotations

import functools
import itertools
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from kws_tfmot.errors import DataError, RecipeError, ToolchainError
from kws_tfmot.frontend.fixed_point import frame_features
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.frontend.micro_tables import MicroTables, make_micro_tables
from kws_tfmot.frontend.microfrontend import NumpyMicrofrontend
from kws_tfmot.frontend.native import NativeFrontend
from kws_tfmot.frontend.tables import FrontendTables, make_tables

Backend = Literal["auto", "c", "numpy"]
_FRAMES_AT_ONCE = 512


class Stream(Protocol):
    """Features frame by frame."""

    def push(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int8]:
        """Take samples in any number; return the frames they complete, int8 [k, features]."""

    def reset(self) -> None:
        """Forget all samples."""


class _Engine(Protocol):
    def clips(self, samples: npt.NDArray[np.int16], out: npt.NDArray[np.int8]) -> None:
        """Write the features of clips ``[n, samples]`` to ``out`` ``[n, frames, bands]``."""

    def stream(self) -> Stream:
        """A stream of its own state, for samples that come in pieces."""


class Frontend:
    """The audio front end of one :class:`FrontendSettings`.

    Args:
        settings: What to compute; all defaults (10 MFCC from 40 mels, 30 / 20 ms) when ``None``.
        backend: ``c`` (host library of the firmware's source), ``numpy`` (the definition, slower), or ``auto``:
            C where a compiler is found, else NumPy with one warning. Both give the same bytes.

    Raises:
        ToolchainError: For ``backend="c"`` without a working compiler.

    >>> frontend = Frontend(backend="numpy")
    >>> frontend.features(np.zeros((2, 16000), np.int16)).shape
    (2, 49, 10)
    >>> stream = frontend.stream()
    >>> [len(stream.push(np.zeros(320, np.int16))) for _ in range(4)]
    [0, 1, 1, 1]
    """

    def __init__(self, settings: FrontendSettings | None = None, backend: Backend = "auto") -> None:
        self.settings = settings or FrontendSettings()
        self._requested = backend
        self._engine: _Engine
        if backend not in ("auto", "c", "numpy"):
            raise RecipeError(f"expected backend to be one of auto, c, numpy. Received: {backend!r}")
        micro = self.settings.kind == "microfrontend"
        tables = make_micro_tables(self.settings) if micro else make_tables(self.settings)
        self._engine, self.backend = _choose(tables, backend)

    def features(
        self, clips: npt.NDArray[np.int16], out: npt.NDArray[np.int8] | None = None, threads: int = 1
    ) -> npt.NDArray[np.int8]:
        """Features of one clip or many.

        Kind ``microfrontend`` begins each clip in a fresh state and carries its noise estimate to the clip's end: a
        long recording given as one clip is what a stream gives, and windows of a stream are rows of that result.

        Args:
            clips: int16 [n, samples] or [samples], at ``settings.sample_rate``.
            out: Where to write, C-contiguous int8 of the result's shape; a new array when ``None``.
            threads: Threads to share the clips among (the library releases the interpreter's lock).

        Returns:
            int8 [n, frames, features] or [frames, features]; times ``settings.scale`` they are real numbers.

        Raises:
            DataError: For another type or shape, or a clip shorter than one window.
        """
        many = _checked(clips, self.settings)
        shape = (many.shape[0], self.settings.frames_in(many.shape[1]), self.settings.features_per_frame)
        result = np.empty(shape, np.int8) if out is None else _checked_out(out, shape, clips.ndim)
        parts = max(1, min(threads, many.shape[0]))
        if parts == 1:
            self._engine.clips(many, result)
        else:
            bounds = [many.shape[0] * part // parts for part in range(parts + 1)]
            pieces = [slice(*pair) for pair in itertools.pairwise(bounds)]
            with ThreadPoolExecutor(parts) as pool:
                list(pool.map(lambda piece: self._engine.clips(many[piece], result[piece]), pieces))
        return result if clips.ndim == 2 else result[0]

    def stream(self) -> Stream:
        """A stream with its own state."""
        return _CheckedStream(self._engine.stream())

    def __reduce__(self) -> tuple[type[Frontend], tuple[FrontendSettings, Backend]]:
        """Made anew in another process: tables and library hold addresses."""
        return Frontend, (self.settings, self._requested)


def _choose(tables: FrontendTables | MicroTables, backend: Backend) -> tuple[_Engine, str]:
    if backend != "numpy":
        try:
            return NativeFrontend(tables), "c"
        except ToolchainError as err:
            if backend == "c":
                raise
            _note_slow_path(str(err))
    return NumpyMicrofrontend(tables) if isinstance(tables, MicroTables) else NumpyFrontend(tables), "numpy"


@functools.cache
def _note_slow_path(reason: str) -> None:
    warnings.warn(
        f"the audio front end runs in NumPy, more than ten times slower: {reason}", RuntimeWarning, stacklevel=4
    )


class NumpyFrontend:
    """The definition applied to clips and streams."""

    def __init__(self, tables: FrontendTables) -> None:
        self._tables = tables

    def clips(self, samples: npt.NDArray[np.int16], out: npt.NDArray[np.int8]) -> None:
        """See :meth:`Frontend.features`."""
        settings = self._tables.settings
        at_once = max(1, _FRAMES_AT_ONCE // max(1, out.shape[1]))
        for first in range(0, len(samples), at_once):
            frames = np.lib.stride_tricks.sliding_window_view(
                samples[first : first + at_once], settings.window_samples, axis=1
            )[:, :: settings.hop_samples]
            features = frame_features(self._tables, frames.reshape(-1, settings.window_samples))
            out[first : first + at_once] = features.reshape(out[first : first + at_once].shape)

    def stream(self) -> Stream:
        """A stream with its own state."""
        return _NumpyStream(self._tables)


class _NumpyStream:
    def __init__(self, tables: FrontendTables) -> None:
        self._tables = tables
        self._history = np.zeros(0, np.int16)

    def push(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int8]:
        """Features ``[frames, bands]`` of the frames that these int16 samples complete."""
        settings = self._tables.settings
        self._history = np.concatenate([self._history, samples])
        count = settings.frames_in(len(self._history))
        out = np.empty((1, count, settings.features_per_frame), np.int8)
        if count:
            NumpyFrontend(self._tables).clips(self._history[None], out)
            self._history = self._history[count * settings.hop_samples :].copy()
        return out[0]

    def reset(self) -> None:
        """Forget the samples heard so far."""
        self._history = np.zeros(0, np.int16)


class _CheckedStream:
    """Checks what is pushed, for every backend alike."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def push(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int8]:
        """The engine's features of int16 samples ``[n]``; ``DataError`` for any other type or shape."""
        samples = np.asarray(samples)
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise DataError(f"expected int16 samples [n]. Received: {samples.dtype} {list(samples.shape)}")
        return self._stream.push(np.ascontiguousarray(samples))

    def reset(self) -> None:
        """Forget the samples heard so far."""
        self._stream.reset()


def _checked(clips: npt.NDArray[np.int16], settings: FrontendSettings) -> npt.NDArray[np.int16]:
    if not isinstance(clips, np.ndarray) or clips.dtype != np.int16 or clips.ndim not in (1, 2):
        received = f"{clips.dtype} {list(clips.shape)}" if isinstance(clips, np.ndarray) else type(clips).__name__
        raise DataError(
            f"expected an int16 array [clips, samples] or [samples]. Received: {received}",
            "Float audio in -1 ... 1 must be scaled by 32768, rounded and clipped first.",
        )
    if clips.shape[-1] < settings.window_samples:
        raise DataError(
            f"expected clips of at least one window, {settings.window_samples} samples. Received: {clips.shape[-1]}"
        )
    return np.ascontiguousarray(clips if clips.ndim == 2 else clips[None])


def _checked_out(out: npt.NDArray[np.int8], shape: tuple[int, int, int], ndim: int) -> npt.NDArray[np.int8]:
    wanted = shape if ndim == 2 else shape[1:]
    if out.dtype != np.int8 or out.shape != wanted or not out.flags.c_contiguous or not out.flags.writeable:
        received = f"{out.dtype} {list(out.shape)}"
        raise DataError(f"expected out as writeable, C-contiguous int8 {list(wanted)}. Received: {received}")
    return out.reshape(shape)
