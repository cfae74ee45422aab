"""Arrays that may be larger than memory: beyond a bound they lie in a file that goes with them."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

IN_MEMORY = 1 << 28
"""Bytes of an array that is kept in memory, 256 MB."""
_AT_ONCE = 2048


class Rows(Protocol):
    """What training asks of its features and targets: as many as it takes at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows first."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> np.ndarray: ...


def fits(shape: Sequence[int], item_bytes: int) -> bool:
    """Whether an array of ``shape`` is kept in memory."""
    return math.prod(shape) * item_bytes <= IN_MEMORY


def allocate(shape: Sequence[int], dtype: npt.DTypeLike) -> np.ndarray:
    """An array to be filled; beyond :data:`IN_MEMORY` a map of a file without a name in the folder for such (TMPDIR).

    >>> allocate((2, 3), np.int8).shape
    (2, 3)
    """
    if fits(shape, np.dtype(dtype).itemsize):
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:  # the map keeps it
        reserve(file.fileno(), math.prod(shape) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "w+", shape=tuple(shape))


def reserve(descriptor: int, size: int) -> None:
    """Take ``size`` bytes of disk for a file that will be mapped: a disk that is full later would end the process.

    Raises:
        OSError: If there is no space.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)


class ModelInput:
    """Model input, float32 ``[N, frames, coefficients, 1]``, of int8 features, made as it is asked for.

    ``scale * features[i]``, where ``part`` is given mixed: ``part[i] x[i] + (1 - part[i]) x[other[i]]``
    (:func:`~kws_tfmot.data.feature_augment.mixup`).
    """

    def __init__(
        self, features: np.ndarray, scale: float, part: np.ndarray | None = None, other: np.ndarray | None = None
    ) -> None:
        self._features, self._scale = features, np.float32(scale)
        self._part, self._other = part, other
        self.shape = (*features.shape, 1)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        own = self._rows(rows)
        if self._part is None or self._other is None:
            return own
        wide = self._part[rows].reshape(-1, *(1,) * (own.ndim - 1))
        return wide * own + (1 - wide) * self._rows(self._other[rows])

    def _rows(self, rows: Any) -> np.ndarray:
        return self._features[rows].astype(np.float32)[..., None] * self._scale


class Targets:
    """One-hot targets, float32 ``[N, classes]``, made as they are asked for; mixed as :class:`ModelInput` is."""

    def __init__(
        self, labels: np.ndarray, classes: int, part: np.ndarray | None = None, other: np.ndarray | None = None
    ) -> None:
        self.labels = labels
        self._eye = np.eye(classes, dtype=np.float32)
        self._part, self._other = part, other
        self.shape = (len(labels), classes)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        own = self._eye[self.labels[rows]]
        if self._part is None or self._other is None:
            return own
        part = self._part[rows][:, None]
        return part * own + (1 - part) * self._eye[self.labels[self._other[rows]]]


def features_of(audio: Any, frontend: Any, threads: int = 2) -> npt.NDArray[np.int8]:
    """Features int8 ``[N, frames, coefficients]`` of a :class:`~kws_tfmot.data.clip_index.AudioSplit`, in parts."""
    result: np.ndarray | None = None
    done = 0
    for clips in audio.chunks(_AT_ONCE):
        part = frontend.features(clips, threads=threads)
        if result is None:
            result = allocate((len(audio), *part.shape[1:]), part.dtype)
        result[done : done + len(part)] = part
        done += len(part)
    return frontend.features(audio.gather(np.arange(0)), threads=1) if result is None else result
