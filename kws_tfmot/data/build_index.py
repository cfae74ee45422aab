"""Listed and decoded clips of any source -> a :class:`~kws_tfmot.data.index.ClipIndex`: checked, split, classed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kws_tfmot.data.folder import SourceClip, list_folder
from kws_tfmot.data.held_out_words import NARROW_WORDS
from kws_tfmot.data.index import Clip, ClipIndex, MadeClips
from kws_tfmot.data.labels import SILENCE, UNKNOWN, class_labels, label_of, same_name
from kws_tfmot.data.noise import NoiseBank
from kws_tfmot.data.selection import balanced_choice
from kws_tfmot.data.settings import DataSettings
from kws_tfmot.data.silence import silence_clips
from kws_tfmot.data.splits import Assigned, assign_splits, misplaced
from kws_tfmot.data.store import AudioStore, Progress, folder_store
from kws_tfmot.errors import DataError, did_you_mean


def prepare_folder(
    spec: str, root: Path, settings: DataSettings, cache: Path, progress: Progress | None = None
) -> ClipIndex:
    """:func:`prepare` for a folder in the layout of Speech Commands."""
    listing = list_folder(root, settings.speaker_pattern, settings.keywords)
    labels = {clip.path: label_of(clip.word, settings.keywords) for clip in listing.clips}
    notes = [*listing.notes, *check_keywords(settings, list(listing.folders), set(labels.values()), str(root))]
    if settings.spoken and settings.split != "all" and spec.startswith("folder:"):
        from kws_tfmot.data.spoken_beside import joint_store, speak_beside, with_spoken

        spoken = speak_beside(listing, settings, cache, progress)
        store = joint_store(listing, spoken, settings, cache, progress)
        return with_spoken(build_index(spec, settings, listing.clips, listing.listed, store, notes), spoken)
    store = folder_store(
        root,
        tuple(clip.path for clip in listing.clips),
        listing.noises,
        listing.stamps,
        settings.sample_rate,
        settings.clip_samples,
        cache,
        progress,
    )
    return build_index(spec, settings, listing.clips, listing.listed, store, notes)


def check_keywords(settings: DataSettings, words: Sequence[str], found: set[str], where: str) -> list[str]:
    """Refuse keywords that have no clip; in an evaluation (split ``all``) note them, if any keyword is there."""
    missing = [word for word in settings.keywords if word not in found]
    if not missing:
        return []
    known = [same_name(word) for word in words if not word.startswith("_")]
    if settings.split == "all" and len(missing) < len(settings.keywords):
        return [f"no clip of: {', '.join(missing)}"]
    guesses = "".join(did_you_mean(word, known) for word in missing)
    raise DataError(
        f"no clip of {', '.join(map(repr, missing))} in {where!r}.{guesses} "
        f"Words there: {', '.join(known[:40]) or 'none'}{' ...' if len(known) > 40 else ''}.",
        "Choose the keywords among them (--keywords), or add a folder of clips for each.",
    )


def build_index(
    spec: str,
    settings: DataSettings,
    source: Sequence[SourceClip],
    listed: Mapping[str, str],
    store: AudioStore,
    notes: Sequence[str] = (),
) -> ClipIndex:
    """Put decoded clips of any source into splits and classes, and make the silence of the evaluation splits."""
    check_corrupt(store, settings)
    clips = [clip for clip in source if clip.path in store.rows]
    labels = {clip.path: label_of(clip.word, settings.keywords) for clip in clips}
    remarks = [*notes, *store.notes]
    if store.corrupt:
        remarks.append(
            f"{len(store.corrupt)} corrupt clips left out: {', '.join(path for path, _ in store.corrupt[:5])}"
        )
    emptied = [word for word in settings.keywords if word not in labels.values()]
    if emptied and settings.split != "all":
        raise DataError(f"every clip of {', '.join(map(repr, emptied))} is corrupt: {store.corrupt[:3]}",
                        "Replace the files, or leave the keyword out.")  # fmt: skip
    digests = {path: store.digests[row] for path, row in store.rows.items()}
    remarks += _speaker_notes(clips, settings) + _double_label_notes(labels, digests)
    if settings.split == "all":
        assigned = Assigned(dict.fromkeys(labels, "all"), {}, [])
    else:
        assigned = assign_splits(clips, listed, digests, labels, settings)
    remarks += assigned.notes + _held_notes(assigned.held)
    chosen = _mark_used(clips, assigned, labels, settings)
    noise = NoiseBank(store.noise, store.noise_spans, settings.clip_samples, settings.sample_rate)
    made, noise_notes = _make_silence(chosen, noise, settings)
    return ClipIndex(
        source=spec,
        settings=settings,
        labels=class_labels(settings.keywords),
        clips=tuple(chosen),
        notes=tuple(remarks + noise_notes),
        corrupt=store.corrupt,
        noise=noise,
        made=made,
        store=store.audio,
        rows=store.rows,
        digests=digests,
    )


def check_corrupt(store: AudioStore, settings: DataSettings) -> None:
    """Refuse a data set of which more than ``max_corrupt_share`` cannot be read."""
    total = len(store.rows) + len(store.corrupt)
    if len(store.corrupt) > settings.max_corrupt_share * total:
        listing = "\n".join(f"  {path}: {reason}" for path, reason in store.corrupt[:10])
        raise DataError(
            f"{len(store.corrupt)} of {total} clips are corrupt, more than the {settings.max_corrupt_share:.2%} allowed"
            f":\n{listing}",
            "Replace or delete these files, or raise max_corrupt_share.",
        )


def _speaker_notes(clips: Sequence[SourceClip], settings: DataSettings) -> list[str]:
    spoken = [clip for clip in clips if clip.word != SILENCE]
    nameless = sum(not clip.speaker for clip in spoken)
    if not nameless or all(clip.split for clip in clips):
        return []
    which = "no clip names" if nameless == len(spoken) else f"{nameless} of {len(spoken)} clips do not name"
    effect = "" if settings.split == "all" else ": these are split clip by clip, so one voice may be in several splits"
    return [f"{which} a speaker that {settings.speaker_pattern!r} finds{effect}"]


def _double_label_notes(labels: Mapping[str, str], digests: Mapping[str, str]) -> list[str]:
    classes: dict[str, set[str]] = {}
    for path, label in labels.items():
        if digests[path]:
            classes.setdefault(digests[path], set()).add(label)
    double = [path for path in labels if len(classes.get(digests[path], ())) > 1]
    return (
        [f"{len(double)} clips lie in folders of different classes with the same audio: {double[:4]}"] if double else []
    )


def _held_notes(held: Mapping[str, str]) -> list[str]:
    words = {split: sorted(word for word, own in held.items() if own == split) for split in ("validation", "test")}
    return [
        f"{len(found)} other words are held out for {split}: {', '.join(found[:12])}{' ...' if len(found) > 12 else ''}"
        for split, found in words.items()
        if found
    ]


def _mark_used(
    clips: Sequence[SourceClip], assigned: Assigned, labels: Mapping[str, str], settings: DataSettings
) -> list[Clip]:
    unfit = misplaced(clips, assigned.split_of, labels, assigned.held)
    result = [
        Clip(c.path, c.word, c.speaker, assigned.split_of[c.path], labels[c.path], c.path not in unfit, c.recorded)
        for c in clips
        if c.path in assigned.split_of
    ]
    for split in ("validation", "test"):
        unknown = [(c.path, c.word) for c in result if c.split == split and c.label == UNKNOWN and c.used]
        # A folder that brings _unknown_ clips has chosen them already.
        if not unknown or any(word == UNKNOWN for _, word in unknown):
            continue
        count = round(settings.unknown_share * _mean_keyword_clips(result, split, settings))
        unheard = [one for one in unknown if one[1] in assigned.held]
        if len({word for _, word in unheard}) < NARROW_WORDS:
            unheard = []  # too few to stand for all words alone
        taken = balanced_choice(unheard, count, settings.seed)
        rest = [one for one in unknown if one[0] not in taken]
        taken |= balanced_choice(rest, count - len(taken), settings.seed)
        left = {path for path, _ in unknown} - taken
        result = [clip._replace(used=False) if clip.path in left else clip for clip in result]
    return sorted(result)


def _mean_keyword_clips(clips: Sequence[Clip], split: str, settings: DataSettings) -> float:
    counts = Counter(clip.label for clip in clips if clip.split == split and clip.used)
    present = [counts[word] for word in settings.keywords if counts[word]]
    return sum(present) / len(present) if present else 0.0


def _make_silence(
    clips: Sequence[Clip], noise: NoiseBank, settings: DataSettings
) -> tuple[dict[str, MadeClips], list[str]]:
    """Silence for the splits that are evaluated and bring none; for split ``all`` only from recorded noise."""
    notes: list[str] = []
    made: dict[str, MadeClips] = {}
    has_own = {clip.split for clip in clips if clip.label == SILENCE}
    if not noise.stretches("train") and not has_own:
        notes.append("no background noise recordings: silence and noise come from generated noise alone")
    for split in dict.fromkeys(clip.split for clip in clips):
        if split == "train" or split in has_own:
            continue
        if split == "all" and not noise.stretches("all"):
            notes.append("no clip of _silence_: the folder has neither such clips nor background noise to make them of")
            continue
        count = round(settings.silence_share * _mean_keyword_clips(clips, split, settings))
        rng = np.random.default_rng([settings.seed, *split.encode("ascii")])
        audio, names = silence_clips(rng, noise, split, count)
        made[split] = MadeClips(audio, tuple(names))
    return made, notes
