"""The clips of a data set as columns in an Arrow file: word, speaker, split, class, where the audio lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kws_tfmot.data.columns import Coded, Strings, map_columns, numbers, write_columns
from kws_tfmot.data.source_table import SPLIT_CODES, SourceTable

_AT_ONCE = 1 << 16


class Clip(NamedTuple):
    """One clip.

    ``path`` is relative to the source's root, ``speaker`` empty where none is known, ``label`` the class. ``used`` is
    false for clips of other words that their split does not take: held-out words elsewhere, words that train in test,
    and what would raise ``_unknown_`` above its share.
    ``recorded`` is true for a user's own recordings among synthetic clips.
    """

    path: str
    word: str
    speaker: str
    split: str
    label: str
    used: bool = True
    recorded: bool = False


class ClipTable(Sequence[Clip]):
    """Clips sorted by path; as a sequence it yields :class:`Clip`, made as they are asked for.

    Attributes:
        source: Path, word, speaker, whether recorded.
        splits: int8 ``[N]``, numbers of :data:`~kws_tfmot.data.source_table.SPLIT_CODES`.
        labels: int16 ``[N]``, places in ``names``.
        names: The classes.
        used: bool ``[N]``.
        rows: int64 ``[N]``, of the store's audio.
        digests: Hash of the samples, 16 bytes; null for digital zero.
    """

    def __init__(
        self,
        source: SourceTable,
        splits: npt.NDArray[np.int8],
        labels: npt.NDArray[np.int16],
        names: Sequence[str],
        used: npt.NDArray[np.bool_],
        rows: npt.NDArray[np.int64],
        digests: pa.Array,
    ) -> None:
        self.source = source
        self.splits, self.labels, self.names = splits, labels, tuple(names)
        self.used, self.rows, self.digests = used, rows, digests

    def where(self, chosen: npt.NDArray[np.bool_]) -> ClipTable:
        """The clips that ``chosen [N]`` is true for."""
        rows = np.flatnonzero(chosen)
        digests = self.digests.take(pa.array(rows))
        columns = self.splits[rows], self.labels[rows], self.names, self.used[rows], self.rows[rows]
        return ClipTable(self.source.take(rows), *columns, digests)

    def recordings(self) -> ClipTable:
        """The same clips, each marked as a user's own recording."""
        source = replace(self.source, recorded=np.ones(len(self), bool))
        return ClipTable(source, self.splits, self.labels, self.names, self.used, self.rows, self.digests)

    def of_split(self, split: str) -> npt.NDArray[np.bool_]:
        """Which clips lie in ``split``, used or not; ``all`` for each of them."""
        if split == "all":
            return np.ones(len(self), bool)
        return self.splits == (SPLIT_CODES.index(split) if split in SPLIT_CODES else len(SPLIT_CODES))

    def __len__(self) -> int:
        return len(self.splits)

    @overload
    def __getitem__(self, place: int) -> Clip: ...
    @overload
    def __getitem__(self, place: slice) -> list[Clip]: ...
    def __getitem__(self, place: int | slice) -> Clip | list[Clip]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        path, word, speaker, _, recorded = self.source[place]
        split, label = SPLIT_CODES[self.splits[place]], self.names[self.labels[place]]
        return Clip(path, word, speaker, split, label, bool(self.used[place]), recorded)

    def __iter__(self) -> Iterator[Clip]:
        columns = zip(self.source, self.splits, self.labels, self.used, strict=True)
        for (path, word, speaker, _, recorded), split, label, used in columns:
            yield Clip(path, word, speaker, SPLIT_CODES[split], self.names[label], bool(used), recorded)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClipTable) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def write(self, path: Path) -> None:
        """Keep the columns in an Arrow file; the names of words, speakers and classes are kept by the caller."""
        source = self.source
        write_columns(path, {
            "path": source.paths.array, "word": source.words.codes, "speaker": source.speakers.codes,
            "split": self.splits, "label": self.labels, "row": self.rows, "digest": self.digests,
            "used": self.used.astype(np.uint8), "recorded": source.recorded.astype(np.uint8),
        })  # fmt: skip

    @staticmethod
    def read(path: Path, words: Sequence[str], speakers: Sequence[str], names: Sequence[str]) -> ClipTable:
        """What :meth:`write` wrote, mapped.

        Raises:
            ValueError: If it is no such file.
        """
        batch = map_columns(path)

        def column(name: str) -> npt.NDArray[Any]:
            """A column as a NumPy array."""
            return numbers(batch.column(name))

        def places(name: str, count: int) -> npt.NDArray[Any]:
            """A column of places in ``count`` names."""
            codes = column(name)
            if len(codes) and not 0 <= codes.min() <= codes.max() < count:
                raise ValueError(f"{name} of clips: expected 0 to {count - 1}")
            return codes

        splits, labels, rows = places("split", len(SPLIT_CODES)), places("label", len(names)), column("row")
        if len(rows) and rows.min() < 0:
            raise ValueError("row of clips: expected 0 or more")
        recorded = column("recorded").view(bool)
        paths, coded = (
            Strings(batch.column("path")),
            (
                Coded(places("word", len(words)), words),
                Coded(places("speaker", len(speakers)), speakers),
            ),
        )
        source = SourceTable(paths, *coded, splits, recorded)
        used = column("used").view(bool)
        return ClipTable(source, splits, labels, names, used, rows, batch.column("digest"))
