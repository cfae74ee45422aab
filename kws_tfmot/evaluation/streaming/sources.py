"""Where a stream comes from: a sound file, or a microphone."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.sound_pieces import Survey, sound_pieces, survey
from kws_tfmot.errors import DataError, ToolchainError, install_extra

Int16 = npt.NDArray[np.int16]


def survey_stream(path: str | Path) -> Survey:
    """Decode a sound file once: proof that it can be read, and its levels.

    Raises:
        DataError: If it is missing or unreadable.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there is no sound file at {path}.", "Give the path of a WAV, FLAC, MP3, OGG or M4A file.")
    try:
        return survey(path)
    except (ValueError, OSError) as err:
        raise DataError(f"{path}: {err}.", "Give a WAV, FLAC, MP3, OGG or M4A file.") from None


def stream_pieces(path: str | Path, rate: int, gain: float = 1.0) -> Iterator[Int16]:
    """A sound file of any rate, length and number of channels as int16 samples at ``rate``, in pieces.

    Raises:
        DataError: If it is unreadable.
    """
    try:
        yield from sound_pieces(Path(path), rate, gain)
    except (ValueError, OSError) as err:
        raise DataError(f"{path}: {err}.", "Leave it out, or give a WAV, FLAC, MP3, OGG or M4A file.") from None


def read_stream(path: str | Path, rate: int) -> Int16:
    """The whole file ``[n]``; one far above full scale is scaled down to it.

    Raises:
        DataError: If it is missing or unreadable.
    """
    gain = survey_stream(path).gain
    return np.concatenate(list(stream_pieces(path, rate, gain)))


def blocks_of(samples: Int16, length: int) -> Iterator[Int16]:
    """``samples`` in blocks of ``length``, the last one shorter.

    >>> [len(block) for block in blocks_of(np.zeros(5, np.int16), 2)]
    [2, 2, 1]
    """
    for first in range(0, len(samples), length):
        yield samples[first : first + length]


def microphone(rate: int, length: int, device: str | int | None = None) -> Iterator[Int16]:
    """Blocks of ``length`` int16 samples from a microphone, without end.

    Args:
        rate: Samples a second.
        length: Samples of a block.
        device: Number or part of the name of an input; the system's own choice when ``None``.

    Raises:
        ToolchainError: Without the package sounddevice, the library PortAudio or a usable input; before the first
            block, or when the input fails later.
    """
    sound = load_sounddevice()
    try:
        with sound.InputStream(rate, length, device, channels=1, dtype="int16") as stream:
            while True:
                block, _ = stream.read(length)
                yield np.ascontiguousarray(block[:, 0])
    except (sound.PortAudioError, ValueError) as err:
        chosen = "the system's input" if device is None else f"the input {device!r}"
        raise ToolchainError(
            f"{chosen} cannot be recorded at {rate} Hz: {err}", "`kws listen --devices` lists what there is."
        ) from None


def input_devices() -> list[str]:
    """One line for each input: its number, name and rate.

    Raises:
        ToolchainError: As :func:`microphone`.
    """
    sound = load_sounddevice()
    try:
        devices = list(sound.query_devices())
    except sound.PortAudioError as err:
        raise ToolchainError(f"the inputs cannot be listed: {err}", "See that a microphone is connected.") from None
    return [
        f"{number}: {device['name']}, {device['default_samplerate']:.0f} Hz"
        for number, device in enumerate(devices)
        if device["max_input_channels"] > 0
    ]


def load_sounddevice() -> ModuleType:
    """The package sounddevice.

    Raises:
        ToolchainError: Where it, or the library it needs, is not installed.
    """
    try:
        return importlib.import_module("sounddevice")
    except ImportError:
        raise ToolchainError(
            "listening needs the package sounddevice, which is not installed.", install_extra("mic")
        ) from None
    except OSError as err:
        raise ToolchainError(
            f"sounddevice finds no PortAudio library: {err}.", "Debian: apt install libportaudio2"
        ) from None
