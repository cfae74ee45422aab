"""The listing of a large folder, kept: a command then looks at folders and a few files, not at millions of them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.damage import DAMAGE
from kws_tfmot.data.clip_folder import FolderListing, list_folder, read_lists
from kws_tfmot.data.columns import Coded, Strings, map_columns, numbers, write_columns
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.source_table import SourceTable
from kws_tfmot.data.store import store_key
from kws_tfmot.files import staged_folder

KEEP_FROM = 50_000
"""Clips from which a listing is kept; below it every command looks at each file."""
_LOOKED_AT = 500  # files of a kept listing, another draw each time
_SETTLED = 2e9  # ns: what changed just before it was listed may change again within the clock's step
_RECORD, _CLIPS, _NAMES = "listing.json", "listing.arrow", ("words", "speakers")


def listing_of(root: Path, settings: DataSettings, cache: Path, every_file: bool) -> FolderListing:
    """:func:`~kws_tfmot.data.clip_folder.list_folder` of ``root``, from ``cache`` where no folder has changed.

    A file that is written anew in its place changes no folder: 500 files drawn at random are looked at, and each of
    them with ``every_file``.
    """
    try:
        where = str(root.resolve())
    except (OSError, ValueError, RuntimeError):  # list_folder says what is wrong with it
        where = str(root)
    folder = cache / f"listing-{store_key(where, settings.speaker_pattern, settings.keywords)}"
    if not every_file and (kept := _read(root, folder)) is not None:
        return kept
    began = time.time_ns()
    listing = list_folder(root, settings.speaker_pattern, settings.keywords)
    if len(listing.clips) >= KEEP_FROM and all(changed < began - _SETTLED for _, changed in listing.places):
        _keep(folder, listing)
    return listing


def _keep(folder: Path, listing: FolderListing) -> None:
    table = listing.clips
    try:
        if folder.is_dir():
            (folder / _RECORD).unlink(missing_ok=True)
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        with staged_folder(folder) as staged:
            write_columns(staged / _CLIPS, {
                "path": table.paths.array, "word": table.words.codes, "speaker": table.speakers.codes,
                "split": table.splits, "recorded": table.recorded.astype(np.uint8),
            })  # fmt: skip
            for name, values in zip(_NAMES, (table.words.names, table.speakers.names), strict=True):
                write_columns(staged / f"{name}.arrow", {"name": Strings.of(values).array})
            record = {"noises": listing.noises, "folders": listing.folders, "key": listing.key,
                      "places": listing.places, "notes": listing.notes, "sample": list(_sample(listing))}  # fmt: skip
            (staged / _RECORD).write_text(json.dumps(record))
    except OSError:  # a cache that cannot be written is no obstacle
        return


def _sample(listing: FolderListing) -> Iterator[tuple[str, int, int]]:
    """Path, size and time of change of up to 40 times as many files as are looked at."""
    count = len(listing.clips)
    for row in sorted(random.Random(listing.key).sample(range(count), min(count, 40 * _LOOKED_AT))):
        path = listing.clips.paths[row]
        state = (listing.root / path).stat()
        yield path, state.st_size, state.st_mtime_ns


def _read(root: Path, folder: Path) -> FolderListing | None:
    try:
        record = json.loads((folder / _RECORD).read_text())
        if not _unchanged(root, record):
            return None
        batch = map_columns(folder / _CLIPS)
        words, speakers = (Strings(map_columns(folder / f"{name}.arrow").column("name")) for name in _NAMES)
        table = SourceTable(
            Strings(batch.column("path")),
            Coded(numbers(batch.column("word")), list(words)),
            Coded(numbers(batch.column("speaker")), speakers),
            numbers(batch.column("split")),
            numbers(batch.column("recorded")).view(bool),
        )
        places = tuple((place, changed) for place, changed in record["places"])
        texts = (tuple(record[name]) for name in ("noises", "folders", "notes"))
        noises, folders, notes = texts
        return FolderListing(root, table, noises, read_lists(root), folders, record["key"], places, notes)
    except DAMAGE:
        return None


def _unchanged(root: Path, record: dict[str, Any]) -> bool:
    if any((root / place).stat().st_mtime_ns != changed for place, changed in record["places"]):
        return False
    sample = record["sample"]
    for path, size, changed in random.sample(sample, min(len(sample), _LOOKED_AT)):
        state = (root / path).stat()
        if (state.st_size, state.st_mtime_ns) != (size, changed):
            return False
    return True
