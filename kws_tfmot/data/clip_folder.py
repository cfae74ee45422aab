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
from kws_tfmot.data.decoders import AUDIO_SUFFIXES, FFMPEG_SUFFIXES, unread_ending
from kws_tfmot.data.labels import NOISE_FOLDER, SILENCE, is_noise_folder, same_name
from kws_tfmot.data.source_table import SourceClip, SourceTable, TableBuilder
from kws_tfmot.data.speakers import speaker_of
from kws_tfmot.errors import DataError

LISTS = {"validation_list.txt": "validation", "testing_list.txt": "test"}
_SPLIT_FOLDERS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
# Made by operating systems and file servers: what was deleted or is kept beside files is nobody's word.
_OF_SYSTEMS = {
    "$recycle.bin", "system volume information", "lost+found", "@eadir", "@recycle", "#recycle", "#snapshot",
    "__macosx", "recycler",
}  # fmt: skip


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
    loose: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    renamed: set[tuple[str, str]] = field(default_factory=set)
    holds: set[str] = field(default_factory=set)  # folders with one named like a keyword in them
    around: frozenset[tuple[int, int]] = frozenset()


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
    found = _Found(places=[("", root.stat().st_mtime_ns)], around=_around(root))
    folders = _folders(root)
    _look_beside(root, "", found)
    in_splits = _split_folders(root, folders, keywords)
    for name in folders:
        if split := in_splits.get(name, ""):
            found.places.append((name, (root / name).stat().st_mtime_ns))
            _look_beside(root, f"{name}/", found)
            for word in _folders(root / name):
                _take(root, f"{name}/{word}", word, split, speaker_pattern, keywords, found)
        else:
            _take(root, name, name, "", speaker_pattern, keywords, found)
    clips = found.clips.table().in_order()
    if not len(clips):
        raise DataError(f"no folder with sound files under {str(root)!r}; folders there: {folders or 'none'}"
                        + "".join(f". {note}" for note in _left_out(found)), _LAYOUT)  # fmt: skip
    if found.holds and not {same_name(word) for word in found.words} & {same_name(word) for word in keywords}:
        inside = sorted(found.holds)
        raise DataError(
            f"no folder of a keyword under {str(root)!r}, but in folders there: {', '.join(inside[:10])}.",
            f"Give one of them (folder:{root / inside[0]}), or name them train, validation and test, each once.",
        )
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


def _around(root: Path) -> frozenset[tuple[int, int]]:
    """Identities of ``root`` and the folders around it: a link in a word's folder that leads back there is no word."""
    states = [folder.stat() for folder in (root.resolve(), *root.resolve().parents)]
    return frozenset((state.st_dev, state.st_ino) for state in states)


def _take(root: Path, folder: str, word: str, split: str, pattern: str, keywords: Sequence[str], found: _Found) -> None:
    """Put the sound files below ``folder`` (relative to ``root``) of ``word`` into ``found``."""
    meaning, names = _meaning(word, keywords), set(map(same_name, keywords))
    if meaning != word:
        found.renamed.add((word, meaning))
    found.words.add(meaning)
    for path, inner, entry in _sound_files(root, folder, found):
        stat = _state(entry)
        found.digest.update(encoded(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n"))
        if meaning == NOISE_FOLDER:
            found.noises.append(path)
            continue
        # A piece of noise may carry digits before "_nohash", but nobody speaks in it.
        speaker = "" if meaning == SILENCE else speaker_of(entry.name, pattern) or inner
        found.nested[word] += bool(inner)
        if inner and same_name(inner) in names:
            found.holds.add(word)
        found.clips.add(SourceClip(path, meaning, speaker, split))


def _sound_files(root: Path, folder: str, found: _Found) -> Iterator[tuple[str, str, os.DirEntry[str]]]:
    """Path, first folder below ``folder`` and entry of every sound file; a folder met twice (a link) is read once."""
    unread = found.unread
    seen = set(found.around)
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
                if lower not in _OF_SYSTEMS:
                    waiting.append((path, inner or entry.name))
            elif lower.endswith(AUDIO_SUFFIXES):
                yield path, inner, entry
            elif _leads_nowhere(entry):
                found.dead.append(path)
            elif ending := unread_ending(lower):
                unread[ending] += 1


def _state(entry: os.DirEntry[str]) -> os.stat_result:
    """Of a file; of a link that leads nowhere its own: it is a clip that cannot be read, and named as one."""
    try:
        return entry.stat()
    except FileNotFoundError:
        return entry.stat(follow_symlinks=False)


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and not Path(entry.path).exists()


def _look_beside(root: Path, folder: str, found: _Found) -> None:
    """Note the sound files in ``folder`` that lie in no folder of a word, and links to folders that are gone."""
    for entry in _entries(root / folder):
        if entry.name.startswith("."):
            continue
        if entry.name.lower().endswith(AUDIO_SUFFIXES):
            found.loose.append(f"{folder}{entry.name}")
        elif _leads_nowhere(entry):
            found.dead.append(f"{folder}{entry.name}")


def _meaning(word: str, keywords: Sequence[str]) -> str:
    """``word`` as the project spells it: noise and silence folders are known by other names too.

    >>> _meaning("Background-Noise", ()), _meaning("silence", ()), _meaning("noise", ("noise",))
    ('_background_noise_', '_silence_', 'noise')
    """
    if same_name(word) in {same_name(keyword) for keyword in keywords}:
        return word
    if is_noise_folder(word):
        return NOISE_FOLDER
    return SILENCE if word.lower().strip(" _-") == "silence" else word


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
    return notes + _left_out(found)


def _left_out(found: _Found) -> list[str]:
    notes = unread_notes(found.unread)
    for paths, what in (
        (found.loose, "sound files lie in no folder of a word and are left out"),
        (found.dead, "links lead nowhere, what they meant is left out"),
    ):
        if paths:
            notes.append(f"{len(paths)} {what}: {', '.join(paths[:3])}{', ...' if len(paths) > 3 else ''}")
    return notes


def unread_notes(unread: Mapping[str, int]) -> list[str]:
    """What to say of the files that no decoder here reads, by their endings; nothing where there are none.

    >>> unread_notes({".m4a": 2})[0].split(": ")[1]
    '2 .m4a (install the package av, or convert them to WAV, FLAC, MP3 or OGG)'
    >>> unread_notes({".raw": 80})[0].split(": ")[1]
    '80 .raw (recordings'
    """
    notes = []
    for av, what, way_out in (
        (True, "sound files left out because no decoder here reads them", "install the package av, or convert them to"),
        (False, "files left out that are no sound file by their names", "recordings: convert them to"),
    ):
        chosen = sorted((suffix, count) for suffix, count in unread.items() if (suffix in FFMPEG_SUFFIXES) == av)
        if counted := ", ".join(f"{count} {suffix}" for suffix, count in chosen):
            notes.append(f"{what}: {counted} ({way_out} WAV, FLAC, MP3 or OGG)")
    return notes


def _folders(root: Path) -> list[str]:
    """Names of the folders in ``root`` but hidden ones and those of systems."""
    entries = (entry for entry in _entries(root) if not entry.name.startswith("."))
    return [e.name for e in entries if e.name.lower() not in _OF_SYSTEMS and _probe(root / e.name, e.is_dir)]


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
