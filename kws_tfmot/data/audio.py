"""One audio file -> int16 samples at the data set's rate and length."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.decoders import FFMPEG_SUFFIXES, check_rate, check_size, opened_by_ffmpeg

Int16 = npt.NDArray[np.int16]
TOO_LOUD = 1.26
"""Peaks of floating-point files up to here, 2 dB above full scale, are cut off; a file beyond is scaled down to it."""


class Decoded(NamedTuple):
    """Samples and what was done to get them; ``problem`` is set, and ``samples`` empty, where it failed."""

    samples: Int16
    resampled: bool = False
    cut: bool = False
    padded: bool = False
    problem: str = ""


def read_samples(path: Path) -> tuple[npt.NDArray[np.float32] | Int16, int]:
    """Read a sound file as one channel: int16 where it holds 16-bit mono, float32 at int16 scale otherwise.

    A floating-point file whose peak is beyond :data:`TOO_LOUD` is scaled down to full scale rather than clipped.

    Raises:
        ValueError: Unreadable, empty, truncated, or not finite; the text says which.
    """
    check_size(path)
    if path.suffix.lower() in FFMPEG_SUFFIXES:
        with opened_by_ffmpeg(path, "libsndfile does not decode it") as decoder:
            pieces = list(decoder.pieces)
        exact, rate, data = False, decoder.rate, np.concatenate(pieces) if pieces else np.zeros((0, 1), np.float32)
        frames = len(data)
    else:
        exact, rate, frames, data = _read_by_libsndfile(path)
    if len(data) == 0:
        raise ValueError("it holds no samples")
    if len(data) < frames:
        raise ValueError(f"truncated: {len(data)} of {frames} samples")
    if exact:
        return data[:, 0], rate
    mono = data.mean(axis=1, dtype=np.float32) if data.shape[1] > 1 else data[:, 0]
    if not np.isfinite(mono).all():
        raise ValueError("it holds samples that are not finite")
    peak = float(np.abs(mono).max())
    return mono * np.float32(32768.0 / peak if peak > TOO_LOUD else 32768.0), rate


def _read_by_libsndfile(path: Path) -> tuple[bool, int, int, npt.NDArray[Any]]:
    """Whether it is 16-bit mono, its rate, how many frames it says it holds, and those it does ``[n, channels]``."""
    import soundfile

    try:
        # Bytes, so that names in an old encoding, which are no UTF-8, can be opened too.
        name = os.fsencode(path) if os.name == "posix" else str(path)
        with soundfile.SoundFile(name) as stream:
            check_rate(stream.samplerate)
            exact = stream.subtype == "PCM_16" and stream.channels == 1
            data = stream.read(dtype="int16" if exact else "float32", always_2d=True)
            return exact, stream.samplerate, stream.frames, data
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError) as err:
        raise ValueError(f"not readable as audio ({str(err).splitlines()[0]})") from None


def decode_clip(path: Path, rate: int, length: int) -> Decoded:
    """Read ``path`` as a clip of ``length`` samples at ``rate``; a failure is returned, not raised."""
    try:
        samples, own_rate = read_samples(path)
    except (ValueError, OSError) as err:
        return Decoded(np.zeros(0, np.int16), problem=str(err))
    return fit_clip(samples, own_rate, rate, length)


def fit_clip(samples: npt.NDArray[np.float32] | Int16, own_rate: int, rate: int, length: int) -> Decoded:
    """Resample to ``rate``, then crop or pad around the energy to ``length`` samples of int16."""
    resampled = own_rate != rate
    clip = to_int16(resample(samples, own_rate, rate))
    return Decoded(fit_length(clip, length), resampled, len(clip) > length, len(clip) < length)


def resample(samples: npt.NDArray[np.float32] | Int16, own_rate: int, rate: int) -> npt.NDArray[np.float32] | Int16:
    """``samples`` at ``rate`` (soxr, high quality); unchanged where the rates are the same."""
    if own_rate == rate:
        return samples
    import soxr

    return soxr.resample(samples.astype(np.float32, copy=False), own_rate, rate, quality="HQ")


def to_int16(samples: npt.NDArray[np.float32] | Int16) -> Int16:
    """Round and saturate to int16.

    >>> to_int16(np.array([1.6, -40000.0, 40000.0], np.float32)).tolist()
    [2, -32768, 32767]
    """
    if samples.dtype == np.int16:
        return samples  # type: ignore[return-value]
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def fit_length(clip: Int16, length: int) -> Int16:
    """``length`` samples of ``clip``: the loudest stretch, centred on its energy, or padded with zeros around it.

    >>> fit_length(np.array([0, 0, 0, 0, 5, 5, 0, 0], np.int16), 4).tolist()
    [0, 5, 5, 0]
    >>> fit_length(np.array([5, 5], np.int16), 4).tolist()
    [0, 5, 5, 0]
    """
    if len(clip) == length:
        return clip
    power = clip.astype(np.float64) ** 2
    if len(clip) < length:
        before = min(max(round(length / 2 - _centre(power)), 0), length - len(clip))
        return np.pad(clip, (before, length - len(clip) - before))
    total = np.concatenate(([0.0], np.cumsum(power)))
    start = int(np.argmax(total[length:] - total[:-length]))
    middle = start + _centre(power[start : start + length])
    start = min(max(round(middle - length / 2), 0), len(clip) - length)
    return clip[start : start + length]


def _centre(power: npt.NDArray[np.float64]) -> float:
    """Centre of gravity of ``power`` in samples; the middle where all is zero."""
    total = float(power.sum())
    if total == 0.0:
        return len(power) / 2
    return float(np.dot(np.arange(len(power)) + 0.5, power)) / total
