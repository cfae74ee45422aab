"""A source and settings -> a :class:`~kws_tfmot.data.clip_index.ClipIndex`, checked before any training."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.prepare_folder import prepare_folder
from kws_tfmot.data.store import Progress
from kws_tfmot.errors import DataError, did_you_mean
from kws_tfmot.files import user_path
from kws_tfmot.spare_cache import with_spare_folder

SOURCES = ("folder:PATH", "tfds:NAME", "tfds-folder:PATH", "synthetic", "synthetic+folder:PATH")
_ANOTHER = "+folder:"


def prepare(
    spec: str,
    settings: DataSettings,
    cache_dir: str | Path,
    progress: Progress | None = None,
    every_file: bool = False,
) -> ClipIndex:
    """Read, check, split and cache the data set ``spec``; a cache that cannot be written is noted, and not used.

    Args:
        spec: ``folder:PATH`` (Speech Commands layout), ``tfds:NAME``, ``tfds-folder:PATH``, ``synthetic``, or
            ``synthetic+folder:PATH`` (a few recordings beside synthetic speech; more folders as another
            ``+folder:PATH``).
        settings: Classes, splits and clip length; ``settings.for_evaluation()`` takes every clip as one split ``all``.
        cache_dir: Where decoded audio is kept; nothing is written anywhere else, but where it cannot be written to a
            folder of this process (:func:`~kws_tfmot.spare_cache.spare_folder`).
        progress: Called with clips done and clips in all while audio is decoded.
        every_file: Look at every file of a large folder, see :mod:`~kws_tfmot.data.kept_listing`.

    Raises:
        DataError: The source is missing or unreadable, more than ``max_corrupt_share`` of the clips are corrupt, a
            keyword has no clip, or a split lacks a class.
    """
    index, note = with_spare_folder(
        Path(cache_dir), lambda cache: _prepare(spec, settings, cache, progress, every_file)
    )
    return dataclasses.replace(index, notes=(*index.notes, note)) if note else index


def _prepare(spec: str, settings: DataSettings, cache: Path, progress: Progress | None, every_file: bool) -> ClipIndex:
    kind, _, rest = spec.partition(":")
    if kind == "folder" and rest:
        return prepare_folder(spec, user_path(rest), settings, cache, progress, every_file)
    if kind in ("tfds", "tfds-folder") and rest:
        from kws_tfmot.data.tfds import prepare_tfds

        index = prepare_tfds(spec, rest, settings, cache, progress)
        note = ("data.spoken speaks beside folder: alone; nothing was synthesised",) if settings.spoken else ()
        return dataclasses.replace(index, notes=(*index.notes, *note))
    if spec == "synthetic":
        from kws_tfmot.data.synthetic import missing_engines, render

        folder = render(settings, cache, progress)
        percent = settings if settings.split in ("percent", "all") else settings.model_copy(update={"split": "percent"})
        index = prepare_folder(spec, folder, percent, cache, progress)
        return dataclasses.replace(index, notes=(*missing_engines(settings), *index.notes))
    if kind == "synthetic+folder" and rest:
        from kws_tfmot.data.custom import prepare_custom

        return prepare_custom(spec, recording_folders(spec), settings, cache, progress)
    guess = did_you_mean(kind, ["folder", "tfds", "tfds-folder", "synthetic", "synthetic+folder"])
    raise DataError(f"expected a data source of the form {', '.join(SOURCES)}. Received: {spec!r}.{guess}",
                    "Give --data folder:PATH for recordings of your own.")  # fmt: skip


def recording_folders(spec: str) -> list[Path]:
    """The folders of a source ``synthetic+folder:PATH``, or ``synthetic``, which has none.

    >>> [path.as_posix() for path in recording_folders("synthetic+folder:old+folder:new")]
    ['old', 'new']
    >>> recording_folders("synthetic")
    []
    """
    return [user_path(path) for path in spec.split(_ANOTHER)[1:]]


def with_folder(spec: str, folder: Path) -> str:
    """``synthetic``, with or without folders of recordings, with one more.

    >>> with_folder(with_folder("synthetic", Path("old")), Path("new"))
    'synthetic+folder:old+folder:new'
    """
    return f"{spec}{_ANOTHER}{folder}"
