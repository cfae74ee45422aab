"""A folder in the layout of Speech Commands -> the list of its clips, noises and split lists."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kws_tfmot.data.columns import encoded
from kws_tfmot.data.decoders import AUDIO_SUFFIXES, UNREAD_SUFFIXES
from kws_tfmot.data.labels import NOISE_FOLDER, SILENCE, same_name
from kws_tfmot.data.source_table import SourceClip, SourceTable, TableBuilder
from kws_tfmot.data.speakers import speaker_of
from kws_tfmot.errors import DataError

LISTS = {"validation_list.txt": "validation", "testing_list.txt": "test"}
_SPLIT_FOLDERS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
_NOISE_NAMES = ("background noise", "background", "noise", "noises")


@dataclass(frozen=True)
class FolderListing:
    """What lies in a folder: clips by word, background noises, and the splits its list files give (by stem).

    Attributes:
        root: The folder.
        clips: Sorted by path.
        noises: Paths of background noises.
        listed: Split of every clip that a list file names, by its path without a suffix.
        folders: The words.
        key: 32 hexadecimal digits that represent path, size and time of change of every sound file.
        places: Every folder that was read, relative to ``root``, and its time of change, ns.
        notes: What was taken for what, and which sound files cannot be read.
    """

    root: Path
    clips: SourceTable
    noises: tuple[str, ...]
    listed: dict[str, str]
    folders: tuple[str, ...]
    key: str
    places: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Found:
    clips: TableBuilder = field(default_factory=TableBuilder)
    noises: list[str] = field(default_factory=list)
    digest: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    places: list[tuple[str, int]] = field(default_factory=list)
    words: set[str] = field(default_factory=set)
    nested: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    renamed: set[tuple[str, str]] = field(default_factory=set)


def list_folder(root: Path, speaker_pattern: str, keywords: Sequence[str] = ()) -> FolderListing:
    """List ``root``: one folder a word, clips inside, ``_background_noise_`` and list files beside.

    Clips come sorted by path. A folder below a word is a speaker (``go/anna/1.wav``); without one the speaker is what
    ``speaker_pattern`` finds in the file's name, or empty. ``train/``, ``validation/`` and ``test/`` with the words
    below them give the splits. Folders named ``background_noise`` or ``silence`` count as ``_background_noise_`` and
    ``_silence_``, unless ``keywords`` name them.

    Raises:
        DataError: The path is missing, is no folder, or holds no folder with clips.
    """
    if not _probe(root, root.exists):
        raise DataError(f"the data folder does not exist. Received: {str(root)!r}", _LAYOUT)
    if not root.is_dir():
        raise DataError(f"expected a folder of clips, got a file. Received: {str(root)!r}", _LAYOUT)
    found = _Found(places=[("", root.stat().st_mtime_ns)])
    folders = _folders(root)
    in_splits = _split_folders(root, folders, keywords)
    for name in folders:
        if split := in_splits.get(name, ""):
            found.places.append((name, (root / name).stat().st_mtime_ns))
            for word in _folders(root / name):
                _take(root, f"{name}/{word}", word, split, speaker_pattern, keywords, found)
        else:
            _take(root, name, name, "", speaker_pattern, keywords, found)
    clips = found.clips.table().in_order()
    if not len(clips):
        raise DataError(f"no folder with sound files under {str(root)!r}; folders there: {folders or 'none'}"
                        + "".join(f". {note}" for note in unread_notes(found.unread)), _LAYOUT)  # fmt: skip
    return FolderListing(
        root,
        clips,
        tuple(sorted(found.noises)),
        read_lists(root),
        tuple(sorted(found.words)),
        found.digest.hexdigest(),
        tuple(found.places),
        tuple(_notes(found, in_splits)),
    )


def _take(root: Path, folder: str, word: str, split: str, pattern: str, keywords: Sequence[str], found: _Found) -> None:
    """Put the sound files below ``folder`` (relative to ``root``) of ``word`` into ``found``."""
    meaning = _meaning(word, keywords)
    if meaning != word:
        found.renamed.add((word, meaning))
    found.words.add(meaning)
    for path, inner, entry in _sound_files(root, folder, found):
        stat = entry.stat()
        found.digest.update(encoded(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n"))
        if meaning == NOISE_FOLDER:
            found.noises.append(path)
            continue
        # A piece of noise may carry digits before "_nohash", but nobody speaks in it.
        speaker = "" if meaning == SILENCE else speaker_of(entry.name, pattern) or inner
        found.nested[word] += bool(inner)
        found.clips.add(SourceClip(path, meaning, speaker, split))


def _sound_files(root: Path, folder: str, found: _Found) -> Iterator[tuple[str, str, os.DirEntry[str]]]:
    """Path, first folder below ``folder`` and entry of every sound file; a folder met twice (a link) is read once."""
    unread = found.unread
    seen: set[tuple[int, int]] = set()
    waiting = [(folder, "")]
    while waiting:
        place, inner = waiting.pop()
        identity = (root / place).stat()
        if (identity.st_dev, identity.st_ino) in seen:
            continue
        seen.add((identity.st_dev, identity.st_ino))
        found.places.append((place, identity.st_mtime_ns))
        for entry in _entries(root / place):
            if entry.name.startswith("."):
                continue
            path, lower = f"{place}/{entry.name}", entry.name.lower()
            if _probe(root / path, entry.is_dir):
                waiting.append((path, inner or entry.name))
            elif lower.endswith(AUDIO_SUFFIXES) and _probe(root / path, entry.is_file):
                yield path, inner, entry
            elif lower.endswith(UNREAD_SUFFIXES):
                unread[lower[lower.rindex(".") :]] += 1


def _meaning(word: str, keywords: Sequence[str]) -> str:
    """``word`` as the project spells it: noise and silence folders are known by other names too.

    >>> _meaning("Background-Noise", ()), _meaning("silence", ()), _meaning("noise", ("noise",))
    ('_background_noise_', '_silence_', 'noise')
    """
    if same_name(word) in {same_name(keyword) for keyword in keywords}:
        return word
    normalised = word.lower().replace("_", " ").replace("-", " ").strip()
    if normalised in _NOISE_NAMES:
        return NOISE_FOLDER
    return SILENCE if normalised == "silence" else word


def _split_folders(root: Path, folders: Sequence[str], keywords: Sequence[str]) -> dict[str, str]:
    """Split of every folder that is one: ``train`` and another beside it, with folders below, and no keyword."""
    if set(map(same_name, folders)) & set(map(same_name, keywords)):
        return {}
    splits = {name: _SPLIT_FOLDERS[name.lower()] for name in folders if name.lower() in _SPLIT_FOLDERS}
    enough = "train" in splits.values() and len(set(splits.values())) == len(splits) >= 2
    return splits if enough and all(_folders(root / name) for name in splits) else {}


def _notes(found: _Found, in_splits: dict[str, str]) -> list[str]:
    notes = [f"the folder {word!r} is taken as {meaning}" for word, meaning in sorted(found.renamed)]
    if nested := +found.nested:
        notes.append(
            f"{sum(nested.values())} clips lie in folders below their word; where the file's name gives no speaker, "
            "the folder does"
        )
    if in_splits:
        notes.append(f"splits by the folders {', '.join(in_splits)}")
    return notes + unread_notes(found.unread)


def unread_notes(unread: Mapping[str, int]) -> list[str]:
    """One note on the sound files that no decoder here reads, by their endings; none where there are none.

    >>> unread_notes({".m4a": 2})[0].split(": ")[1]
    '2 .m4a (install the package av, or convert them to WAV, FLAC, MP3 or OGG)'
    """
    if not unread:
        return []
    counted = ", ".join(f"{count} {suffix}" for suffix, count in sorted(unread.items()))
    return [
        f"sound files left out because no decoder here reads them: {counted} (install the package av, or convert them "
        "to WAV, FLAC, MP3 or OGG)"
    ]


def _folders(root: Path) -> list[str]:
    return [e.name for e in _entries(root) if not e.name.startswith(".") and _probe(root / e.name, e.is_dir)]


def _probe(path: Path, question: object) -> bool:
    """``question()``; a link to itself or a name too long is an error that names ``path``."""
    try:
        return bool(question())  # type: ignore[operator]
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
        raise DataError(f"{str(path)!r} cannot be read: {reason}.", "Remove it, or give another folder.") from None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return sorted(os.scandir(folder), key=lambda item: item.name)
    except OSError as err:
        raise DataError(
            f"the folder {str(folder)!r} cannot be read: {err.strerror}", "Check its permissions."
        ) from None


def clip_key(path: str) -> str:
    """``path`` without its sound suffixes, so that a list that names ``.wav`` also fits ``.flac``.

    >>> clip_key("go/0c540988_nohash_0.wav.wav")
    'go/0c540988_nohash_0'
    """
    while path.lower().endswith(AUDIO_SUFFIXES):
        path = path[: path.rindex(".")]
    return path


def read_lists(root: Path) -> dict[str, str]:
    """Split of every clip that the list files of ``root`` name, by its path without a suffix."""
    listed: dict[str, str] = {}
    for name, split in LISTS.items():
        if (root / name).is_file():
            lines = (root / name).read_text(encoding="utf-8", errors="replace").splitlines()
            listed.update({clip_key(line.strip().replace("\\", "/")): split for line in lines if line.strip()})
    return listed


_LAYOUT = (
    "Give folder:PATH where PATH holds one folder a word (PATH/go/0c540988_nohash_0.wav, or PATH/go/anna/1.wav), "
    f"and best also PATH/{NOISE_FOLDER}/*.wav; PATH/train/go/..., PATH/validation/... and PATH/test/... work too."
)
