"""Folders of long recordings -> pieces of some seconds, read where they lie, so that hours cost no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import TOO_LOUD, Int16, resample, to_int16
from kws_tfmot.data.decoders import SOUND_SUFFIXES, Decoder, Samples, files_below, opened
from kws_tfmot.errors import DataError
from kws_tfmot.files import user_path

_PIECE_S = 20.0
_SHORTEST_S = 1.0


class _Span(NamedTuple):
    """Frames of a recording; ``alone``: they can be read without those before them."""

    path: Path
    first: int
    frames: int
    alone: bool


def pieces_of(folders: Iterable[str], rate: int, hours: float, seed: int) -> tuple[list[Int16], list[str]]:
    """At most ``hours`` of 20 s pieces from everywhere in the recordings, and notes on files that were left out.

    Args:
        folders: Of sound files of any kind, length and rate.
        rate: Of the pieces.
        hours: Beyond it, pieces are chosen by ``seed``; no more than a piece at a time is read.
        seed: Of that choice.

    Raises:
        DataError: A folder is missing or holds no recording that can be read.
    """
    spans: list[_Span] = []
    notes: list[str] = []
    for folder in folders:
        found = _spans_under(folder, notes)
        if not found:
            reasons = "".join(f"\n  {note}" for note in notes[:5])
            raise DataError(
                f"no recording under {folder!r} can be read.{reasons}", "Give sound files (data.negatives)."
            )
        spans += found
    most = max(1, round(hours * 3600 / _PIECE_S))
    chosen = np.sort(np.random.default_rng([seed, 0x2E6]).permutation(len(spans))[:most])
    pieces: list[Int16] = []
    for together in _together([spans[place] for place in chosen]):
        path = together[0].path
        try:
            pieces += _read(path, together, rate)
        except (ValueError, OSError) as error:
            notes.append(f"negatives: a part of {path.name} left out: {error}")
    if spans and not pieces:
        raise DataError("no piece of the recordings of data.negatives can be read.", "Give sound files.")
    return pieces, list(dict.fromkeys(notes))  # a file may lack many parts for the same reason


def _spans_under(folder: str, notes: list[str]) -> list[_Span]:
    root = user_path(folder)
    if not root.is_dir():
        raise DataError(f"there is no folder of negatives at {folder!r}.", "Correct data.negatives.")
    spans = []
    for path in files_below(root, SOUND_SUFFIXES):
        try:
            with opened(path) as decoder:
                frames, rate, alone = decoder.frames, decoder.rate, decoder.seek is not None
                if not frames:  # which some formats do not say
                    frames = sum(len(piece) for piece in decoder.pieces)
        except (ValueError, OSError) as error:
            notes.append(f"negatives: {path.name} left out: {error}")
            continue
        size = round(_PIECE_S * rate)
        firsts = range(0, max(1, frames - round(_SHORTEST_S * rate)), size)
        spans += [_Span(path, first, min(size, frames - first), alone) for first in firsts if frames > first]
    return spans


def _together(spans: Sequence[_Span]) -> Iterator[list[_Span]]:
    """Spans one by one, but those of a file that is read from its beginning in one pass."""
    passes: dict[Path, list[_Span]] = {}
    for span in spans:
        if span.alone:
            yield [span]
        else:
            passes.setdefault(span.path, []).append(span)
    yield from passes.values()


def _read(path: Path, spans: Sequence[_Span], rate: int) -> list[Int16]:
    """``spans`` of a file, by their first frame, as one channel at ``rate``."""
    pieces = []
    with opened(path) as decoder:
        for mono in _stretches(decoder, spans):
            if not np.isfinite(mono).all():
                raise ValueError("it holds numbers that are not finite")
            peak = float(np.abs(mono).max())
            scale = np.float32(32768.0 / peak if peak > TOO_LOUD else 32768.0)
            pieces.append(to_int16(resample(mono * scale, decoder.rate, rate)))
    return pieces


def _stretches(decoder: Decoder, spans: Sequence[_Span]) -> Iterator[npt.NDArray[np.float32]]:
    """The frames of each span, the mean of their channels."""
    place = 0
    held: Samples = np.zeros((0, 1), np.float32)
    for span in spans:
        if decoder.seek is not None:
            decoder.seek(span.first)
            place, held = span.first, held[:0]
        parts, wanted = [], span.frames
        while wanted:
            if not len(held):
                held = next(decoder.pieces, held)
                if not len(held):
                    break
            skipped = min(max(span.first - place, 0), len(held))
            part = held[skipped : skipped + wanted] if place + skipped >= span.first else held[:0]
            place, held = place + skipped + len(part), held[skipped + len(part) :]
            wanted -= len(part)
            parts.append(part.mean(axis=1, dtype=np.float32))
        if not any(map(len, parts)):
            raise ValueError("it ends before what its header promises")
        yield np.concatenate(parts)
