"""A stream and what is truly said in it: as it was composed, or as a person labelled it."""

from __future__ import annotations

import csv
import functools
import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.decoders import SOUND_SUFFIXES, files_below
from kws_tfmot.errors import DataError, did_you_mean
from kws_tfmot.evaluation.streaming.sources import stream_pieces, survey_stream

BACKGROUND = ""
"""The speaker of time in which nobody speaks."""

_MOST_BYTES = 50_000_000  # of a label track: a million words


class SpokenWord(NamedTuple):
    """A word said from ``start`` to ``end``, seconds of the stream."""

    word: str
    start: float
    end: float
    speaker: str


class Segment(NamedTuple):
    """Time that belongs to a speaker: what is wrongly accepted in it counts for that speaker."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True, eq=False)
class LabelledStream:
    """Samples with their truth.

    Attributes:
        name: What it is called in a report.
        pieces: Reads the samples, int16 ``[n]`` each, from the beginning.
        rate: Samples a second.
        events: The keywords said, by start; other words are no events.
        segments: Who is behind the rest; time in none of them is :data:`BACKGROUND`.
    """

    name: str
    pieces: Callable[[], Iterable[npt.NDArray[np.int16]]] = field(repr=False)
    rate: int
    events: tuple[SpokenWord, ...]
    segments: tuple[Segment, ...]

    @classmethod
    def of(
        cls,
        name: str,
        samples: npt.NDArray[np.int16],
        rate: int,
        events: tuple[SpokenWord, ...],
        segments: tuple[Segment, ...],
    ) -> LabelledStream:
        """One whose samples are in memory."""
        return cls(name, lambda: (samples,), rate, events, segments)

    @property
    def samples(self) -> npt.NDArray[np.int16]:
        """All of them."""
        return np.concatenate(list(self.pieces()))

    def truth(self) -> bytes:
        """Rate and events, as a digest takes them."""
        return repr([self.rate, *map(tuple, self.events)]).encode("utf-8", "surrogateescape")

    def sha256(self) -> str:
        """Of samples and events: what a figure refers to."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(np.ascontiguousarray(piece).tobytes())
        digest.update(self.truth())
        return digest.hexdigest()


def labelled_recordings(paths: Sequence[str | Path], keywords: Sequence[str], rate: int) -> list[LabelledStream]:
    """Recordings with a label track beside each: ``NAME.csv`` or Audacity's ``NAME.txt`` for ``NAME.wav``.

    A CSV file has a header with ``start``, ``end`` (seconds), ``word`` and, if wanted, ``speaker``; Audacity's export
    has start, end and word separated by tabs. Words that are no keyword may be labelled; they are no events. A file
    without the column ``speaker`` counts as one speaker.

    Args:
        paths: Sound files, or folders that hold them.
        keywords: The words the model spots.
        rate: Samples a second to resample to.

    Raises:
        DataError: If there is no recording, one has no label track, or a track cannot be read.
    """
    sounds = list(_sounds(paths))
    if not sounds:
        raise DataError(
            f"no sound file in {', '.join(map(str, paths))}.",
            f"Read are files that end in {', '.join(SOUND_SUFFIXES)}.",
        )
    found = []
    for sound in sounds:
        surveyed = survey_stream(sound)
        events = load_labels(label_track(sound), sound.stem, surveyed.levels.seconds)
        segments = tuple(Segment(event.start, event.end, event.speaker) for event in events)
        speakers = {event.speaker for event in events} or {sound.stem}
        if len(speakers) == 1:
            (speaker,) = speakers
            segments = (Segment(0.0, surveyed.levels.seconds, speaker),)
        chosen = tuple(event for event in events if event.word in keywords)
        pieces = functools.partial(stream_pieces, sound, rate, surveyed.gain)
        found.append(LabelledStream(sound.name, pieces, rate, chosen, segments))
    return found


def label_track(sound: Path) -> Path:
    """The label track beside ``sound``.

    Raises:
        DataError: If there is none.
    """
    for suffix in (".csv", ".txt"):
        if (track := sound.with_suffix(suffix)).is_file():
            return track
    raise DataError(
        f"{sound} has no label track: neither {sound.stem}.csv nor {sound.stem}.txt lies beside it.",
        "Label it in Audacity (Export labels), or write a CSV with the columns start, end, word; an empty track with "
        "that header means that no keyword is said.",
    )


def load_labels(path: Path, speaker: str, seconds: float) -> list[SpokenWord]:
    """The words of a label track, by start.

    Args:
        path: ``.csv`` with a header, or Audacity's ``.txt``.
        speaker: Who speaks where the track does not say.
        seconds: Length of the recording.

    Raises:
        DataError: Naming the line that cannot be used.
    """
    try:
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise DataError(f"{path} has {size:,} bytes, expected at most {_MOST_BYTES:,}.", "Give a label track.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise DataError(f"{path} cannot be read as text: {err}.", "Write the label track as UTF-8.") from None
    rows = _csv_rows(path, text) if path.suffix == ".csv" else _audacity_rows(text)
    events = []
    for number, row in rows:
        try:
            start, end = float(row["start"]), float(row["end"])
        except (TypeError, ValueError):
            start = end = math.nan
        if not 0 <= start <= end <= seconds + 1.0:
            raise DataError(
                f"{path}, line {number}: expected start and end in seconds, 0 <= start <= end <= {seconds:.2f}. "
                f"Received: {row['start']!r}, {row['end']!r}"
            )
        events.append(SpokenWord((row["word"] or "").strip(), start, end, row.get("speaker") or speaker))
    return sorted(events, key=lambda event: (event.start, event.end, event.word))


def _sounds(paths: Sequence[str | Path]) -> Iterator[Path]:
    for path in map(Path, paths):
        if path.is_dir():
            yield from files_below(path, SOUND_SUFFIXES)
        elif path.is_file():
            yield path
        else:
            raise DataError(f"there is no recording at {path}.", "Give sound files, or folders of them.")


def _csv_rows(path: Path, text: str) -> list[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or []]
        for needed in ("start", "end", "word"):
            if names.count(needed) != 1:
                raise DataError(
                    f"{path}: expected the columns start, end, word and perhaps speaker, once each, with commas "
                    f"between them. Received: {', '.join(names)[:200]}.{did_you_mean(needed, {*names} - {needed})}"
                )
        reader.fieldnames = names
        return [(reader.line_num, row) for row in reader]
    except csv.Error as err:  # a field of over 128 kB, as of a file that is no CSV
        raise DataError(f"{path} is no CSV: {err}.", "Write a line for each word: start,end,word.") from None


def _audacity_rows(text: str) -> list[tuple[int, dict[str, str]]]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("\\"):  # a backslash begins a label's range of frequencies
            continue
        start, end, word = ([*line.split("\t", 2), "", ""])[:3]
        rows.append((number, {"start": start, "end": end, "word": word}))
    return rows
