"""A folder in the layout of Speech Commands -> the list of its clips, noises and split lists."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kws_tfmot.data.labels import NOISE_FOLDER, SILENCE
from kws_tfmot.data.speakers import speaker_of
from kws_tfmot.errors import DataError

AUDIO_SUFFIXES = (".wav", ".flac")
LISTS = {"validation_list.txt": "validation", "testing_list.txt": "test"}


class SourceClip(NamedTuple):
    """One clip as its source names it; ``split`` is empty where the source does not say.

    ``recorded`` is true for a user's own recordings among synthetic clips.
    """

    path: str
    word: str
    speaker: str
    split: str = ""
    recorded: bool = False


@dataclass(frozen=True)
class FolderListing:
    """What lies in a folder: clips by word, background noises, and the splits its list files give (by stem)."""

    root: Path
    clips: tuple[SourceClip, ...]
    noises: tuple[str, ...]
    listed: dict[str, str]
    folders: tuple[str, ...]
    stamps: tuple[tuple[str, int, int], ...]


def list_folder(root: Path, speaker_pattern: str) -> FolderListing:
    """List ``root``: one folder a word, WAV or FLAC clips inside, ``_background_noise_`` and list files beside.

    Clips come sorted by path. The speaker is empty where ``speaker_pattern`` finds none.

    Raises:
        DataError: The path is missing, is no folder, or holds no folder with clips.
    """
    if not root.exists():
        raise DataError(f"the data folder does not exist. Received: {str(root)!r}", _LAYOUT)
    if not root.is_dir():
        raise DataError(f"expected a folder of clips, got a file. Received: {str(root)!r}", _LAYOUT)
    clips: list[SourceClip] = []
    noises: list[str] = []
    stamps: list[tuple[str, int, int]] = []
    folders = sorted(entry.name for entry in _entries(root) if entry.is_dir() and not entry.name.startswith("."))
    for word in folders:
        for entry in _entries(root / word):
            if entry.name.startswith(".") or not entry.name.lower().endswith(AUDIO_SUFFIXES) or not entry.is_file():
                continue
            path = f"{word}/{entry.name}"
            stat = entry.stat()
            stamps.append((path, stat.st_size, stat.st_mtime_ns))
            if word == NOISE_FOLDER:
                noises.append(path)
            else:
                # A piece of noise may carry digits before "_nohash", but nobody speaks in it.
                speaker = "" if word == SILENCE else speaker_of(entry.name, speaker_pattern)
                clips.append(SourceClip(path, word, speaker))
    if not clips:
        raise DataError(f"no folder with .wav or .flac clips under {str(root)!r}; folders there: {folders or 'none'}",
                        _LAYOUT)  # fmt: skip
    return FolderListing(root, tuple(clips), tuple(noises), _read_lists(root), tuple(folders), tuple(stamps))


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


def _read_lists(root: Path) -> dict[str, str]:
    listed: dict[str, str] = {}
    for name, split in LISTS.items():
        if (root / name).is_file():
            lines = (root / name).read_text(encoding="utf-8", errors="replace").splitlines()
            listed.update({clip_key(line.strip().replace("\\", "/")): split for line in lines if line.strip()})
    return listed


_LAYOUT = (
    "Give folder:PATH where PATH holds one folder a word (PATH/go/0c540988_nohash_0.wav), and best also "
    f"PATH/{NOISE_FOLDER}/*.wav."
)
