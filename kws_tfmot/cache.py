"""What the cache holds, and its bound: entries that were not used for longest are removed first.

An entry is what is useful only as a whole: the folder of one data set's decoded audio, that of the listing of a large
folder, or any other single file.
Entries used within the last hour stay, since another process may be reading them.
"""

from __future__ import annotations

import functools
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kws_tfmot.errors import RecipeError
from kws_tfmot.files import refusing

BOUND = "KWS_CACHE_BYTES"
"""Environment variable: how large the decoded audio may grow, as ``20G``; 0 for no bound."""

EPOCHS_BOUND = "KWS_EPOCHS_BYTES"
"""The same of a folder of augmented epochs, which sweeps and comparisons keep."""

DEFAULT_BOUND = 20_000_000_000
IN_USE = 3600.0  # seconds
LOOSE = "front end"  # the files that lie in no folder: compiled front ends

_WHOLE = re.compile(r"(?:store|listing)-[0-9a-f]+")  # folders
_AUDIO = re.compile(r"(?:audio|noise|index)-([0-9a-f]+)\.(?:npy|json)")  # as earlier versions kept it
_RECORDS = ("store.json", "listing.json", "index.json")  # say that the files beside them are complete: they go first
_MOST_BYTES = 1e18
_UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}


@dataclass(frozen=True)
class Entry:
    """One thing that is kept.

    Attributes:
        files: Paths of its files, in the order in which they are to be removed.
        bytes: Their size.
        used: When one of them was last read or written, seconds since 1970.
    """

    files: tuple[str, ...]
    bytes: int
    used: float

    def remove(self) -> None:
        """Delete its files; what is gone already does not matter."""
        files = [Path(file) for file in self.files]
        for file in files:
            file.unlink(missing_ok=True)
        for folder in sorted({file.parent for file in files}, key=lambda path: -len(path.parts)):
            if any(_WHOLE.fullmatch(part.name) for part in (folder, folder.parent)):
                with suppress(OSError):  # not empty: another process has begun to fill it
                    folder.rmdir()


def parse_bytes(text: str) -> int:
    """A size in bytes.

    Raises:
        RecipeError: If it is none.

    >>> parse_bytes("1.5G"), parse_bytes("300 MB"), parse_bytes("0")
    (1500000000, 300000000, 0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\s*", text, re.IGNORECASE)
    if found is None:
        raise RecipeError(f"expected a size such as 500M or 20G. Received: {text!r}")
    if (size := float(found[1]) * _UNITS[found[2].upper()]) > _MOST_BYTES:
        raise RecipeError(f"expected a size of at most {_MOST_BYTES / 1e15:g} million GB. Received: {text[:40]!r}")
    return round(size)


def audio_bound(name: str = BOUND) -> int:
    """The bound of the decoded audio (or what else ``name`` bounds) in bytes, 0 for none.

    Raises:
        RecipeError: If the variable is set to no size.
    """
    return parse_bytes(os.environ[name]) if os.environ.get(name) else DEFAULT_BOUND


def kinds(root: Path) -> dict[str, list[Entry]]:
    """The entries of every kind, those used longest ago first; a kind is a folder of the cache."""
    if not root.is_dir():
        return {}
    with refusing(root, "read"):
        with os.scandir(root) as items:
            here = sorted(items, key=lambda item: item.name)
        loose = _entries(item for item in here if item.is_file())
        found = {item.name: _entries(_files_below(Path(item.path))) for item in here if item.is_dir()}
    return {kind: entries for kind, entries in {**found, LOOSE: loose}.items() if entries}


def clear(root: Path, kind: str = "") -> int:
    """Remove every entry, or those of one kind; the number of bytes that were removed.

    Raises:
        RecipeError: If the cache holds no such kind.
        KwsError: If something cannot be removed.
    """
    found = kinds(root)
    if kind and kind not in found:
        raise RecipeError(f"the cache holds no {kind!r}. It holds: {', '.join(found) or 'nothing'}.")
    return _remove([entry for name, entries in found.items() if kind in ("", name) for entry in entries], root)


def trim(folder: Path, most: int, now: float | None = None) -> int:
    """Remove entries of ``folder``, those used longest ago first, until it holds at most ``most`` bytes.

    Entries used within the last hour stay. Returns the number of bytes that were removed.

    Raises:
        KwsError: If something cannot be removed.
    """
    if not folder.is_dir():
        return 0
    with refusing(folder, "read"):
        entries = _entries(_files_below(folder))
    excess = sum(entry.bytes for entry in entries) - most
    settled = (time.time() if now is None else now) - IN_USE
    chosen = []
    for entry in entries:
        if excess > 0 and entry.used < settled:
            chosen.append(entry)
            excess -= entry.bytes
    return _remove(chosen, folder)


def touch(path: Path) -> None:
    """Note that an entry is being used; a cache that cannot be written is no obstacle."""
    try:
        os.utime(path)
    except OSError:
        return


def _files_below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Every file of a folder. A cache may hold a hundred thousand: names, and no :class:`~pathlib.Path` of each."""
    below = [str(folder)]
    while below:
        try:
            with os.scandir(below.pop()) as here:
                for item in here:
                    if item.is_dir(follow_symlinks=False):
                        below.append(item.path)
                    elif item.is_file():
                        yield item
        except FileNotFoundError:  # removed by another process meanwhile
            continue


def _entries(files: Iterable[os.DirEntry[str]]) -> list[Entry]:
    """Files put together to what is useful as a whole, those used longest ago first."""
    whole_of = functools.cache(_whole_folder)
    groups: dict[str, list[tuple[bool, str, os.stat_result]]] = {}
    for item in files:
        folder, _, name = item.path.rpartition(os.sep)
        try:
            state = item.stat()
        except FileNotFoundError:  # removed by another process meanwhile
            continue
        old = _AUDIO.fullmatch(name)
        key = whole_of(folder) or f"{folder}/{old[1] if old else name}"
        last = name not in _RECORDS and not (name.startswith("index-") and name.endswith(".json"))
        groups.setdefault(key, []).append((last, item.path, state))
    found = []
    for members in groups.values():
        members.sort(key=lambda member: member[:2])
        used = max(max(state.st_mtime, state.st_atime) for *_, state in members)
        found.append(Entry(tuple(path for _, path, _ in members), sum(state.st_size for *_, state in members), used))
    return sorted(found, key=lambda entry: (entry.used, entry.files))


def _whole_folder(folder: str) -> str:
    """The folder that is one entry and holds ``folder``, or is it; empty for none."""
    parts = (Path(folder), *Path(folder).parents)
    return next((str(part) for part in parts if _WHOLE.fullmatch(part.name)), "")


def _remove(entries: list[Entry], root: Path) -> int:
    with refusing(root, "cleared"):
        for entry in entries:
            entry.remove()
    return sum(entry.bytes for entry in entries)
