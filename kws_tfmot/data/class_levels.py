"""Classes whose clips are digital silence, clipped, or far quieter than the rest: dead microphones are data too."""

from __future__ import annotations

import numpy as np

from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.data.labels import SILENCE
from kws_tfmot.data.levels import levels_of

FAR_QUIETER_DB = 25.0
"""So far below the median class a class is named; the words of one collection lie within a few dB."""

_SAMPLED = 100
_MOST = 0.5


def class_level_notes(index: ClipIndex, split: str = "all") -> list[str]:
    """What to say of the levels of every class, from up to 100 clips each, evenly over their list.

    The level of a class is the median over clips of the level that a clip's loudest tenth reaches.
    """
    clips = index.audio(split)
    rate = index.settings.sample_rate
    loud: dict[str, float] = {}
    notes = []
    for number, label in enumerate(index.labels):
        places = np.flatnonzero(clips.labels == number)
        if label == SILENCE or not len(places):
            continue
        chosen = places[np.linspace(0, len(places) - 1, min(_SAMPLED, len(places))).astype(int)]
        levels = [levels_of(clip, rate) for clip in clips.gather(chosen)]
        silent = np.mean([each.silent == 1.0 for each in levels])
        clipped = np.mean([any(text.startswith("clipped") for text in each.problems()) for each in levels])
        if silent > _MOST:
            notes.append(f"{label}: {100 * silent:.0f} % of {len(levels)} clips looked at are digital silence")
            continue
        if clipped > _MOST:
            notes.append(f"{label}: {100 * clipped:.0f} % of {len(levels)} clips looked at are clipped")
        loud[label] = float(np.median([each.loud_db for each in levels]))
    middle = float(np.median(list(loud.values()))) if loud else 0.0
    notes += [
        f"{label}: its clips are {middle - level:.0f} dB quieter than the median class ({level:.0f} dBFS)"
        for label, level in loud.items()
        if middle - level > FAR_QUIETER_DB
    ]
    return notes
