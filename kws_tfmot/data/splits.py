"""Which clip belongs to which split, and the checks that nothing crosses from one to another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from kws_tfmot.data.folder import SourceClip, clip_key
from kws_tfmot.data.labels import SILENCE, SPLITS, UNKNOWN
from kws_tfmot.data.settings import DataSettings
from kws_tfmot.data.speakers import official_split, percent_splits
from kws_tfmot.errors import DataError

_KEEP_ORDER = {"test": 0, "validation": 1, "train": 2}


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
    clips: Sequence[SourceClip], label_of: Mapping[str, str], percent: Sequence[float], seed: int
) -> dict[str, str]:
    """Split of every path, speakers whole, every class in the given percentages as far as that goes."""
    clips_of: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        clips_of[voice(clip)][label_of[clip.path]] += 1
    split_of = percent_splits(clips_of, percent, seed)
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


def assign_splits(
    clips: Sequence[SourceClip],
    listed: Mapping[str, str],
    digest_of: Mapping[str, str],
    label_of: Mapping[str, str],
    settings: DataSettings,
) -> tuple[dict[str, str], list[str]]:
    """Split of every clip that is kept, and notes on how it was found.

    Raises:
        DataError: A split lacks a class, or (``official``) list files put one speaker into two splits.
    """
    notes: list[str] = []
    reason = ""
    if all(clip.split for clip in clips):
        own = {clip.path: clip.split for clip in clips}
        if crossing := crossing_speakers(clips, own):
            raise DataError(f"the set's own splits put {len(crossing)} speakers into two splits: {crossing[:5]}",
                            "Use split: percent.")  # fmt: skip
        return _checked(own, digest_of, label_of, settings, SPLITS, notes), notes
    if settings.split in ("auto", "official"):
        official = official_splits(clips, listed)
        reason = _why_not_official(clips, official, digest_of, label_of, settings)
        if not reason or settings.split == "official":
            if crossing := crossing_speakers(clips, official):
                raise DataError(f"the split lists put {len(crossing)} speakers into two splits: {crossing[:5]}",
                                "Correct the lists, or use split: percent.")  # fmt: skip
            notes.append(f"split by {'the list files' if listed else 'the SHA-1 of the speaker (10 % / 10 %)'}")
            return _checked(official, digest_of, label_of, settings, SPLITS, notes), notes
    shares = " / ".join(f"{value:g}" for value in settings.percent)
    notes.append(f"split by speaker hash, {shares} % for train / validation / test" + (f": {reason}" if reason else ""))
    wanted = [name for name, value in zip(SPLITS, settings.percent, strict=True) if value > 0]
    split_of = by_percent(clips, label_of, settings.percent, settings.seed)
    return _checked(split_of, digest_of, label_of, settings, wanted, notes), notes


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
                        "Add clips of more speakers, change percent or seed, or leave the keyword out"
                        f" (for {UNKNOWN} also unknown_share: 0; {SILENCE} is always made).")  # fmt: skip
    return kept
