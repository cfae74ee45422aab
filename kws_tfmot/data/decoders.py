"""Which sound files can be decoded, and by what: libsndfile takes WAV, FLAC, MP3, OGG and more; what it does not (M4A,
AAC, WebM) the libraries of FFmpeg do, through the package av where it is installed.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.lost_frames import lost_frames
from kws_tfmot.data.promised_samples import missing_bytes

Samples = npt.NDArray[np.float32] | npt.NDArray[np.int16]
_LIBSNDFILE = (
    ".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".wave",
    ".rf64", ".sph", ".nist", ".voc", ".wavex", ".ogx", ".mp1", ".avr", ".pvf", ".paf", ".fap", ".iff", ".svx",
    ".ircam", ".wve", ".htk",
)  # fmt: skip
FFMPEG_SUFFIXES = (
    ".m4a", ".mp4", ".aac", ".wma", ".amr", ".webm", ".3gp", ".mka", ".ape", ".wv", ".m4b", ".mov", ".mkv", ".ac3",
    ".spx", ".tta", ".mp2", ".m4r", ".weba", ".3g2", ".avi", ".flv", ".f4a", ".qt", ".mpg", ".mpeg", ".mpa", ".adts",
    ".alac", ".eac3", ".g722", ".dts", ".gsm", ".wmv", ".asf", ".rm", ".ra", ".ogv",
)  # fmt: skip
_HAS_FFMPEG = importlib.util.find_spec("av") is not None

AUDIO_SUFFIXES = (*_LIBSNDFILE, *FFMPEG_SUFFIXES) if _HAS_FFMPEG else _LIBSNDFILE
"""Endings of the sound files that are decoded here."""

SOUND_SUFFIXES = (*_LIBSNDFILE, *FFMPEG_SUFFIXES)
"""Endings of sound files; those that are not decoded here are counted and named."""

_TEXTS = ("readme", "license", "licence", "copying", "authors", "changelog", "makefile")
_NO_SOUNDS = (
    ".txt", ".csv", ".tsv", ".json", ".md", ".rst", ".html", ".xml", ".yaml", ".yml", ".pdf", ".png", ".jpg", ".lab",
    ".textgrid", ".eaf", ".trs", ".srt", ".log", ".ini", ".db", ".py", ".sh", ".npy",
)  # fmt: skip

LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
"""Sample rates that a file may name, Hz: others are taken for damage."""

PIECE = 1 << 17
"""Frames of a decoded piece of at most two channels; of more, fewer."""

_ESTIMATED = 0.9  # of the length of an OGG file or one of FFmpeg's: what a header says need not be exact

_HEADERLESS = {"aac", "ac3", "amr", "amrnb", "amrwb", "dts", "eac3", "g722", "gsm", "loas", "mp3", "mpeg"}
"""Formats of FFmpeg's without a length in a header: it is guessed from the first frames."""

_BROKEN = (OSError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError)  # what PyAV makes of damage


class Decoder(NamedTuple):
    """An opened file: its rate, how many frames it says it holds (0: unknown), and pieces ``[n, channels]``.

    The pieces are float32, as parts of full scale, or int16 where that was asked for and it holds 16-bit mono. ``seek``
    lets the next one begin at a frame; ``None`` where they come from the beginning alone.
    """

    rate: int
    frames: int
    pieces: Iterator[Samples]
    seek: Callable[[int], Any] | None = None


def check_size(path: Path) -> None:
    """Refuse an empty file, one that ends before the samples its header promises, and one that has lost frames.

    Raises:
        ValueError: With the reason.
    """
    if path.stat().st_size == 0:
        raise ValueError("the file is empty (0 bytes)")
    if promised := missing_bytes(path):
        raise ValueError(f"truncated: {promised} bytes of the samples its header promises are missing")
    if lost := lost_frames(path):
        raise ValueError(lost)


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
    found = []
    seen = set(map(str, Path(os.path.realpath(root)).parents))  # a link that leads back there is none of its folders
    for folder, below, names in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(name for name in below if not name.startswith("."))
        found += [Path(folder, name) for name in names if not name.startswith(".") and name.lower().endswith(suffixes)]
    return sorted(found)


def unread_ending(name: str) -> str:
    """The ending of a file that may hold sound and is not decoded here; empty for sounds that are, texts and the like.

    >>> unread_ending("a.RAW"), unread_ending("take1"), unread_ending("a.wav"), unread_ending("a.txt")
    ('.raw', 'without ending', '', '')
    """
    suffix = Path(name).suffix.lower()
    if not suffix:
        return "" if name.lower() in _TEXTS else "without ending"
    return "" if suffix in (*AUDIO_SUFFIXES, *_NO_SOUNDS) else suffix


@contextmanager
def opened(path: Path, exact: bool = False) -> Iterator[Decoder]:
    """Open with whichever decoder can; errors of both become ValueErrors.

    Args:
        path: A sound file.
        exact: Give int16 where it holds 16-bit mono.
    """
    import soundfile

    check_size(path)
    name: Any = os.fsencode(path) if os.name == "posix" else str(path)
    try:
        stream = soundfile.SoundFile(name)
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError) as err:
        # What libsndfile says, without the path.
        reason = str(err).splitlines()[0].rpartition("': ")[2]
        if _is_pcm(path):  # FFmpeg makes samples of headers that hold none
            raise ValueError(f"not readable as audio ({reason})") from None
        with _opened_by_ffmpeg(path, reason) as decoder:
            yield decoder
        return
    with stream:
        check_rate(stream.samplerate)
        known = stream.frames if stream.seekable() else 0
        kind = "int16" if exact and stream.subtype == "PCM_16" and stream.channels == 1 else "float32"
        seek = functools.partial(_seek, stream) if known else None
        yield Decoder(stream.samplerate, known, _libsndfile_pieces(stream, known, kind), seek)


def _seek(stream: Any, frame: int) -> None:
    import soundfile

    try:
        stream.seek(frame)
    except (soundfile.SoundFileError, RuntimeError) as err:
        raise ValueError(f"not readable as audio ({str(err).splitlines()[0]})") from None


def _is_pcm(path: Path) -> bool:
    """Whether a WAV file says that it holds integers or floating-point numbers, or its first chunk is no format."""
    with path.open("rb") as stream:
        head = stream.read(22)
    return head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt " and head[20:22] in (b"\x01\0", b"\x03\0")


def _libsndfile_pieces(opened: Any, known: int, kind: str) -> Iterator[Samples]:
    import soundfile

    count, most = 0, max(1, 2 * PIECE // max(opened.channels, 2))
    try:
        while len(piece := opened.read(most, dtype=kind, always_2d=True)):
            count += len(piece)
            yield piece
    except (soundfile.SoundFileError, RuntimeError) as err:
        raise ValueError(f"not readable as audio ({str(err).splitlines()[0]})") from None
    if opened.format != "MP3" and count < known * (_ESTIMATED if opened.format == "OGG" else 1):
        raise ValueError(f"truncated: {count} of {known} samples")


@contextmanager
def _opened_by_ffmpeg(path: Path, reason: str) -> Iterator[Decoder]:
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
        except AttributeError:  # it knows no decoder
            streams, rate = [None], 0
        except (av.FFmpegError, *_BROKEN) as err:
            raise ValueError(f"not readable as audio ({_first_line(err)})") from None
        if not streams:
            raise ValueError("it holds no sound")
        if not rate:
            raise ValueError(f"not readable as audio ({reason})")
        check_rate(rate)
        yield Decoder(rate, 0, _ffmpeg_pieces(av, container, streams[0], rate))


def _first_line(error: BaseException) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (said.splitlines() or [type(error).__name__])[0]


def _ffmpeg_pieces(av: Any, container: Any, stream: Any, rate: int) -> Iterator[Samples]:
    channels = av.AudioResampler(format="fltp")
    count = 0
    try:
        for frame in container.decode(stream):
            for part in channels.resample(frame):
                piece = np.ascontiguousarray(part.to_ndarray().T, np.float32)
                count += len(piece)
                yield piece
    except (av.FFmpegError, *_BROKEN) as err:
        raise ValueError(f"not readable as audio ({_first_line(err)})") from None
    known = _promised(container, stream, rate)
    if count < _ESTIMATED * known:
        raise ValueError(f"truncated: {count} of {known} samples")


def _promised(container: Any, stream: Any, rate: int) -> int:
    """How many samples a header names; 0 where none does."""
    if _HEADERLESS.intersection(container.format.name.split(",")):
        return 0
    if stream.duration and stream.time_base:
        return int(stream.duration * stream.time_base * rate)
    alone = len(container.streams) == 1  # otherwise a picture may last longer
    return int(container.duration * rate // 1_000_000) if container.duration and alone else 0  # microseconds
