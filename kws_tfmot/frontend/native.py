"""The C front end as a host library: compiled once, cached by content, called through ctypes."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws_tfmot import host_library
from kws_tfmot.errors import ToolchainError
from kws_tfmot.frontend.micro_tables import MicroTables
from kws_tfmot.frontend.tables import FrontendTables
from kws_tfmot.host_library import FLAGS

SOURCES = Path(__file__).with_name("csrc")
MICRO_SOURCES = SOURCES / "micro"
SHARED = tuple(sorted((SOURCES / "shared").glob("*.[ch]")))  # of both kinds
HOST_ONLY = (
    "kws_frontend_clips",
    "kws_frontend_clips_get_buffer_size",
    "kws_frontend_lanes",
    "kws_frontend_lanes_work",
)


class _Tables(ctypes.Structure):
    """``kws_frontend_tables`` of kws_frontend.h."""

    _fields_ = [
        *((name, ctypes.c_uint16) for name in ("window_samples", "hop_samples", "fft_pairs", "mels")),
        *((name, ctypes.c_uint16) for name in ("coefficients", "dct_shift")),
        ("log_offset", ctypes.c_int32),
        ("floor_low", ctypes.c_uint32),
        ("floor_high", ctypes.c_uint32),
        *((name, ctypes.c_void_p) for name in ("window", "twiddles", "bins", "rise", "log2", "dct")),
    ]


class _MicroTables(ctypes.Structure):
    """``kws_frontend_tables`` of micro/kws_frontend.h."""

    _fields_ = [
        *((name, ctypes.c_uint16) for name in ("window_samples", "hop_samples", "fft_pairs", "mels")),
        *((name, ctypes.c_uint16) for name in ("correction_bits", "snr_shift")),
        *((name, ctypes.c_void_p) for name in ("window", "twiddles", "split", "bins", "weights", "gains", "log2")),
    ]


_Stream = ctypes.c_uint64 * 8
"""Memory for a ``kws_frontend`` of either kind."""


class NativeFrontend:
    """The tables handed to the library, and calls on them. One instance may be used by several threads.

    Raises:
        ToolchainError: Where no compiler is found or it fails.
    """

    def __init__(self, tables: FrontendTables | MicroTables) -> None:
        micro = isinstance(tables, MicroTables)
        self._library = load_library(MICRO_SOURCES if micro else SOURCES)
        self._arrays = table_arrays(tables)
        numbers = table_numbers(tables)
        addresses = {name: array.ctypes.data for name, array in self._arrays.items()}
        self._tables = (_MicroTables if micro else _Tables)(**numbers, **addresses)
        self._features_per_frame = tables.settings.features_per_frame

    def clips(self, samples: npt.NDArray[np.int16], out: npt.NDArray[np.int8]) -> None:
        """Features of clips: C-contiguous int16 [n, samples] into C-contiguous int8 [n, frames, features]."""
        size = self._library.kws_frontend_clips_get_buffer_size(ctypes.byref(self._tables))
        scratch = np.empty(size // 4 + 1, np.int32)
        self._library.kws_frontend_clips(
            ctypes.byref(self._tables),
            samples.ctypes.data,
            samples.shape[0],
            samples.shape[1],
            scratch.ctypes.data,
            out.ctypes.data,
        )

    def stream(self) -> NativeStream:
        """A stream of its own buffer."""
        return NativeStream(self)


class NativeStream:
    """kws_frontend_push(), the function the firmware calls."""

    def __init__(self, frontend: NativeFrontend) -> None:
        self._frontend = frontend
        self._library = frontend._library
        size = self._library.kws_frontend_get_buffer_size(ctypes.byref(frontend._tables))
        self._buffer = np.zeros(size // 4 + 1, np.int32)
        self._state = _Stream()
        self._library.kws_frontend_init(
            ctypes.byref(self._state), ctypes.byref(frontend._tables), self._buffer.ctypes.data, self._buffer.nbytes
        )

    def push(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int8]:
        """Take all samples; return the frames they complete, int8 [k, features]."""
        frames = []
        frame = np.empty(self._frontend._features_per_frame, np.int8)
        consumed = ctypes.c_size_t()
        at = 0
        while at < samples.size:
            status = self._library.kws_frontend_push(
                ctypes.byref(self._state),
                samples.ctypes.data + 2 * at,
                samples.size - at,
                ctypes.byref(consumed),
                frame.ctypes.data,
            )
            if status == 1:
                frames.append(frame.copy())
            at += consumed.value
        return np.array(frames, np.int8).reshape(len(frames), self._frontend._features_per_frame)

    def reset(self) -> None:
        """Forget all samples."""
        self._library.kws_frontend_reset(ctypes.byref(self._state))


def table_numbers(tables: FrontendTables | MicroTables) -> dict[str, int]:
    """The scalar members of ``kws_frontend_tables``, in C's order."""
    settings = tables.settings
    sizes = {
        "window_samples": settings.window_samples,
        "hop_samples": settings.hop_samples,
        "fft_pairs": settings.fft_points // 2,
        "mels": settings.mels,
    }
    if isinstance(tables, MicroTables):
        return sizes | {"correction_bits": tables.correction_bits, "snr_shift": tables.snr_shift}
    return sizes | {
        "coefficients": len(tables.dct),
        "dct_shift": tables.dct_shift,
        "log_offset": tables.log_offset,
        "floor_low": tables.floor & 0xFFFFFFFF,
        "floor_high": tables.floor >> 32,
    }


def table_arrays(tables: FrontendTables | MicroTables) -> dict[str, npt.NDArray[Any]]:
    """The constant arrays as C has them, by member of ``kws_frontend_tables``, in C's order; no ``dct`` for log-mel."""
    arrays: dict[str, npt.NDArray[Any]] = {"window": tables.window, "twiddles": pack_pairs(tables.twiddles)}
    if isinstance(tables, MicroTables):
        arrays |= {"split": pack_pairs(tables.split), "bins": tables.bins, "weights": pack_pairs(tables.weights)}
        arrays |= {"gains": tables.gains, "log2": tables.log2}
    else:
        arrays |= {"bins": tables.bins, "rise": tables.rise, "log2": tables.log2}
        arrays |= {"dct": tables.dct} if len(tables.dct) else {}
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def pack_pairs(pairs: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """16-bit pairs [n, 2] as one word each, the first in the lower half."""
    halves = pairs.view(np.uint16).astype(np.uint32)
    return np.ascontiguousarray(halves[:, 0] | (halves[:, 1] << 16))


@functools.cache
def load_library(folder: Path = SOURCES) -> ctypes.CDLL:
    """Compile the sources in ``folder``, unless this very library is cached already, and load it."""
    try:
        library = ctypes.CDLL(str(build_library(folder=folder)))
    except OSError as err:
        raise ToolchainError(
            f"the compiled front end cannot be loaded: {err}",
            "Clear the cache (`kws cache --clear all`): it is compiled again; or take the backend numpy.",
        ) from None
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for name, arguments, result in (
        ("kws_frontend_get_buffer_size", [pointer], size),
        ("kws_frontend_clips_get_buffer_size", [pointer], size),
        ("kws_frontend_clips", [pointer, pointer, size, size, pointer, pointer], ctypes.c_int),
        ("kws_frontend_init", [pointer, pointer, pointer, size], ctypes.c_int),
        ("kws_frontend_reset", [pointer], ctypes.c_int),
        ("kws_frontend_push", [pointer, pointer, size, pointer, pointer], ctypes.c_int),
    ):
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    return library


def build_library(flags: Sequence[str] = FLAGS, folder: Path = SOURCES) -> Path:
    """Path of the compiled front end in the cache, see :func:`kws_tfmot.host_library.build_library`."""
    return host_library.build_library("kws-frontend", folder, flags, SHARED)
