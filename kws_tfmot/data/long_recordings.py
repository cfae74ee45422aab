"""Folders of long recordings -> pieces of some seconds, read where they lie, so that hours cost no memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kws_tfmot.data.audio import Int16, resample, to_int16
from kws_tfmot.data.decoders import AUDIO_SUFFIXES, files_below
from kws_tfmot.errors import DataError

_PIECE_S = 20.0
_SHORTEST_S = 1.0


def pieces_of(folders: Iterable[str], rate: int, hours: float, seed: int) -> tuple[list[Int16], list[str]]:
    """At most ``hours`` of 20 s pieces from everywhere in the recordings, and notes on files that were left out.

    Args:
        folders: Of sound files of any length and rate.
        rate: Of the pieces.
        hours: Beyond it, pieces are chosen by ``seed``; no more than a piece at a time is read.
        seed: Of that choice.

    Raises:
        DataError: A folder is missing or holds no recording that can be read.
    """
    spans: list[tuple[Path, int, int]] = []
    notes: list[str] = []
    for folder in folders:
        found = _spans_under(folder, notes)
        if not found:
            raise DataError(f"no recording under {folder!r} can be read.", "Give sound files (data.negatives).")
        spans += found
    most = max(1, round(hours * 3600 / _PIECE_S))
    chosen = np.sort(np.random.default_rng([seed, 0x2E6]).permutation(len(spans))[:most])
    pieces = []
    for place in chosen:
        path, first, frames = spans[place]
        try:
            pieces.append(_read(path, first, frames, rate))
        except (RuntimeError, ValueError, OSError) as error:
            notes.append(f"negatives: a part of {path.name} left out: {error}")
    if spans and not pieces:
        raise DataError("no piece of the recordings of data.negatives can be read.", "Give sound files.")
    return pieces, list(dict.fromkeys(notes))  # a file may lack many parts for the same reason


def _spans_under(folder: str, notes: list[str]) -> list[tuple[Path, int, int]]:
    """File, first frame and number of frames of every piece."""
    import soundfile

    root = Path(folder).expanduser()
    if not root.is_dir():
        raise DataError(f"there is no folder of negatives at {folder!r}.", "Correct data.negatives.")
    spans = []
    for path in files_below(root, AUDIO_SUFFIXES):
        try:
            info = soundfile.info(os.fsencode(path) if os.name == "posix" else str(path))
        except (RuntimeError, ValueError, OSError) as error:
            notes.append(f"negatives: {path.name} left out: {error}")
            continue
        size = round(_PIECE_S * info.samplerate)
        firsts = range(0, max(1, info.frames - round(_SHORTEST_S * info.samplerate)), size)
        spans += [(path, first, min(size, info.frames - first)) for first in firsts if info.frames > first]
    return spans


def _read(path: Path, first: int, frames: int, rate: int) -> Int16:
    import soundfile

    with soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else str(path)) as stream:
        stream.seek(first)
        data = stream.read(frames, dtype="float32", always_2d=True)
        own = stream.samplerate
    if not len(data):
        raise ValueError("it ends before what its header promises")
    if not np.isfinite(data).all():
        raise ValueError("it holds numbers that are not finite")
    return to_int16(resample(data.mean(axis=1) * np.float32(32768), own, rate))
