"""What a source says of its clips: path, word, speaker and split, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kws_tfmot.data.columns import Coded, Coder, Strings, encoded
from kws_tfmot.data.labels import SPLITS

SPLIT_CODES = ("", *SPLITS, "all")
"""Names of splits by their numbers in columns."""
_AT_ONCE = 1 << 16


class SourceClip(NamedTuple):
    """One clip as its source names it; ``split`` is empty where the source does not say.

    ``recorded`` is true for a user's own recordings among synthetic clips.
    """

    path: str
    word: str
    speaker: str
    split: str = ""
    recorded: bool = False


@dataclass(frozen=True, eq=False)
class SourceTable(Sequence[SourceClip]):
    """Clips of a source; as a sequence it yields :class:`SourceClip`.

    Attributes:
        paths: Of every clip, relative to the source.
        words, speakers: Of every clip; a speaker may be empty.
        splits: int8 ``[N]``, numbers of :data:`SPLIT_CODES`.
        recorded: bool ``[N]``.
    """

    paths: Strings
    words: Coded
    speakers: Coded
    splits: npt.NDArray[np.int8]
    recorded: npt.NDArray[np.bool_]

    def take(self, rows: npt.NDArray[np.int64]) -> SourceTable:
        """The clips at ``rows``."""
        words, speakers = self.words.take(rows), self.speakers.take(rows)
        return SourceTable(self.paths.take(rows), words, speakers, self.splits[rows], self.recorded[rows])

    def in_order(self) -> SourceTable:
        """The clips sorted by path."""
        order = pa.compute.sort_indices(self.paths.array).to_numpy()
        sorted_already = bool((order[1:] > order[:-1]).all())
        return self if sorted_already else self.take(order.astype(np.int64))

    def __len__(self) -> int:
        return len(self.splits)

    @overload
    def __getitem__(self, place: int) -> SourceClip: ...
    @overload
    def __getitem__(self, place: slice) -> list[SourceClip]: ...
    def __getitem__(self, place: int | slice) -> SourceClip | list[SourceClip]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        split, recorded = SPLIT_CODES[self.splits[place]], bool(self.recorded[place])
        return SourceClip(self.paths[place], self.words[place], self.speakers[place], split, recorded)

    def __iter__(self) -> Iterator[SourceClip]:
        columns = zip(self.paths, self.words, self.speakers, self.splits, self.recorded, strict=True)
        for path, word, speaker, split, recorded in columns:
            yield SourceClip(path, word, speaker, SPLIT_CODES[split], bool(recorded))


class TableBuilder:
    """Collects clips into a :class:`SourceTable` without keeping an object for each."""

    def __init__(self) -> None:
        self._paths: list[pa.Array] = []
        self._numbers: list[npt.NDArray[np.int32]] = []
        self._waiting: list[tuple[bytes, int, int, int, bool]] = []
        self._words, self._speakers = Coder(), Coder()
        self._speakers("")

    def add(self, clip: SourceClip) -> None:
        """Append a clip."""
        word, speaker, split = self._words(clip.word), self._speakers(clip.speaker), SPLIT_CODES.index(clip.split)
        self._waiting.append((encoded(clip.path), word, speaker, split, clip.recorded))
        if len(self._waiting) == _AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        paths = [row[0] for row in self._waiting]
        self._paths.append(pa.array(paths, pa.large_binary()))
        self._numbers.append(np.array([row[1:] for row in self._waiting], np.int32).reshape(-1, 4))
        self._waiting = []

    def table(self) -> SourceTable:
        """The clips collected so far."""
        self._flush()
        words, speakers, splits, recorded = np.concatenate(self._numbers).T
        return SourceTable(
            Strings(pa.chunked_array(self._paths, pa.large_binary())),
            Coded(words.copy(), self._words.names),
            Coded(speakers.copy(), self._speakers.names),
            splits.astype(np.int8),
            recorded.astype(bool),
        )


def table_of(clips: Iterable[SourceClip]) -> SourceTable:
    """The columns of ``clips``.

    >>> table_of([SourceClip("go/a.wav", "go", "")])[0]
    SourceClip(path='go/a.wav', word='go', speaker='', split='', recorded=False)
    """
    builder = TableBuilder()
    for clip in clips:
        builder.add(clip)
    return builder.table()
