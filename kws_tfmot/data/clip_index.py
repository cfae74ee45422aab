"""The index of a data set: every clip with word, speaker, split and class, and the audio behind it."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16
from kws_tfmot.data.audio_shards import ClipShards
from kws_tfmot.data.clip_table import ClipTable
from kws_tfmot.data.columns import Coded, Strings, encoded
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.labels import MADE_SILENCE, SILENCE, SPLITS
from kws_tfmot.data.noise import NoiseBank
from kws_tfmot.data.source_table import SPLIT_CODES
from kws_tfmot.errors import DataError

DATA_SUM = "data"
"""Among the sums of an index: that of all clips, beside those of the splits."""
_AT_ONCE = 1 << 16


class MadeClips(NamedTuple):
    """Silence clips made for one split: int16 ``[N, samples]`` and a name for each that says how."""

    audio: Int16
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class AudioSplit:
    """The clips of one split, in the order of their paths, silence made for it last.

    Attributes:
        name: ``train``, ``validation``, ``test`` or ``all``.
        class_names: The classes, in the order of the numbers in ``labels``.
        labels: int32 ``[N]``.
        paths, words, speakers: One entry for each clip.
        recorded: bool ``[N]``: a user's own recordings among synthetic clips.
    """

    name: str
    class_names: tuple[str, ...]
    labels: npt.NDArray[np.int32]
    paths: Strings
    words: Coded
    speakers: Coded
    recorded: npt.NDArray[np.bool_]
    store: ClipShards = field(repr=False)
    rows: npt.NDArray[np.int64] = field(repr=False)
    made: tuple[Int16, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def audio(self) -> Int16:
        """All clips, int16 ``[N, samples]``, in memory: for small splits."""
        return self.gather(np.arange(len(self)))

    def gather(self, positions: npt.NDArray[np.integer[Any]]) -> Int16:
        """The clips at ``positions``, int16 ``[len(positions), samples]``, read from the cache file as needed."""
        positions = np.asarray(positions)
        result = np.empty((len(positions), self.store.shape[1]), np.int16)
        stored = positions < len(self.rows)
        result[stored] = self.store.gather(self.rows[positions[stored]])
        first = len(self.rows)
        for piece in self.made:
            inside = (positions >= first) & (positions < first + len(piece))
            result[inside] = piece[positions[inside] - first]
            first += len(piece)
        return result

    def chunks(self, size: int = 4096) -> Iterator[Int16]:
        """All clips, ``size`` at a time."""
        for first in range(0, len(self), size):
            yield self.gather(np.arange(first, min(first + size, len(self))))


@dataclass(frozen=True, eq=False)
class ClipIndex:
    """A data set ready for use; made by :func:`kws_tfmot.data.prepare`.

    Attributes:
        source: The source as it was given.
        settings: The settings it was made with.
        labels: The classes in the order of the model's outputs: keywords, ``_unknown_``, ``_silence_``.
        clips: Every readable clip, sorted by path.
        notes: What a person should know about the data: splits, duplicates, resampling, missing noise.
        corrupt: Path and reason of every clip that could not be read.
        noise: Background noise, kept apart by time between the splits.
        made: Silence clips made for the evaluation splits.
        store: The clips' audio.
    """

    source: str
    settings: DataSettings
    labels: tuple[str, ...]
    clips: ClipTable
    notes: tuple[str, ...]
    corrupt: tuple[tuple[str, str], ...]
    noise: NoiseBank
    made: Mapping[str, MadeClips]
    store: ClipShards = field(repr=False)
    sums: Mapping[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold clips, in order."""
        found = {SPLIT_CODES[code] for code in np.unique(self.clips.splits)}
        return tuple(name for name in (*SPLITS, "all") if name in found)

    def where(self, chosen: npt.NDArray[np.bool_]) -> ClipIndex:
        """The same with only the clips that ``chosen [N]`` is true for."""
        return replace(self, clips=self.clips.where(chosen), sums={})

    def counts(self) -> dict[str, dict[str, int]]:
        """Clips used, ``{split: {label: n}}``. Silence is drawn anew every epoch in train, so it shows 0 there
        unless the source brings ``_silence_`` clips of its own."""
        clips = self.clips
        counted = {}
        for split in self.splits:
            inside = clips.of_split(split) & clips.used
            numbers = np.bincount(clips.labels[inside], minlength=len(self.labels)).tolist()
            counted[split] = {label: numbers[clips.names.index(label)] for label in self.labels}
            counted[split][SILENCE] += len(self.made[split].names) if split in self.made else 0
        return counted

    def members(self, split: str) -> list[tuple[str, str]]:
        """Path (or name of a made clip) and class of every clip of ``split``, sorted: what an accuracy refers to."""
        return list(self._members(split))

    def _members(self, split: str) -> Iterator[tuple[str, str]]:
        chosen, pieces = self._select(split)
        names = [(f"{MADE_SILENCE}{name}", SILENCE) for piece in pieces for name in piece.names]
        paths = self.clips.source.paths.take(chosen)
        labels = (self.clips.names[code] for code in self.clips.labels[chosen])
        return heapq.merge(zip(paths, labels, strict=True), sorted(names))

    def split_sha256(self, split: str) -> str:
        """SHA-256 of the sorted list ``path TAB class NEWLINE`` of ``split``, given with every accuracy."""
        if split in self.sums:
            return self.sums[split]
        digest = hashlib.sha256()
        for path, label in self._members(split):
            digest.update(encoded(f"{path}\t{label}\n"))
        return digest.hexdigest()

    def sha256(self) -> str:
        """Changes when any clip, its split or its class changes."""
        if DATA_SUM in self.sums:
            return self.sums[DATA_SUM]
        digest = hashlib.sha256()
        for clip, own in zip(self.clips, digests_of(self.clips), strict=True):
            digest.update(encoded("\t".join((clip.path, clip.split, clip.label, str(clip.used), own))) + b"\n")
        return digest.hexdigest()

    @property
    def digests(self) -> dict[str, str]:
        """Hash of each clip's samples by its path, empty for digital zero; for small sets."""
        return dict(zip(self.clips.source.paths, digests_of(self.clips), strict=True))

    def audio(self, split: str) -> AudioSplit:
        """The clips of ``split``; ``all`` gives every clip of every split, unused ones included.

        Raises:
            DataError: There is no such split.
        """
        chosen, pieces = self._select(split)
        clips, source = self.clips, self.clips.source
        number = np.array([self.labels.index(name) for name in clips.names], np.int32)
        names = [f"{MADE_SILENCE}{name}" for piece in pieces for name in piece.names]
        silent = np.full(len(names), self.labels.index(SILENCE), np.int32)
        return AudioSplit(
            name=split,
            class_names=self.labels,
            labels=np.concatenate([number[clips.labels[chosen]], silent]),
            paths=source.paths.take(chosen, names),
            words=source.words.take(chosen, [SILENCE] * len(names)),
            speakers=source.speakers.take(chosen, [""] * len(names)),
            recorded=np.concatenate([source.recorded[chosen], np.zeros(len(names), bool)]),
            store=self.store,
            rows=clips.rows[chosen],
            made=tuple(piece.audio for piece in pieces),
        )

    def _select(self, split: str) -> tuple[npt.NDArray[np.int64], Sequence[MadeClips]]:
        if split == "all":
            return np.arange(len(self.clips)), list(self.made.values())
        if split not in self.splits:
            raise DataError(f"expected a split of {(*self.splits, 'all')}. Received: {split!r}",
                            "Splits are formed when the data are prepared; see the setting data.split.")  # fmt: skip
        chosen = np.flatnonzero(self.clips.of_split(split) & self.clips.used)
        return chosen, [made for name, made in self.made.items() if name == split]


def digests_of(clips: ClipTable) -> Iterator[str]:
    """Hash of each clip's samples, hexadecimal; empty for digital zero."""
    for first in range(0, len(clips), _AT_ONCE):
        for digest in clips.digests.slice(first, _AT_ONCE).to_pylist():
            yield digest.hex() if digest else ""
