"""Which clip belongs to which split, and the checks that nothing crosses from one to another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kws_tfmot.data.folder import SourceClip, clip_key
from kws_tfmot.data.held_out_words import held_out_words
from kws_tfmot.data.labels import SILENCE, SPLITS, UNKNOWN
from kws_tfmot.data.settings import DataSettings
from kws_tfmot.data.speakers import official_split, percent_splits
from kws_tfmot.errors import DataError

_KEEP_ORDER = {"test": 0, "validation": 1, "train": 2}


class Assigned(NamedTuple):
    """Split of every clip that is kept, the other words held out for a split of their own, and notes."""

    split_of: dict[str, str]
    held: dict[str, str]
    notes: list[str]


def voice(clip: SourceClip) -> str:
    """What must not cross splits: the speaker, or the clip itself where no speaker is known."""
    return clip.speaker or f"clip:{clip_key(clip.path)}"


def official_splits(clips: Iterable[SourceClip], listed: Mapping[str, str]) -> dict[str, str]:
    """Split of every path: from the list files where there are any, else by the published hash rule."""
    if listed:
        return {clip.path: listed.get(clip_key(clip.path), "train") for clip in clips}
    # The published rule hashes the whole file name where it finds no speaker.
    return {clip.path: official_split(clip.speaker or clip.path.rsplit("/", 1)[-1]) for clip in clips}


def by_percent(
    clips: Sequence[SourceClip],
    label_of: Mapping[str, str],
    percent: Sequence[float],
    seed: int,
    held: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Split of every path, speakers whole, every class in the given percentages as far as that goes.

    ``held`` are the other words that belong to one split alone: their speakers go there as far as that goes. With them
    every word counts as a class, so that rare ones do not leave training with their few speakers.
    """
    clips_of: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        by_word = held and label_of[clip.path] == UNKNOWN
        clips_of[voice(clip)][clip.word if by_word else label_of[clip.path]] += 1
    split_of = percent_splits(clips_of, percent, seed, held)
    return {clip.path: split_of[voice(clip)] for clip in clips}


def crossing_speakers(clips: Iterable[SourceClip], split_of: Mapping[str, str]) -> list[str]:
    """Speakers with clips in more than one split, sorted."""
    seen: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        if clip.speaker:
            seen[clip.speaker].add(split_of[clip.path])
    return sorted(speaker for speaker, splits in seen.items() if len(splits) > 1)


def drop_crossing_audio(split_of: dict[str, str], digest_of: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Leave identical audio in one split only: test before validation before train.

    Args:
        split_of: Split of every path.
        digest_of: Hash of the samples of every path; empty (all zeros) is exempt.

    Returns:
        The splits without the dropped paths, and the dropped paths.

    >>> drop_crossing_audio({"a": "train", "b": "test"}, {"a": "x", "b": "x"})
    ({'b': 'test'}, ['a'])
    """
    keeper: dict[str, str] = {}
    for path, split in split_of.items():
        digest = digest_of[path]
        if digest and (digest not in keeper or _KEEP_ORDER[split] < _KEEP_ORDER[keeper[digest]]):
            keeper[digest] = split
    dropped = [path for path, split in split_of.items() if digest_of[path] and keeper[digest_of[path]] != split]
    gone = set(dropped)
    return {path: split for path, split in split_of.items() if path not in gone}, dropped


def missing_classes(
    split_of: Mapping[str, str], label_of: Mapping[str, str], settings: DataSettings, wanted: Sequence[str]
) -> dict[str, list[str]]:
    """The classes that each wanted split has no clip of; ``_silence_`` can always be made and is not asked for."""
    counts = Counter((split_of[path], label_of[path]) for path in split_of)
    classes = [*settings.keywords, *([UNKNOWN] if settings.unknown_share > 0 else [])]
    found = {split: [label for label in classes if not counts[split, label]] for split in wanted}
    return {split: labels for split, labels in found.items() if labels}


def held_words(
    clips: Iterable[SourceClip], split_of: Mapping[str, str], label_of: Mapping[str, str], settings: DataSettings
) -> dict[str, str]:
    """The other words held out of training (see :func:`~kws_tfmot.data.held_out_words.held_out_words`).

    A user's own recordings of other words all train, as there are never too many of them; where clips of
    ``_unknown_`` bear no word none can be held out.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    keep: set[str] = set()
    for clip in clips:
        if label_of[clip.path] == UNKNOWN:
            counts[clip.word][split_of.get(clip.path, "")] += 1
            if clip.recorded:
                keep.add(clip.word)
    if UNKNOWN in counts:
        return {}
    chosen = {word: found for word, found in counts.items() if word not in keep}
    return held_out_words(chosen, settings.held_out_words, settings.seed)


def misplaced(
    clips: Iterable[SourceClip], split_of: Mapping[str, str], label_of: Mapping[str, str], held: Mapping[str, str]
) -> set[str]:
    """Clips of held-out words that lie outside their split: nothing may use them."""
    return {
        clip.path
        for clip in clips
        if clip.path in split_of and label_of[clip.path] == UNKNOWN
        if held.get(clip.word, split_of[clip.path]) != split_of[clip.path]
    }


def assign_splits(
    clips: Sequence[SourceClip],
    listed: Mapping[str, str],
    digest_of: Mapping[str, str],
    label_of: Mapping[str, str],
    settings: DataSettings,
) -> Assigned:
    """Split of every clip that is kept, the words held out, and notes on how both were found.

    Raises:
        DataError: A split lacks a class, or a speaker would be in two splits.
    """
    notes: list[str] = []
    reason = ""
    if settings.split != "percent" and all(clip.split for clip in clips):
        own = {clip.path: clip.split for clip in clips}
        _refuse_crossing(clips, own, "the set's own splits put", "Use split: percent.")
        kept = _checked(own, digest_of, label_of, settings, SPLITS, notes)
        return Assigned(kept, held_words(clips, kept, label_of, settings), notes)
    if settings.split in ("auto", "official"):
        official = official_splits(clips, listed)
        reason = _why_not_official(clips, official, digest_of, label_of, settings)
        if not reason or settings.split == "official":
            _refuse_crossing(clips, official, "the split lists put", "Correct the lists, or use split: percent.")
            notes.append(f"split by {'the list files' if listed else 'the SHA-1 of the speaker (10 % / 10 %)'}")
            kept = _checked(official, digest_of, label_of, settings, SPLITS, notes)
            return Assigned(kept, held_words(clips, kept, label_of, settings), notes)
    shares = " / ".join(f"{value:g}" for value in settings.percent)
    notes.append(f"split by speaker hash, {shares} % for train / validation / test" + (f": {reason}" if reason else ""))
    wanted = [name for name, value in zip(SPLITS, settings.percent, strict=True) if value > 0]
    held = {word: split for word, split in held_words(clips, {}, label_of, settings).items() if split in wanted}
    split_of = by_percent(clips, label_of, settings.percent, settings.seed, held)
    _refuse_crossing(clips, split_of, "the percentages put", "Give every speaker one name.")
    return Assigned(_checked(split_of, digest_of, label_of, settings, wanted, notes), held, notes)


def _refuse_crossing(clips: Sequence[SourceClip], split_of: Mapping[str, str], who: str, way_out: str) -> None:
    if crossing := crossing_speakers(clips, split_of):
        raise DataError(f"{who} {len(crossing)} speakers into two splits: {crossing[:5]}", way_out)


def _why_not_official(
    clips: Sequence[SourceClip],
    official: dict[str, str],
    digest_of: Mapping[str, str],
    label_of: Mapping[str, str],
    settings: DataSettings,
) -> str:
    if crossing := crossing_speakers(clips, official):
        return f"the list files put {len(crossing)} speakers into two splits"
    missing = missing_classes(drop_crossing_audio(official, digest_of)[0], label_of, settings, SPLITS)
    if missing:
        split, labels = next(iter(missing.items()))
        return f"the official rule leaves {split} without {', '.join(labels)}"
    return ""


def _checked(
    split_of: dict[str, str],
    digest_of: Mapping[str, str],
    label_of: Mapping[str, str],
    settings: DataSettings,
    wanted: Sequence[str],
    notes: list[str],
) -> dict[str, str]:
    kept, dropped = drop_crossing_audio(split_of, digest_of)
    if dropped:
        notes.append(f"{len(dropped)} clips left out because the same audio lies in another split: {dropped[:3]}")
    missing = missing_classes(kept, label_of, settings, wanted)
    if missing:
        text = "; ".join(f"{split} has no clip of {', '.join(labels)}" for split, labels in missing.items())
        raise DataError(f"a split lacks a class: {text}"
                        + (f" ({len(dropped)} clips were duplicates of another split)" if dropped else ""),
                        "Add clips of more speakers, use split: percent (with another seed), or leave the keyword out"
                        f" (for {UNKNOWN} also unknown_share: 0; {SILENCE} is always made).")  # fmt: skip
    return kept
