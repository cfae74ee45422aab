"""The index of a data set: every clip with word, speaker, split and class, and the audio behind it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16
from kws_tfmot.data.labels import SILENCE, SPLITS
from kws_tfmot.data.noise import NoiseBank
from kws_tfmot.data.settings import DataSettings
from kws_tfmot.errors import DataError


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
        digests: Hash of each clip's samples, empty for digital zero and for made silence.
        recorded: bool ``[N]``: a user's own recordings among synthetic clips.
    """

    name: str
    class_names: tuple[str, ...]
    labels: npt.NDArray[np.int32]
    paths: list[str]
    words: list[str]
    speakers: list[str]
    digests: list[str]
    recorded: npt.NDArray[np.bool_]
    store: Int16 = field(repr=False)
    rows: npt.NDArray[np.int64] = field(repr=False)
    made: Int16 = field(repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def audio(self) -> Int16:
        """All clips, int16 ``[N, samples]``, in memory."""
        return self.gather(np.arange(len(self)))

    def gather(self, positions: npt.NDArray[np.integer[Any]]) -> Int16:
        """The clips at ``positions``, int16 ``[len(positions), samples]``, read from the cache file as needed."""
        positions = np.asarray(positions)
        result = np.empty((len(positions), self.store.shape[1]), np.int16)
        stored = positions < len(self.rows)
        result[stored] = self.store[self.rows[positions[stored]]]
        result[~stored] = self.made[positions[~stored] - len(self.rows)]
        return result


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
    """

    source: str
    settings: DataSettings
    labels: tuple[str, ...]
    clips: tuple[Clip, ...]
    notes: tuple[str, ...]
    corrupt: tuple[tuple[str, str], ...]
    noise: NoiseBank
    made: Mapping[str, MadeClips]
    store: Int16 = field(repr=False)
    rows: Mapping[str, int] = field(repr=False)
    digests: Mapping[str, str] = field(repr=False)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold clips, in order."""
        found = {clip.split for clip in self.clips}
        return tuple(name for name in (*SPLITS, "all") if name in found)

    def counts(self) -> dict[str, dict[str, int]]:
        """Clips used, ``{split: {label: n}}``. Silence is drawn anew every epoch in train, so it shows 0 there
        unless the source brings ``_silence_`` clips of its own."""
        counted = Counter((clip.split, clip.label) for clip in self.clips if clip.used)
        for split, made in self.made.items():
            counted[split, SILENCE] += len(made.names)
        return {split: {label: counted[split, label] for label in self.labels} for split in self.splits}

    def members(self, split: str) -> list[tuple[str, str]]:
        """Path (or name of a made clip) and class of every clip of ``split``, sorted: what an accuracy refers to."""
        clips, made = self._select(split)
        names = [(f"{SILENCE}/made: {name}", SILENCE) for piece in made for name in piece.names]
        return sorted([(clip.path, clip.label) for clip in clips] + names)

    def split_sha256(self, split: str) -> str:
        """SHA-256 of the sorted list ``path TAB class NEWLINE`` of ``split``, to stand beside every accuracy."""
        lines = "".join(f"{path}\t{label}\n" for path, label in self.members(split))
        return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()

    def audio(self, split: str) -> AudioSplit:
        """The clips of ``split``; ``all`` gives every clip of every split, unused ones included.

        Raises:
            DataError: There is no such split.
        """
        clips, pieces = self._select(split)
        number = {label: i for i, label in enumerate(self.labels)}
        names = [f"{SILENCE}/made: {name}" for piece in pieces for name in piece.names]
        made = [piece.audio for piece in pieces] or [np.zeros((0, self.store.shape[1]), np.int16)]
        labels = [number[clip.label] for clip in clips] + [number[SILENCE]] * len(names)
        return AudioSplit(
            name=split,
            class_names=self.labels,
            labels=np.array(labels, np.int32),
            paths=[clip.path for clip in clips] + names,
            words=[clip.word for clip in clips] + [SILENCE] * len(names),
            speakers=[clip.speaker for clip in clips] + [""] * len(names),
            digests=[self.digests[clip.path] for clip in clips] + [""] * len(names),
            recorded=np.array([clip.recorded for clip in clips] + [False] * len(names), bool),
            store=self.store,
            rows=np.array([self.rows[clip.path] for clip in clips], np.int64),
            made=np.concatenate(made),
        )

    def _select(self, split: str) -> tuple[list[Clip], Sequence[MadeClips]]:
        if split == "all":
            return list(self.clips), list(self.made.values())
        if split not in self.splits:
            raise DataError(f"expected a split of {(*self.splits, 'all')}. Received: {split!r}",
                            "Splits are formed when the data are prepared; see the setting data.split.")  # fmt: skip
        return [clip for clip in self.clips if clip.split == split and clip.used], [
            made for name, made in self.made.items() if name == split
        ]
