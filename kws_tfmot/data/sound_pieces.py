"""Sound files of any length, piece by piece: decoded, made one channel, resampled; memory does not grow with length.

What can be decoded is that of :mod:`~kws_tfmot.data.decoders`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import (
    ANTIPHASE,
    LONGEST_S,
    MOST_FRAMES,
    TOO_LOUD,
    Int16,
    cancel,
    read_samples,
    resample,
    to_int16,
)
from kws_tfmot.data.decoders import opened
from kws_tfmot.data.levels import LevelMeter, SoundLevels

Float = npt.NDArray[np.float32]
_LONGEST_S = 1000 * 3600


class Survey(NamedTuple):
    """What one pass over a file shows. ``cancelled``: its channels are in antiphase, so that their mean is nothing."""

    rate: int
    levels: SoundLevels
    cancelled: bool

    @property
    def gain(self) -> float:
        """What its samples are multiplied with: 1, or what brings a peak far above full scale down to it."""
        return 1.0 / self.levels.peak if self.levels.peak > TOO_LOUD else 1.0

    def problems(self) -> list[str]:
        """What a person should know; empty where nothing is wrong."""
        found = self.levels.problems()
        if self.gain != 1.0:
            found = [text for text in found if not text.startswith("clipped")]
            found.append(f"far above full scale (peak {self.levels.peak:.3g}, 1 is full): scaled down to it")
        if self.cancelled:
            found.append(ANTIPHASE)
        return found


def survey(path: Path, longest_s: int = _LONGEST_S) -> Survey:
    """Decode a whole file once: proof that it can be read, and its levels.

    Raises:
        ValueError: Unreadable, empty, truncated, longer than ``longest_s`` seconds, or not finite; the text says which.
    """
    with opened(path) as decoder:
        meter, single, mean = LevelMeter(decoder.rate), 0.0, 0.0
        count = 0
        for piece in decoder.pieces:
            mono = piece.mean(axis=1, dtype=np.float32)
            if not np.isfinite(mono).all():
                raise ValueError("it holds samples that are not finite")
            meter.push(mono)
            single += float(np.square(piece, dtype=np.float64).mean(axis=1).sum())
            mean += float(np.square(mono, dtype=np.float64).sum())
            count += len(piece)
            if count > longest_s * decoder.rate:
                raise ValueError(f"it is longer than {longest_s:,} s; cut it up")
        if count == 0:
            raise ValueError("it holds no samples")
        return Survey(decoder.rate, meter.levels(), cancel(single, mean))


def whole_sound(path: Path, rate: int, longest_s: int = LONGEST_S) -> tuple[Int16, int]:
    """The whole file as int16 samples at ``rate``, and its own rate.

    Beyond :data:`~kws_tfmot.data.audio.MOST_FRAMES` it is decoded twice and never held at its own rate.

    Raises:
        ValueError: As :func:`survey`, it is longer than ``longest_s`` seconds, or its channels cancel each other.
    """
    with opened(path) as decoder:
        known = decoder.frames
    if 0 < known <= MOST_FRAMES:
        samples, own_rate = read_samples(path, longest_s)
        return to_int16(resample(samples, own_rate, rate)), own_rate
    found = survey(path, longest_s)
    if found.cancelled:
        raise ValueError(f"{ANTIPHASE}; keep one of them")
    return np.concatenate(list(sound_pieces(path, rate, found.gain))), found.rate


def sound_pieces(path: Path, rate: int, gain: float = 1.0) -> Iterator[Int16]:
    """The file as int16 samples at ``rate``, in pieces of a few seconds.

    Args:
        path: A sound file of any rate, length and number of channels.
        rate: Samples a second to resample to.
        gain: As :attr:`Survey.gain`.

    Raises:
        ValueError: As :func:`survey`.
    """
    with opened(path) as decoder:
        convert = _resampler(decoder.rate, rate)
        for piece in decoder.pieces:
            mono = piece.mean(axis=1, dtype=np.float32) if piece.shape[1] > 1 else piece[:, 0]
            yield to_int16(convert(mono * np.float32(gain * 32768.0), False))
        if decoder.rate != rate:
            yield to_int16(convert(np.zeros(0, np.float32), True))


def _resampler(own_rate: int, rate: int) -> Any:
    if own_rate == rate:
        return lambda samples, last: samples
    import soxr

    stream = soxr.ResampleStream(own_rate, rate, 1, dtype="float32", quality="HQ")
    return stream.resample_chunk
