"""Which clip belongs to which split, and the checks that nothing crosses from one to another: columns in and out."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.clip_folder import clip_key
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.held_out_words import held_out_words
from kws_tfmot.data.labels import SILENCE, SPLITS, UNKNOWN, class_labels, label_of
from kws_tfmot.data.source_table import SPLIT_CODES, SourceTable
from kws_tfmot.data.speakers import VoiceClips, official_split, place_voices
from kws_tfmot.errors import DataError

TRAIN, VALIDATION, TEST = (SPLIT_CODES.index(name) for name in SPLITS)
DROPPED = -1
"""In place of a split: a clip that is left out."""
_BASE = len(SPLIT_CODES)  # of pairs of a number and a split's

Splits = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class LabelledClips:
    """Clips with what splitting asks of them.

    Attributes:
        table: Path, word, speaker.
        labels: int16 ``[N]``, places in ``names``.
        names: The classes.
        same: int64 ``[N]``, equal where the samples are equal; -1 for digital zero, which is exempt.
    """

    table: SourceTable
    labels: npt.NDArray[np.int16]
    names: tuple[str, ...]
    same: npt.NDArray[np.int64]

    @property
    def unknown(self) -> npt.NDArray[np.bool_]:
        """Which clips are of the class ``_unknown_``."""
        return self.labels == self.names.index(UNKNOWN)

    def take(self, rows: npt.NDArray[np.int64]) -> LabelledClips:
        """The clips at ``rows``."""
        return replace(self, table=self.table.take(rows), labels=self.labels[rows], same=self.same[rows])


def labelled(table: SourceTable, keywords: tuple[str, ...], same: npt.NDArray[np.int64] | None = None) -> LabelledClips:
    """Clips with their classes; ``same`` is empty audio of its own for each where it is not given."""
    names = class_labels(keywords)
    of_word = np.array([names.index(label_of(word, keywords)) for word in table.words.names], np.int16)
    return LabelledClips(table, of_word[table.words.codes], names, np.arange(len(table)) if same is None else same)


class Assigned(NamedTuple):
    """Split of every clip (:data:`DROPPED` for none), the other words held out for a split of their own, and notes."""

    splits: Splits
    held: dict[str, str]
    notes: list[str]


def official_splits(table: SourceTable, listed: Mapping[str, str]) -> Splits:
    """Split of every clip: from the list files where there are any, else by the published hash rule."""
    number = {name: code for code, name in enumerate(SPLIT_CODES)}
    if listed:
        return np.fromiter((number[listed.get(clip_key(path), "train")] for path in table.paths), np.int8, len(table))
    # The published rule hashes the whole file name where it finds no speaker.
    of_speaker = np.array([number[official_split(name)] if name else 0 for name in table.speakers.names], np.int8)
    splits = of_speaker[table.speakers.codes]
    nameless = np.flatnonzero(splits == 0)
    names = (path.rpartition("/")[2] for path in table.paths.take(nameless))
    splits[nameless] = np.fromiter((number[official_split(name)] for name in names), np.int8, len(nameless))
    return splits


def by_percent(
    clips: LabelledClips, percent: Sequence[float], seed: int, held: Mapping[str, str] | None = None
) -> Splits:
    """Split of every clip, speakers whole, every class in the given percentages as far as that goes.

    ``held`` are the other words that belong to one split alone: their speakers go there as far as that goes. With them
    every word counts as a class, so that rare ones do not leave training with their few speakers.
    """
    table = clips.table
    by_word = clips.unknown if held else np.zeros(len(table), bool)
    names = sorted({*clips.names, *table.words.names})
    place = {name: code for code, name in enumerate(names)}
    classes = np.array([place[name] for name in clips.names], np.int32)[clips.labels]
    words = np.array([place[name] for name in table.words.names], np.int32)[table.words.codes]
    classes[by_word] = words[by_word]
    voices, count = _voices(table)
    pairs, sizes = np.unique(voices * len(names) + classes, return_counts=True)
    starts = np.searchsorted(pairs, np.arange(count + 1) * len(names))

    def of_voices() -> Iterator[VoiceClips]:
        """Each voice as pairs of a word and how many clips of it the voice has."""
        for voice in range(count):
            some = slice(starts[voice], starts[voice + 1])
            yield [(names[int(n) % len(names)], int(size)) for n, size in zip(pairs[some], sizes[some], strict=True)]

    placed = place_voices(of_voices(), _ranks(table, voices, count, seed), percent, held)
    return np.array([SPLIT_CODES.index(name) for name in SPLITS], np.int8)[placed][voices]


def _voices(table: SourceTable) -> tuple[npt.NDArray[np.int64], int]:
    """Number of who must not cross splits: the speaker, or the clip itself, whatever its suffix, without one."""
    empty = [code for code, name in enumerate(table.speakers.names) if not name]
    nameless = np.flatnonzero(np.isin(table.speakers.codes, empty))
    keys = np.empty((len(nameless), 2), np.uint64)
    for row, path in enumerate(table.paths.take(nameless)):
        hashed = hashlib.blake2b(clip_key(path).encode("utf-8", "surrogateescape"), digest_size=16).digest()
        keys[row] = np.frombuffer(hashed, np.uint64)
    voices = table.speakers.codes.astype(np.int64)
    if len(nameless):
        voices[nameless] = len(table.speakers.names) + np.unique(keys, axis=0, return_inverse=True)[1].ravel()
    numbers, dense = np.unique(voices, return_inverse=True)
    return dense, len(numbers)


def _ranks(table: SourceTable, voices: npt.NDArray[np.int64], count: int, seed: int) -> npt.NDArray[np.void]:
    """SHA-256 of ``seed:voice`` for every voice, 32 bytes."""
    first = np.unique(voices, return_index=True)[1]
    ranks = np.empty(count, "V32")
    places = zip(table.paths.take(first), table.speakers.take(first), strict=True)
    for voice, (path, speaker) in enumerate(places):
        name = speaker or f"clip:{clip_key(path)}"
        ranks[voice] = hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogateescape")).digest()
    return ranks


def crossing_speakers(table: SourceTable, splits: Splits) -> list[str]:
    """Speakers with clips in more than one split, sorted."""
    pairs = np.unique(table.speakers.codes.astype(np.int64) * _BASE + splits)
    codes, counts = np.unique(pairs // _BASE, return_counts=True)
    return sorted(table.speakers.names[code] for code in codes[counts > 1] if table.speakers.names[code])


def drop_crossing_audio(splits: Splits, same: npt.NDArray[np.int64]) -> Splits:
    """Leave identical audio in one split only: test before validation before train.

    Args:
        splits: Split of every clip.
        same: Equal where the samples are equal; -1 is exempt.

    >>> drop_crossing_audio(np.array([TRAIN, TEST, TRAIN], np.int8), np.array([0, 0, -1])).tolist()
    [-1, 3, 1]
    """
    groups, group = np.unique(same, return_inverse=True)
    kept = np.zeros(len(groups), np.int8)  # the highest split of each: their numbers rise from train to test
    np.maximum.at(kept, group, splits)
    return np.where((same >= 0) & (splits != kept[group]), np.int8(DROPPED), splits)


def missing_classes(
    clips: LabelledClips, splits: Splits, settings: DataSettings, wanted: Sequence[str]
) -> dict[str, list[str]]:
    """The classes that each wanted split has no clip of; ``_silence_`` can always be made and is not asked for."""
    classes = [*settings.keywords, *([UNKNOWN] if settings.unknown_share > 0 else [])]
    found = {}
    for split in wanted:
        present = set(np.unique(clips.labels[splits == SPLIT_CODES.index(split)]).tolist())
        found[split] = [label for label in classes if clips.names.index(label) not in present]
    return {split: labels for split, labels in found.items() if labels}


def held_words(clips: LabelledClips, splits: Splits | None, settings: DataSettings) -> dict[str, str]:
    """The other words held out of training (see :func:`~kws_tfmot.data.held_out_words.held_out_words`).

    A user's own recordings of other words all train, as there are never too many of them; where clips of
    ``_unknown_`` bear no word none can be held out.
    """
    words = clips.table.words
    unknown = clips.unknown
    known = np.zeros(len(words), np.int64) if splits is None else np.maximum(splits, 0).astype(np.int64)
    pairs, sizes = np.unique(words.codes[unknown] * np.int64(_BASE) + known[unknown], return_counts=True)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for pair, size in zip(pairs.tolist(), sizes.tolist(), strict=True):
        counts[words.names[pair // _BASE]][SPLIT_CODES[pair % _BASE]] += size
    if UNKNOWN in counts:
        return {}
    keep = {words.names[code] for code in np.unique(words.codes[unknown & clips.table.recorded])}
    chosen = {word: found for word, found in counts.items() if word not in keep}
    return held_out_words(chosen, settings.held_out_words, settings.seed)


def misplaced(clips: LabelledClips, splits: Splits, held: Mapping[str, str]) -> npt.NDArray[np.bool_]:
    """Which clips are of held-out words and lie outside their split: nothing may use them."""
    words = clips.table.words
    own = np.array([SPLIT_CODES.index(held.get(name, "")) for name in words.names], np.int8)[words.codes]
    return clips.unknown & (own > 0) & (own != splits)


def assign_splits(clips: LabelledClips, listed: Mapping[str, str], settings: DataSettings) -> Assigned:
    """Split of every clip that is kept, the words held out, and notes on how both were found.

    Raises:
        DataError: A split lacks a class, or a speaker would be in two splits.
    """
    notes: list[str] = []
    reason = ""
    table = clips.table
    if settings.split != "percent" and (table.splits > 0).all():
        _refuse_crossing(table, table.splits, "the set's own splits put", "Use split: percent.")
        kept = _checked(clips, table.splits, settings, SPLITS, notes)
        return Assigned(kept, held_words(clips, kept, settings), notes)
    if settings.split in ("auto", "official"):
        official = official_splits(table, listed)
        reason = _why_not_official(clips, official, settings)
        if not reason or settings.split == "official":
            _refuse_crossing(table, official, "the split lists put", "Correct the lists, or use split: percent.")
            notes.append(f"split by {'the list files' if listed else 'the SHA-1 of the speaker (10 % / 10 %)'}")
            kept = _checked(clips, official, settings, SPLITS, notes)
            return Assigned(kept, held_words(clips, kept, settings), notes)
    shares = " / ".join(f"{value:g}" for value in settings.percent)
    notes.append(f"split by speaker hash, {shares} % for train / validation / test" + (f": {reason}" if reason else ""))
    wanted = [name for name, value in zip(SPLITS, settings.percent, strict=True) if value > 0]
    held = {word: split for word, split in held_words(clips, None, settings).items() if split in wanted}
    splits = by_percent(clips, settings.percent, settings.seed, held)
    _refuse_crossing(table, splits, "the percentages put", "Give every speaker one name.")
    return Assigned(_checked(clips, splits, settings, wanted, notes), held, notes)


def _refuse_crossing(table: SourceTable, splits: Splits, who: str, way_out: str) -> None:
    if crossing := crossing_speakers(table, splits):
        raise DataError(f"{who} {len(crossing)} speakers into two splits: {crossing[:5]}", way_out)


def _why_not_official(clips: LabelledClips, official: Splits, settings: DataSettings) -> str:
    if crossing := crossing_speakers(clips.table, official):
        return f"the list files put {len(crossing)} speakers into two splits"
    missing = missing_classes(clips, drop_crossing_audio(official, clips.same), settings, SPLITS)
    if missing:
        split, labels = next(iter(missing.items()))
        return f"the official rule leaves {split} without {', '.join(labels)}"
    return ""


def _checked(
    clips: LabelledClips, splits: Splits, settings: DataSettings, wanted: Sequence[str], notes: list[str]
) -> Splits:
    kept = drop_crossing_audio(splits, clips.same)
    dropped = np.flatnonzero((kept == DROPPED) & (splits != DROPPED))
    if len(dropped):
        some = [clips.table.paths[row] for row in dropped[:3].tolist()]
        notes.append(f"{len(dropped)} clips left out because the same audio lies in another split: {some}")
    missing = missing_classes(clips, kept, settings, wanted)
    if missing:
        text = "; ".join(f"{split} has no clip of {', '.join(labels)}" for split, labels in missing.items())
        raise DataError(f"a split lacks a class: {text}"
                        + (f" ({len(dropped)} clips were duplicates of another split)" if len(dropped) else ""),
                        "Add clips of more speakers, use split: percent (with another seed), or leave the keyword out"
                        f" (for {UNKNOWN} also unknown_share: 0; {SILENCE} is always made).")  # fmt: skip
    return kept
