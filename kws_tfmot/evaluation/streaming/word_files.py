"""Recordings as people keep them: folders of sound files of any kind, one word said in each, or none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws_tfmot.data.decoders import SOUND_SUFFIXES, files_below
from kws_tfmot.data.labels import same_name
from kws_tfmot.errors import DataError, did_you_mean
from kws_tfmot.files import user_path


@dataclass(frozen=True)
class WordFiles:
    """What is to be heard and what is not.

    Attributes:
        positives: For each word its files; in each the word is said once.
        negatives: Files in which none of the model's keywords is said.
        notes: What was left out, and why.
    """

    positives: dict[str, tuple[Path, ...]]
    negatives: tuple[Path, ...]
    notes: tuple[str, ...]


def word_files(positives: Sequence[str], negatives: Sequence[str | Path], keywords: Sequence[str]) -> WordFiles:
    """Find the sound files.

    A file that is given as a positive, or lies below the negatives in a folder named like a keyword, is no negative.

    Args:
        positives: ``WORD=FOLDER`` or ``WORD=FILE``, a word as often as wanted.
        negatives: Folders, searched with all below them, or files.
        keywords: Of the model.

    Raises:
        DataError: For a word that the model does not know, a folder that is missing or holds no sound file, or where
            one of both is not given.
    """
    if not positives or not negatives:
        raise DataError(
            f"expected both recordings of the words and recordings without them. Received: {len(positives)} "
            f"positives and {len(negatives)} negatives",
            "For example: --positives alexa=recordings/alexa --negatives talk",
        )
    found: dict[str, list[Path]] = {}
    for text in positives:
        word, folder = _split(text, keywords)
        found.setdefault(word, []).extend(sounds_of(folder))
    said = {os.path.realpath(path) for paths in found.values() for path in paths}
    names = {same_name(word).casefold() for word in keywords}
    kept, doubled, named = [], 0, 0
    for root in map(Path, negatives):
        for path in sounds_of(root):
            inside = path.relative_to(root).parts[:-1] if root.is_dir() else ()
            if os.path.realpath(path) in said:
                doubled += 1
            elif any(same_name(part).casefold() in names for part in inside):
                named += 1
            else:
                kept.append(path)
    notes = []
    if doubled:
        notes.append(f"{doubled} files are given as positives too and were left out of the negatives")
    if named:
        notes.append(f"{named} files lie in folders named like a keyword and were left out of the negatives")
    if not kept:
        raise DataError(
            f"no negative is left: {'; '.join(notes)}.", "Give a folder of recordings without the keywords."
        )
    return WordFiles({word: _once(paths) for word, paths in found.items()}, _once(kept), tuple(notes))


def sounds_of(path: Path) -> list[Path]:
    """The sound files at or below ``path``, sorted; hidden ones are left out, links are followed once.

    Raises:
        DataError: If there is nothing at ``path``, or no sound file below it.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"there is no folder or sound file at {path}.", "Give one that is there.")
    found = files_below(path, SOUND_SUFFIXES)
    if not found:
        raise DataError(
            f"no sound file in {path} or below it.", f"Read are files that end in {', '.join(SOUND_SUFFIXES)}."
        )
    return found


def _split(text: str, keywords: Sequence[str]) -> tuple[str, Path]:
    word, equals, folder = text.partition("=")
    if not equals or not folder:
        raise DataError(f"expected WORD=FOLDER. Received: {text!r}", "For example: --positives alexa=recordings/alexa")
    by_name = {same_name(keyword).casefold(): keyword for keyword in keywords}
    known = by_name.get(same_name(word.strip()).casefold())
    if known is None:
        raise DataError(
            f"the model does not know the word {word!r}.{did_you_mean(word, keywords)} It knows: {', '.join(keywords)}."
        )
    return known, user_path(folder)


def _once(paths: Sequence[Path]) -> tuple[Path, ...]:
    found: dict[str, Path] = {}
    for path in paths:
        found.setdefault(os.path.realpath(path), path)
    return tuple(found.values())
