"""Classes whose clips are digital silence, clipped, or far too quiet: dead microphones are data too."""

from __future__ import annotations

import numpy as np

from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.data.labels import SILENCE
from kws_tfmot.data.levels import SoundLevels, levels_of
from kws_tfmot.errors import DataError

FAR_QUIETER_DB = 25.0
"""So far below the median class a class is named; the words of one collection lie within a few dB."""

QUIET_DB = -55.0
"""A median class below is too quiet for speech, dB of full scale."""

_SAMPLED = 100
_MOST_SILENT, _MOST_CLIPPED = 0.05, 0.5
_SILENT = 0.95  # of a clip's pieces: where a constant is padded, one or two pieces hold its edges


def class_level_notes(index: ClipIndex, split: str = "all") -> list[str]:
    """What to say of the levels of every class, from up to 100 clips each, evenly over their list.

    The level of a class is the median over clips of the level that a clip's loudest tenth reaches.
    """
    loud: dict[str, float] = {}
    notes = []
    for label, levels in _levels(index, split).items():
        silent = np.mean([each.silent >= _SILENT for each in levels])
        clipped = np.mean([any(text.startswith("clipped") for text in each.problems()) for each in levels])
        if silent > _MOST_SILENT:
            notes.append(f"{label}: {100 * silent:.0f} % of {len(levels)} clips looked at are digital silence")
        if clipped > _MOST_CLIPPED:
            notes.append(f"{label}: {100 * clipped:.0f} % of {len(levels)} clips looked at are clipped")
        if sounding := [each.loud_db for each in levels if each.silent < _SILENT]:
            loud[label] = float(np.median(sounding))
    middle = float(np.median(list(loud.values()))) if loud else 0.0
    if middle < QUIET_DB:
        notes.append(f"the clips are very quiet: the loudest tenth of the median class is at {middle:.0f} dBFS")
    notes += [
        f"{label}: its clips are {middle - level:.0f} dB quieter than the median class ({level:.0f} dBFS)"
        for label, level in loud.items()
        if middle - level > FAR_QUIETER_DB
    ]
    return notes


def refuse_dead_keywords(index: ClipIndex) -> None:
    """Refuse a keyword of which nothing but digital silence was recorded.

    Raises:
        DataError: Naming it.
    """
    found = _levels(index, "all")
    dead = [word for word in index.settings.keywords if all(each.silent >= _SILENT for each in found.get(word, ()))]
    if dead := [word for word in dead if word in found]:
        raise DataError(
            f"every clip of {', '.join(map(repr, dead))} that was looked at is digital silence: nothing was recorded.",
            "Record it again, or leave the keyword out (--keywords).",
        )


def _levels(index: ClipIndex, split: str) -> dict[str, list[SoundLevels]]:
    """Levels of up to 100 clips of every class but silence."""
    clips = index.audio(split)
    found = {}
    for number, label in enumerate(index.labels):
        places = np.flatnonzero(clips.labels == number)
        if label != SILENCE and len(places):
            chosen = places[np.linspace(0, len(places) - 1, min(_SAMPLED, len(places))).astype(int)]
            found[label] = [levels_of(clip, index.settings.sample_rate) for clip in clips.gather(chosen)]
    return found
