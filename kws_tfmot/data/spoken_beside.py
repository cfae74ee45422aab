"""Synthesised speech that trains beside a folder of recordings: more voices of its keywords, and other words.

Few hundred recordings of a word are few voices. Synthesised ones say it in others; they train alone, so that validation
and test stay recordings of people.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kws_tfmot.data.audio import Decoded, decode_clip
from kws_tfmot.data.build_index import joined
from kws_tfmot.data.clip_folder import FolderListing, list_folder
from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.source_table import SPLIT_CODES, SourceClip, table_of
from kws_tfmot.data.splits import labelled
from kws_tfmot.data.store import AudioStore, Progress, cached_store, read_noises, store_key
from kws_tfmot.data.synthetic import missing_engines, render, unknown_words

PREFIX = "_spoken_"


class Spoken(NamedTuple):
    """Rendered clips: their folder, the clips (paths relative to it), and what a person should know."""

    folder: Path
    clips: tuple[SourceClip, ...]
    notes: tuple[str, ...]


def speak_beside(
    listing: FolderListing, settings: DataSettings, cache: Path, progress: Progress | None = None
) -> Spoken:
    """Render keywords, and other words that the recordings do not have, as ``settings.synthetic`` says.

    Words that are recorded stay recordings, so that those held out of training are not heard by another door.

    Raises:
        DataError: As :func:`~kws_tfmot.data.synthetic.render`.
    """
    recorded = {word.casefold() for word in listing.folders}
    others = tuple(word for word in unknown_words(settings) if word.casefold() not in recorded)
    synthetic = settings.synthetic.model_copy(update={"unknown_words": others, "near_words": 0})
    folder = render(settings.model_copy(update={"synthetic": synthetic}), cache, progress)
    wanted = {*settings.keywords, *others}
    clips = tuple(clip for clip in list_folder(folder, r"([0-9a-f]+)_nohash").clips if clip.word in wanted)
    note = f"{len(clips)} clips are synthesised speech, which trains beside the recordings and tests nothing"
    return Spoken(folder, clips, (note, *missing_engines(settings)))


def joint_store(
    listing: FolderListing, spoken: Spoken, settings: DataSettings, cache: Path, progress: Progress | None = None
) -> AudioStore:
    """Recordings and rendered clips in one store, these under paths that begin with :data:`PREFIX`."""
    rate, length = settings.sample_rate, settings.clip_samples
    root = listing.root
    key = store_key("beside", str(root.resolve()), listing.key, spoken.folder.name, rate, length)

    def decoded() -> Iterator[tuple[str, Decoded]]:
        """Path and int16 samples of each recording, then of each synthesised clip."""
        for clip in listing.clips:
            yield clip.path, decode_clip(root / clip.path, rate, length)
        for clip in spoken.clips:
            yield _path(clip), decode_clip(spoken.folder / clip.path, rate, length)

    total = len(listing.clips) + len(spoken.clips)
    return cached_store(key, decoded, lambda: read_noises(root, listing.noises, rate), total, length, cache, progress)


def with_spoken(index: ClipIndex, spoken: Spoken, store: AudioStore) -> ClipIndex:
    """``index`` of the recordings alone, over a :func:`joint_store`, with the rendered clips in ``train``.

    Recordings are marked as such, so that ``augment.recorded_share`` mixes the two.
    """
    recorded = index.clips.recordings()
    clips = [SourceClip(_path(clip), clip.word, f"{PREFIX}{clip.speaker}") for clip in spoken.clips]
    splits = np.full(len(clips), SPLIT_CODES.index("train"), np.int8)
    together = joined(recorded, labelled(table_of(clips), index.settings.keywords), splits, store)
    return dataclasses.replace(index, clips=together, notes=(*index.notes, *spoken.notes), sums={})


def _path(clip: SourceClip) -> str:
    return f"{PREFIX}/{clip.path}"
