"""A user's few recordings of the keywords: one folder a word, files of any rate and length -> utterances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kws_tfmot.data.audio import Int16
from kws_tfmot.data.clip_folder import unread_notes
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.decoders import AUDIO_SUFFIXES, files_below, unread_ending
from kws_tfmot.data.labels import SILENCE, UNKNOWN, is_noise_folder, spelling_key
from kws_tfmot.data.sound_pieces import whole_sound
from kws_tfmot.data.speakers import speaker_of
from kws_tfmot.data.utterances import cut_at_pauses, with_surroundings
from kws_tfmot.errors import DataError, did_you_mean

_OTHERS = ("unknown", "other", UNKNOWN)
NEGATIVES = ("_negatives_", "_negatives", "negatives")
NOT = "not_"  # folder not_WORD: what was taken for WORD and is not
_SHOWN = 10
_NO_BACKGROUND = "no recording of your background (a folder 'background'): false accepts there are likelier"
LEAST_PEAK = 200  # int16 steps, -44 dB of full scale: quieter is a microphone that was off
HINT = (
    "Give a folder with one sub-folder for each keyword (FOLDER/hey nova/anna_1.wav, or FOLDER/hey nova/anna/1.wav), "
    "and best also FOLDER/background and FOLDER/unknown."
)


class Utterance(NamedTuple):
    """One spoken word: where it came from, which word, whose voice (empty where nobody says), its samples."""

    path: str
    word: str
    speaker: str
    group: str
    samples: Int16


@dataclass(frozen=True)
class OwnRecordings:
    """What a folder of recordings holds, at the data set's rate.

    Attributes:
        utterances: Of keywords and other words.
        background: Name and samples of every background recording.
        notes: What a person should know: cuts, left out sounds, missing folders.
    """

    utterances: tuple[Utterance, ...]
    background: tuple[tuple[str, Int16], ...]
    notes: tuple[str, ...]

    def count(self, word: str) -> int:
        """Utterances of ``word``."""
        return sum(one.word == word for one in self.utterances)


class _File(NamedTuple):
    path: Path
    name: str
    word: str
    speaker: str


def read_recordings(root: Path, settings: DataSettings, others_alone: bool = False) -> OwnRecordings:
    """Read every recording below ``root``; files longer than a clip are cut at their pauses.

    A recording that cannot be read, or holds no word, is left out and reported in the notes.

    Sub-folders are keywords (``hey nova`` or ``hey_nova``), ``background``, ``unknown``, ``not_WORD``, ``_negatives_``,
    or other words, which are unknown too. The speaker is the folder below (``hey nova/anna/1.wav``), else what
    ``speaker_pattern`` finds.
    With ``others_alone`` there need be no recording of a keyword.

    Raises:
        DataError: No such folder, no recording of any keyword that can be used, or a folder named nearly like one.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder of recordings at {str(root)!r}.", HINT)
    files, noise_files = _listed(root, settings, others_alone)
    problems: list[str] = []
    endings = Counter(filter(None, (unread_ending(path.name) for path in files_below(root, ("",)))))
    notes = unread_notes(endings)
    if loose := [path.name for path in sorted(root.iterdir()) if path.name.lower().endswith(AUDIO_SUFFIXES)]:
        notes.append(
            f"{len(loose)} sound files lie in no folder of a word and are left out: {', '.join(loose[:3])} ..."
        )
    found: list[Utterance] = []
    for file in files:
        try:
            found += _utterances(file, settings, notes)
        except (ValueError, OSError) as error:
            problems.append(f"{file.name}: {error}")
    background: list[tuple[str, Int16]] = []
    for path in noise_files:
        name = path.relative_to(root).as_posix()
        try:
            background.append((name, whole_sound(path, settings.sample_rate)[0]))
        except (ValueError, OSError) as error:
            problems.append(f"{name}: {error}")
    total = len(files) + len(noise_files)
    if problems and not (others_alone and found) and not any(one.word in settings.keywords for one in found):
        shown = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise DataError(f"none of the recordings of a keyword can be used; {len(problems)} of {total} are faulty:\n"
                        f"{shown}{more}", "Record these again.")  # fmt: skip
    if problems:
        notes.append(f"{len(problems)} of {total} recordings cannot be used and are left out")
        notes += [f"left out: {problem}" for problem in problems[:_SHOWN]]
    missing = [word for word in settings.keywords if not any(one.word == word for one in found)]
    if missing:
        notes.append(_missing_note(missing))
    if not background:
        notes.append(_NO_BACKGROUND)
    return OwnRecordings(tuple(found), tuple(background), tuple(notes))


def _missing_note(words: Sequence[str]) -> str:
    return f"no recording of {', '.join(map(repr, words))}: synthetic voices alone teach these"


def _listed(root: Path, settings: DataSettings, others_alone: bool) -> tuple[list[_File], list[Path]]:
    files: list[_File] = []
    noises: list[Path] = []
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    words = {folder: word_of_folder(folder.name, settings.keywords) for folder in folders}
    if not others_alone and not set(settings.keywords) & set(words.values()):
        names = [folder.name for folder in folders]
        raise DataError(f"no folder of a keyword ({', '.join(settings.keywords)}) under {str(root)!r}; folders there: "
                        f"{', '.join(names) or 'none'}.", HINT)  # fmt: skip
    known = (*_OTHERS, *NEGATIVES)
    for folder, word in words.items():
        recorded = set(words.values())
        near = did_you_mean(folder.name, [name for name in settings.keywords if name not in recorded])
        if near and word not in settings.keywords and not (_is_background(folder.name) or folder.name in known):
            raise DataError(f"the folder {folder.name!r} is no keyword.{near}",
                            "Rename it, or move it into a folder 'unknown' if it holds another word.")  # fmt: skip
        for path in files_below(folder, AUDIO_SUFFIXES):
            if _is_background(folder.name) and word not in settings.keywords:
                noises.append(path)
                continue
            inner = path.relative_to(folder).parts
            speaker = inner[0] if len(inner) > 1 else speaker_of(path.name, settings.speaker_pattern)
            files.append(_File(path, path.relative_to(root).as_posix(), word, speaker))
    if not others_alone and not any(file.word in settings.keywords for file in files):
        raise DataError(f"no sound file (WAV, FLAC, MP3, OGG, ...) in the keywords' folders under {str(root)!r}.", HINT)
    return files, noises


def _is_background(folder: str) -> bool:
    return is_noise_folder(folder) or folder.lower().strip("_") == SILENCE.strip("_")


def recorded_files(root: Path, keywords: Sequence[str]) -> dict[str, int]:
    """Sound files below the folders of each keyword in ``root``; none where there is no such folder."""
    found = dict.fromkeys(keywords, 0)
    if root.is_dir():
        for folder in sorted(path for path in root.iterdir() if path.is_dir()):
            if (word := word_of_folder(folder.name, keywords)) in found:
                found[word] += len(files_below(folder, AUDIO_SUFFIXES))
    return found


def word_of_folder(folder: str, keywords: Sequence[str]) -> str:
    """The keyword whose recordings a folder holds, ``_unknown_``, or the other word that it is named after.

    >>> [word_of_folder(name, ("hey nova",)) for name in ("hey_nova", "not_hey nova", "_negatives_", "house")]
    ['hey nova', '_unknown_', '_unknown_', 'house']
    """
    if folder in (*_OTHERS, *NEGATIVES):
        return UNKNOWN
    normalised = spelling_key(folder)
    if word := next((word for word in keywords if spelling_key(word) == normalised), ""):
        return word
    return UNKNOWN if folder.startswith(NOT) else folder


def _utterances(file: _File, settings: DataSettings, notes: list[str]) -> Iterator[Utterance]:
    samples = whole_sound(file.path, settings.sample_rate)[0]
    if int(np.abs(samples.astype(np.int32)).max()) < LEAST_PEAK:
        raise ValueError("nothing to hear in it (below -44 dB of full scale)")
    group = f"speaker {file.speaker}" if file.speaker else f"file {file.name}"
    if len(samples) <= settings.clip_samples:
        return iter([Utterance(file.name, file.word, file.speaker, group, samples)])
    clips, left_out = _pieces(samples, file.word in settings.keywords, settings)
    if not clips:
        raise ValueError("; ".join(left_out) or "no word found in it")
    cut = f"{len(samples) / settings.sample_rate:.1f} s cut at pauses into {len(clips)}"
    rest = f"; left out {len(left_out)}: {'; '.join(left_out[:3])}" if left_out else ""
    if len(clips) > 1 or left_out:
        notes.append(f"{file.name}: {cut}{rest}")
    return (
        Utterance(f"{file.name}#{number}", file.word, file.speaker, group, clip) for number, clip in enumerate(clips)
    )


def _pieces(samples: Int16, is_keyword: bool, settings: DataSettings) -> tuple[list[Int16], tuple[str, ...]]:
    """A keyword's recording cut at pauses; speech of other words cut into clips where it has no pauses."""
    longest = max(3000, 2 * settings.clip_ms)
    cut = cut_at_pauses(samples, settings.sample_rate, longest_ms=longest)
    if is_keyword:
        return with_surroundings(samples, cut.spans, settings.clip_samples), cut.left_out
    length = settings.clip_samples
    return [samples[first : first + length] for first in range(0, len(samples) - length + 1, length)], ()


def joined(every: Sequence[OwnRecordings], keywords: Sequence[str]) -> OwnRecordings:
    """Several folders as one. A speaker of one name is one speaker; files of one name stay apart."""
    utterances, background = list(every[0].utterances), list(every[0].background)
    for number, own in enumerate(every[1:], 2):
        utterances += [
            one._replace(path=f"{number}/{one.path}", group=one.group if one.speaker else f"{number}/{one.group}")
            for one in own.utterances
        ]
        background += [(f"{number}/{name}", samples) for name, samples in own.background]
    lacking = [note for own in every for note in own.notes if not note.startswith("no recording of ")]
    found = {one.word for one in utterances}
    if missing := [word for word in keywords if word not in found]:
        lacking.append(_missing_note(missing))
    if not background:
        lacking.append(_NO_BACKGROUND)
    return OwnRecordings(tuple(utterances), tuple(background), tuple(dict.fromkeys(lacking)))


def groups_of(utterances: Sequence[Utterance]) -> dict[str, Counter[str]]:
    """Utterances of each word for every group (speaker, or file where no speaker is known)."""
    groups: dict[str, Counter[str]] = {}
    for one in utterances:
        groups.setdefault(one.group, Counter())[one.word] += 1
    return groups
