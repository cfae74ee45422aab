"""Sound files of any length, piece by piece: decoded, made one channel, resampled; memory does not grow with length.

libsndfile decodes WAV, FLAC, MP3, OGG and more; what it does not (M4A, AAC, WebM) the libraries of FFmpeg do, through
the package av where it is installed.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import HIGHEST_RATE, LOWEST_RATE, TOO_LOUD, Int16, missing_wav_bytes, to_int16
from kws_tfmot.data.levels import LevelMeter, Levels

Float = npt.NDArray[np.float32]
PIECE = 1 << 17
"""Frames of a decoded piece."""

_LONGEST_HOURS = 1000


class Decoder(NamedTuple):
    """An opened file: its rate, and pieces ``[n, channels]`` as parts of full scale."""

    rate: int
    pieces: Iterator[Float]


class Survey(NamedTuple):
    """What one pass over a file shows. ``cancelled``: its channels are in antiphase, so that their mean is nothing."""

    rate: int
    levels: Levels
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
            found.append("its channels are in antiphase: their mean, which is used, is nearly nothing")
        return found


def survey(path: Path) -> Survey:
    """Decode a whole file once: proof that it can be read, and its levels.

    Raises:
        ValueError: Unreadable, empty, truncated, or not finite; the text says which.
    """
    with _opened(path) as decoder:
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
            if count > _LONGEST_HOURS * 3600 * decoder.rate:
                raise ValueError(f"it is longer than {_LONGEST_HOURS} h")
        if count == 0:
            raise ValueError("it holds no samples")
        return Survey(decoder.rate, meter.levels(), mean < 1e-3 * single)


def sound_pieces(path: Path, rate: int, gain: float = 1.0) -> Iterator[Int16]:
    """The file as int16 samples at ``rate``, in pieces of a few seconds.

    Args:
        path: A sound file of any rate, length and number of channels.
        rate: Samples a second to resample to.
        gain: As :attr:`Survey.gain`.

    Raises:
        ValueError: As :func:`survey`.
    """
    with _opened(path) as decoder:
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


@contextmanager
def _opened(path: Path) -> Iterator[Decoder]:
    """Open with whichever decoder can; errors of both become ValueErrors."""
    import soundfile

    if path.stat().st_size == 0:
        raise ValueError("the file is empty (0 bytes)")
    if promised := missing_wav_bytes(path):
        raise ValueError(f"truncated: {promised} bytes of the samples its header promises are missing")
    name: Any = os.fsencode(path) if os.name == "posix" else str(path)
    try:
        opened = soundfile.SoundFile(name)
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError) as err:
        with _opened_by_ffmpeg(path, str(err).splitlines()[0]) as decoder:
            yield _checked(decoder)
        return
    with opened:
        yield _checked(Decoder(opened.samplerate, _libsndfile_pieces(opened)))


def _checked(decoder: Decoder) -> Decoder:
    if not LOWEST_RATE <= decoder.rate <= HIGHEST_RATE:
        raise ValueError(f"its sample rate is {decoder.rate} Hz, expected {LOWEST_RATE} to {HIGHEST_RATE}")
    return decoder


def _libsndfile_pieces(opened: Any) -> Iterator[Float]:
    import soundfile

    count = 0
    try:
        while len(piece := opened.read(PIECE, dtype="float32", always_2d=True)):
            count += len(piece)
            yield piece
    except (soundfile.SoundFileError, RuntimeError) as err:
        raise ValueError(f"not readable as audio ({str(err).splitlines()[0]})") from None
    if opened.format not in ("MP3", "OGG") and count < opened.frames:
        raise ValueError(f"truncated: {count} of {opened.frames} samples")


@contextmanager
def _opened_by_ffmpeg(path: Path, reason: str) -> Iterator[Decoder]:
    try:
        av = importlib.import_module("av")
    except ImportError:
        raise ValueError(f"not readable as audio ({reason}); the package av decodes more formats") from None
    try:
        container = av.open(str(path), mode="r")
    except (av.FFmpegError, OSError, ValueError) as err:
        raise ValueError(f"not readable as audio ({str(err).splitlines()[0]})") from None
    with container:
        if not container.streams.audio:
            raise ValueError("it holds no sound")
        stream = container.streams.audio[0]
        yield Decoder(int(stream.rate or 0), _ffmpeg_pieces(av, container, stream))


def _ffmpeg_pieces(av: Any, container: Any, stream: Any) -> Iterator[Float]:
    planar = av.AudioResampler(format="fltp")
    try:
        for frame in container.decode(stream):
            for part in planar.resample(frame):
                yield np.ascontiguousarray(part.to_ndarray().T, np.float32)
    except (av.FFmpegError, OSError, ValueError) as err:
        raise ValueError(f"not readable as audio ({str(err).splitlines()[0]})") from None
