"""A cache that cannot be written is no obstacle: what would be kept there lasts as long as the process then."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from kws_tfmot.errors import CacheError
from kws_tfmot.files import process_mark, refusing, remove_partial, write_bytes
from kws_tfmot.json_reader import read_json

T = TypeVar("T")


@functools.cache
def spare_folder() -> Path:
    """An empty folder among the system's temporary files, removed when this process ends.

    Raises:
        KwsError: There is no space for one either.
    """
    place = Path(tempfile.gettempdir())
    with refusing(place):
        remove_partial(place)  # those of processes that were killed
        folder = Path(tempfile.mkdtemp(prefix=f".kws-cache.{process_mark()}.partial"))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # and no fork of it
        shutil.rmtree(folder, ignore_errors=True)


def kept(target: Path) -> Path | None:
    """Where the file is that :func:`keep` was given for ``target``; ``None`` if there is none."""
    places = [target, spare_folder() / target.name] if spare_folder.cache_info().currsize else [target]
    for place in places:
        with suppress(OSError):  # a folder around it may not be looked into
            if place.is_file() and place.stat().st_size:  # a power cut leaves files that are empty
                return place
    return None


def kept_json(target: Path) -> Any:
    """The JSON that is kept for ``target``; ``None`` if there is none, or it is damaged (it is made anew then)."""
    found = kept(target)
    try:
        return read_json(found) if found else None
    except (OSError, ValueError):
        return None


def keep(target: Path, data: bytes) -> Path:
    """Write ``data`` to ``target`` in the cache, or where that cannot be to :func:`spare_folder`; the path.

    Raises:
        KwsError: Neither can be written.
    """
    try:
        return write_bytes(target, data)
    except OSError:
        spare = spare_folder() / target.name
        with refusing(spare):
            return write_bytes(spare, data)


def with_spare_folder(cache: Path, work: Callable[[Path], T]) -> tuple[T, str]:
    """What ``work`` makes of ``cache``, or, where that cannot be written, of a folder of this process.

    Returns:
        The result, and what is to be said of it: nothing where the cache could be written.

    Raises:
        CacheError: There is no space for it in the spare folder either.
    """
    try:
        return work(cache), ""
    except CacheError as error:
        note = f"{error.message.rstrip('.')}: what it would keep is made for this command alone"
        return work(spare_folder() / cache.name), note
