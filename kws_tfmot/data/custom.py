"""Custom keywords: synthesised speech mixed with a user's own recordings, the recordings kept for the test if they can.

Recordings never cross splits by speaker (by file where nobody names a speaker). With at least :data:`TEST_FROM`
utterances of every keyword by :data:`GROUPS_FROM` groups, the keywords of the test are recordings alone; with fewer,
all of them train, and the test says something about synthetic speech only.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.data.audio import Decoded, decode_clip, fit_clip
from kws_tfmot.data.build_index import build_index
from kws_tfmot.data.clip_folder import list_folder
from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.espeak_library import SpokenText, speak_all
from kws_tfmot.data.labels import UNKNOWN, label_of
from kws_tfmot.data.own_recordings import OwnRecordings, groups_of, joined, read_recordings
from kws_tfmot.data.rooms import trim
from kws_tfmot.data.source_table import SPLIT_CODES, SourceClip, table_of
from kws_tfmot.data.speakers import percent_splits
from kws_tfmot.data.speech.espeak import accents_of
from kws_tfmot.data.speech.scripts import check_script
from kws_tfmot.data.splits import by_percent, held_words, labelled
from kws_tfmot.data.store import Progress, cached_store, read_noises, store_key
from kws_tfmot.data.synthetic import missing_engines, render
from kws_tfmot.errors import DataError

TEST_FROM = 20  # utterances of every keyword
GROUPS_FROM = 4  # speakers or files of every keyword
_TEST_LEAST = 5  # utterances of every keyword in the test, below which the split is not used
_PERCENT = (60.0, 15.0, 25.0)
_LONGEST_MS = 4000
_SLOWEST = 125  # words a minute, as in the rendered data
_MARGIN_MS = 200
_PROBED_VOICES = ("", "+m3", "+f2", "+croak")


def prepare_custom(
    spec: str, roots: Sequence[Path], settings: DataSettings, cache: Path, progress: Progress | None = None
) -> ClipIndex:
    """The index of synthetic speech together with the recordings in ``roots``.

    Raises:
        DataError: As :func:`~kws_tfmot.data.own_recordings.read_recordings` and
            :func:`~kws_tfmot.data.synthetic.render`.
    """
    more = [read_recordings(root, settings, others_alone=len(roots) > 1) for root in roots]
    own = joined(more, settings.keywords) if more[1:] else more[0]
    folder = render(settings, cache, progress)
    spoken = list_folder(folder, r"([0-9a-f]+)_nohash")  # the setting's pattern is for the recordings
    recorded = [
        SourceClip(f"recorded/{one.path}", one.word, f"rec:{one.speaker}" if one.speaker else "", "", True)
        for one in own.utterances
    ]
    digests = [hashlib.sha256(one.samples.tobytes()).hexdigest() for one in own.utterances]
    noise_digests = [(name, hashlib.sha256(samples.tobytes()).hexdigest()) for name, samples in own.background]
    key = store_key("custom", str(folder.name), [clip.path for clip in recorded], digests, noise_digests)

    def decoded() -> Iterator[tuple[str, Decoded]]:
        """Path and int16 samples of each synthesised clip, then of each recording."""
        for clip in spoken.clips:
            yield clip.path, decode_clip(folder / clip.path, settings.sample_rate, settings.clip_samples)
        for clip, one in zip(recorded, own.utterances, strict=True):
            yield clip.path, fit_clip(one.samples, settings.sample_rate, settings.sample_rate, settings.clip_samples)

    def noises() -> tuple[list[tuple[str, Any]], list[str]]:
        """Noises by name, made and recorded, and what was said about them."""
        made, notes = read_noises(folder, spoken.noises, settings.sample_rate)
        return [*made, *((f"recorded/{name}", samples) for name, samples in own.background)], notes

    total = len(spoken.clips) + len(recorded)
    store = cached_store(key, decoded, noises, total, settings.clip_samples, cache, progress)
    clips, notes = _split(list(spoken.clips), recorded, own, settings)
    table = table_of(clips)
    return build_index(spec, settings, lambda: table, {}, store, [*missing_engines(settings), *own.notes, *notes])


def _split(
    spoken: list[SourceClip], recorded: list[SourceClip], own: OwnRecordings, settings: DataSettings
) -> tuple[list[SourceClip], list[str]]:
    """Every clip with its split, and notes that say what the test is made of."""
    if settings.split == "all":
        return spoken + recorded, []
    labels = {clip.path: label_of(clip.word, settings.keywords) for clip in spoken}
    clips = labelled(table_of(spoken), settings.keywords)
    splits = by_percent(clips, settings.percent, settings.seed, held_words(clips, None, settings))
    split_of = {clip.path: SPLIT_CODES[code] for clip, code in zip(spoken, splits.tolist(), strict=True)}
    groups = split_groups(own, settings)
    names = "speaker" if all(one.speaker for one in own.utterances) else "file"
    if not groups:
        fewest = min(settings.keywords, key=own.count)
        note = (
            f"all {len(recorded)} recordings train: a test of recordings needs {TEST_FROM} utterances of every keyword "
            f"by {GROUPS_FROM} speakers or files, and {fewest!r} has {own.count(fewest)}; the test is synthetic speech"
        )
        kept = [clip._replace(split=split_of[clip.path]) for clip in spoken]
        return kept + [clip._replace(split="train") for clip in recorded], [note]
    own_split = [groups[one.group] for one in own.utterances]
    others = any(
        split == "test" and one.word not in settings.keywords
        for one, split in zip(own.utterances, own_split, strict=True)
    )
    kept = _spoken_beside_recordings(spoken, split_of, labels, others)
    note = f"the keywords of the test are recordings alone, split by {names}; synthetic voices train and validate"
    notes = [note] if others else [note, "no recordings of other words in the test: its _unknown_ is synthetic speech"]
    if names == "file":
        notes.append("some recordings name no speaker: the test may hold voices that have trained, and flatter")
    return kept + [clip._replace(split=split) for clip, split in zip(recorded, own_split, strict=True)], notes


def _spoken_beside_recordings(
    spoken: Sequence[SourceClip], split_of: dict[str, str], labels: dict[str, str], others: bool
) -> list[SourceClip]:
    """Synthetic clips when the test is recorded: test voices train, or, where other words are lacking, say these."""
    kept = []
    for clip in spoken:
        split = split_of[clip.path]
        if split == "test" and others:
            split = "train"
        elif split == "test" and labels[clip.path] != UNKNOWN:
            continue
        kept.append(clip._replace(split=split))
    return kept


def split_groups(own: OwnRecordings, settings: DataSettings) -> dict[str, str]:
    """Split of every speaker or file, 60 / 15 / 25 %; empty where there are too few for a test of their own."""
    groups = groups_of(own.utterances)
    for word in settings.keywords:
        if own.count(word) < TEST_FROM or sum(bool(words[word]) for words in groups.values()) < GROUPS_FROM:
            return {}
    found = percent_splits(groups, _PERCENT, settings.seed)
    tested: Counter[str] = Counter()
    trained: Counter[str] = Counter()
    for group, words in groups.items():
        (tested if found[group] == "test" else trained if found[group] == "train" else Counter()).update(words)
    enough = all(tested[word] >= _TEST_LEAST and trained[word] for word in settings.keywords)
    return found if enough else {}


def needed_clip_ms(keywords: Sequence[str], at_least: int = 1000, language: str = "en") -> int:
    """The length of clip, in whole tenths of a second, that holds every keyword when it is said slowly.

    Raises:
        DataError: A keyword takes longer than 4 s, or cannot be spoken.
        RecipeError: The voices of the language would spell a keyword out.
    """
    for word in keywords:
        check_script(word, language)
    voices = [f"{accent}{variant}" for accent in accents_of(language)[::4] for variant in _PROBED_VOICES]
    utterances = [SpokenText(word, voice, rate=_SLOWEST) for word in keywords for voice in voices]
    said, rate = speak_all(utterances)
    longest = at_least
    for i, word in enumerate(keywords):
        takes = said[i * len(voices) : (i + 1) * len(voices)]
        lengths = [1000 * len(trim(take.astype(np.float32))) / rate for take in takes if np.any(take)]
        if not lengths:
            raise DataError(f"eSpeak NG makes no sound of {word!r}", "Choose a word that can be spoken.")
        needed = float(np.median(lengths)) + _MARGIN_MS
        if needed > _LONGEST_MS:
            raise DataError(f"the keyword {word!r} takes {needed / 1000:.1f} s to say; up to {_LONGEST_MS / 1000:g} s "
                            "can be spotted.", "Choose a shorter phrase.")  # fmt: skip
        longest = max(longest, int(-(-needed // 100) * 100))
    return longest
