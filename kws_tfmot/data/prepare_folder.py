"""A folder with a subfolder a word -> its index, with synthesised speech beside the recordings where that is asked."""

from __future__ import annotations

from pathlib import Path

from kws_tfmot.data.build_index import build_index, check_keywords
from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.kept_listing import listing_of
from kws_tfmot.data.labels import label_of
from kws_tfmot.data.spoken_beside import joint_store, speak_beside, with_spoken
from kws_tfmot.data.store import Progress, folder_store


def prepare_folder(
    spec: str,
    root: Path,
    settings: DataSettings,
    cache: Path,
    progress: Progress | None = None,
    every_file: bool = False,
) -> ClipIndex:
    """:func:`prepare` for a folder in the layout of Speech Commands."""
    listing = listing_of(root, settings, cache, every_file)
    found = {label_of(word, settings.keywords) for word in listing.clips.words.names}
    notes = [*listing.notes, *check_keywords(settings, list(listing.folders), found, str(root))]
    if settings.spoken and settings.split != "all" and spec.startswith("folder:"):
        spoken = speak_beside(listing, settings, cache, progress)
        store = joint_store(listing, spoken, settings, cache, progress)
        index = build_index(spec, settings, lambda: listing.clips, listing.listed, store, notes)
        return with_spoken(index, spoken, store)
    store = folder_store(
        root,
        listing.clips.paths,
        listing.noises,
        listing.key,
        settings.sample_rate,
        settings.clip_samples,
        cache,
        progress,
    )
    return build_index(spec, settings, lambda: listing.clips, listing.listed, store, notes)
