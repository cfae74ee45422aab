"""One audio file -> int16 samples at the data set's rate and length."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.decoders import opened

Int16 = npt.NDArray[np.int16]
LONGEST_CLIP_S, LONGEST_S = 600, 7200
"""Seconds of sound that a clip of one word, and any other file that is held in memory, may have."""

MOST_FRAMES = 1 << 25
"""Samples of a channel that are held at the file's own rate, 128 MB: 11 minutes at 48 kHz."""

ANTIPHASE = "its channels are in antiphase: their mean, which is used, is nearly nothing"
TOO_LOUD = 1.26
"""Peaks of floating-point files up to here, 2 dB above full scale, are cut off; a file beyond is scaled down to it."""


class Decoded(NamedTuple):
    """Samples and what was done to get them; ``problem`` is set, and ``samples`` empty, where it failed."""

    samples: Int16
    resampled: bool = False
    cut: bool = False
    padded: bool = False
    problem: str = ""


def read_samples(path: Path, longest_s: int = LONGEST_S) -> tuple[npt.NDArray[np.float32] | Int16, int]:
    """Read a sound file as one channel: int16 where it holds 16-bit mono, float32 at int16 scale otherwise.

    A floating-point file whose peak is beyond :data:`TOO_LOUD` is scaled down to full scale rather than clipped.

    Args:
        path: Of the file.
        longest_s: Seconds of sound that it may hold.

    Raises:
        ValueError: Unreadable, empty, truncated, too long, not finite, or its channels cancel each other; the text says
            which.
    """
    with opened(path, exact=True) as decoder:
        _check_length(decoder.frames, decoder.rate, longest_s)
        pieces, count = [], 0
        single = joint = 0.0
        for piece in decoder.pieces:
            count += len(piece)
            _check_length(count, decoder.rate, longest_s)
            pieces.append(piece.mean(axis=1, dtype=np.float32) if piece.shape[1] > 1 else piece[:, 0])
            if piece.shape[1] > 1:
                single += float(np.square(piece, dtype=np.float64).mean(axis=1).sum())
                joint += float(np.square(pieces[-1], dtype=np.float64).sum())
    if not count:
        raise ValueError("it holds no samples")
    if cancel(single, joint):
        raise ValueError(f"{ANTIPHASE}; keep one of them")
    mono: npt.NDArray[np.float32] | Int16 = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
    if mono.dtype == np.int16:
        return mono, decoder.rate
    if not np.isfinite(mono).all():
        raise ValueError("it holds samples that are not finite")
    peak = float(np.abs(mono).max())
    return mono * np.float32(32768.0 / peak if peak > TOO_LOUD else 32768.0), decoder.rate


def cancel(single: float, joint: float) -> bool:
    """Whether channels are each other's negatives, by the power of single channels and that of their mean.

    >>> cancel(1.0, 0.5), cancel(1.0, 0.0), cancel(0.0, 0.0)
    (False, True, False)
    """
    return joint < 1e-3 * single


def _check_length(frames: int, rate: int, longest_s: int) -> None:
    if frames > longest_s * rate:
        raise ValueError(f"it is {frames / rate:,.0f} s long, at most {longest_s:,} s are read; cut it up")
    if frames > MOST_FRAMES:
        raise ValueError(f"it has {frames:,} samples at {rate:,} Hz, at most {MOST_FRAMES:,} are read; cut it up")


def decode_clip(path: Path, rate: int, length: int) -> Decoded:
    """Read ``path`` as a clip of ``length`` samples at ``rate``; a failure is returned, not raised."""
    try:
        samples, own_rate = read_samples(path, LONGEST_CLIP_S)
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
