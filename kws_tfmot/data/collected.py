"""What devices heard and a person sorted: a folder for each keyword, ``not_WORD`` for what was taken for it, talk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from kws_tfmot.data.decoders import AUDIO_SUFFIXES, files_below
from kws_tfmot.data.own_recordings import NEGATIVES, NOT, word_of_folder
from kws_tfmot.errors import DataError, did_you_mean

HINT = (
    "Sort the recordings into folders: FOLDER/WORD for each keyword, FOLDER/not_WORD for what was taken for it, "
    f"FOLDER/{NEGATIVES[0]} for long recordings without one."
)


class Collected(NamedTuple):
    """A folder of sorted recordings.

    Attributes:
        root: The folder.
        files: How many sound files each of its folders holds.
        negatives: Those folders that hold long recordings without a keyword.
    """

    root: Path
    files: dict[str, int]
    negatives: tuple[Path, ...]

    def __str__(self) -> str:
        return ", ".join(f"{count} of {name!r}" for name, count in self.files.items())


def survey_collected(root: Path, keywords: Sequence[str]) -> Collected:
    """What lies under ``root``, checked before anything is trained with it.

    Raises:
        DataError: No such folder, no sound file in it, sound files that lie in no folder, a folder ``not_WORD`` of a
            word that is no keyword, or a folder named nearly like one.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder of recordings at {str(root)!r}.", HINT)
    loose = [path.name for path in sorted(root.iterdir()) if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file()]
    if loose:
        raise DataError(f"{len(loose)} sound files under {str(root)!r} lie in no folder ({loose[0]}, ...): nobody says "
                        "what is said in them.", HINT)  # fmt: skip
    files: dict[str, int] = {}
    negatives = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        _check_name(folder.name, keywords)
        count = sum(path.is_file() for path in files_below(folder, AUDIO_SUFFIXES))
        if count:
            files[folder.name] = count
            if folder.name in NEGATIVES:
                negatives.append(folder)
    if not files:
        raise DataError(f"no sound file (WAV, FLAC, MP3, OGG, ...) in the folders under {str(root)!r}.", HINT)
    return Collected(root, files, tuple(negatives))


def _check_name(name: str, keywords: Sequence[str]) -> None:
    about = name[len(NOT) :] if name.startswith(NOT) else name
    known = word_of_folder(about, keywords) in keywords
    near = did_you_mean(about, keywords)
    if known or not (near or name.startswith(NOT)) or name in NEGATIVES:
        return
    raise DataError(f"the folder {name!r} is of no keyword ({', '.join(keywords)}).{near}",
                    f"Rename it, or move what is in it into a folder {NOT}WORD or 'unknown'.")  # fmt: skip
