"""Which sound files can be decoded, and by what: libsndfile takes WAV, FLAC, MP3, OGG and more; what it does not (M4A,
AAC, WebM) the libraries of FFmpeg do, through the package av where it is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]
_LIBSNDFILE = (
    ".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".wave",
    ".rf64", ".sph", ".nist", ".voc",
)  # fmt: skip
FFMPEG_SUFFIXES = (
    ".m4a", ".mp4", ".aac", ".wma", ".amr", ".webm", ".3gp", ".mka", ".ape", ".wv", ".m4b", ".mov", ".mkv", ".ac3",
    ".spx", ".tta", ".mp2",
)  # fmt: skip
_HAS_FFMPEG = importlib.util.find_spec("av") is not None

AUDIO_SUFFIXES = (*_LIBSNDFILE, *FFMPEG_SUFFIXES) if _HAS_FFMPEG else _LIBSNDFILE
"""Endings of the sound files that are decoded here."""

UNREAD_SUFFIXES = () if _HAS_FFMPEG else FFMPEG_SUFFIXES
"""Endings of sound files that are not; they are counted and named."""

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
"""Sample rates that a file may name, Hz: others are taken for damage."""

PIECE = 1 << 17
"""Frames of a decoded piece."""

_BROKEN = (OSError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError)  # what PyAV makes of damage
_OPEN_ENDED = (0, 0xFFFFFFFF, 0x7FFFFFFF)  # sizes that streaming writers leave in a WAV header


class Decoder(NamedTuple):
    """An opened file: its rate, and pieces ``[n, channels]`` as parts of full scale."""

    rate: int
    pieces: Iterator[Float]


def check_size(path: Path) -> None:
    """Refuse an empty file, and one that ends before the samples its header promises.

    Raises:
        ValueError: With the reason.
    """
    if path.stat().st_size == 0:
        raise ValueError("the file is empty (0 bytes)")
    if promised := missing_wav_bytes(path):
        raise ValueError(f"truncated: {promised} bytes of the samples its header promises are missing")


def check_rate(rate: int) -> None:
    """Refuse a sample rate that can only be damage.

    Raises:
        ValueError: Naming it.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(f"its sample rate is {rate} Hz, expected {LOWEST_RATE} to {HIGHEST_RATE}")


def files_below(root: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files below ``root`` whose names end so in whatever case, sorted; hidden ones are left out, linked folders
    are followed once."""
    found, seen = [], set()
    for folder, below, names in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not name.startswith("."))
        found += [Path(folder, name) for name in names if not name.startswith(".") and name.lower().endswith(suffixes)]
    return sorted(found)


@contextmanager
def opened(path: Path) -> Iterator[Decoder]:
    """Open with whichever decoder can; errors of both become ValueErrors."""
    import soundfile

    check_size(path)
    name: Any = os.fsencode(path) if os.name == "posix" else str(path)
    try:
        stream = soundfile.SoundFile(name)
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError) as err:
        with opened_by_ffmpeg(path, str(err).splitlines()[0]) as decoder:
            yield decoder
        return
    with stream:
        check_rate(stream.samplerate)
        yield Decoder(stream.samplerate, _libsndfile_pieces(stream))


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
def opened_by_ffmpeg(path: Path, reason: str) -> Iterator[Decoder]:
    """Open what libsndfile refused for ``reason``.

    Raises:
        ValueError: It cannot be decoded here either, or its rate is none.
    """
    try:
        av = importlib.import_module("av")
    except ImportError:
        raise ValueError(f"not readable as audio ({reason}); the package av decodes more formats") from None
    try:
        container = av.open(str(path), mode="r")
    except (av.FFmpegError, *_BROKEN) as err:
        raise ValueError(f"not readable as audio ({_first_line(err)})") from None
    with container:
        try:
            streams = list(container.streams.audio)
            rate = int(streams[0].rate or 0) if streams else 0
        except (av.FFmpegError, *_BROKEN) as err:  # it may know no decoder
            raise ValueError(f"not readable as audio ({_first_line(err)})") from None
        if not streams:
            raise ValueError("it holds no sound")
        check_rate(rate)
        yield Decoder(rate, _ffmpeg_pieces(av, container, streams[0]))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _ffmpeg_pieces(av: Any, container: Any, stream: Any) -> Iterator[Float]:
    channels = av.AudioResampler(format="fltp")
    try:
        for frame in container.decode(stream):
            for part in channels.resample(frame):
                yield np.ascontiguousarray(part.to_ndarray().T, np.float32)
    except (av.FFmpegError, *_BROKEN) as err:
        raise ValueError(f"not readable as audio ({_first_line(err)})") from None


def missing_wav_bytes(path: Path) -> int:
    """Bytes that the ``data`` chunk of a RIFF file promises beyond the end of the file (0 for all else)."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        if stream.read(4) != b"RIFF":
            return 0
        stream.seek(12)
        while len(header := stream.read(8)) == 8:
            name, length = struct.unpack("<4sI", header)
            if name == b"data":
                return 0 if length in _OPEN_ENDED else max(0, stream.tell() + length - size)
            stream.seek(length + (length & 1), 1)
    return 0
