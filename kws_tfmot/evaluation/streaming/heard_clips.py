"""A detector for streams judged on clips: each is heard between near silence, and what is detected counts.

A network that was trained on streams answers for the word only where it ends just before the window does, and need not
tell silence from talk: its class scores on a clip that is laid into one window say next to nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kws_tfmot.data.clip_index import AudioSplit, ClipIndex
from kws_tfmot.data.labels import SILENCE, UNKNOWN
from kws_tfmot.data.levels import levels_of
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.evaluation.accuracy import wilson_interval
from kws_tfmot.evaluation.breadth import breadth, narrow_classes, speaker_interval, speakers_of, unheard_words
from kws_tfmot.evaluation.streaming.heard_files import context_seconds, near_silence
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.progress import SILENT, Reporter

Figures = dict[str, Any]


def hear_clips(model: StreamModel, index: ClipIndex, audio: AudioSplit, reporter: Reporter = SILENT) -> Figures:
    """What the detector, at its own thresholds, makes of every clip of ``audio``.

    Right is a keyword that is detected and no other with it, and any other clip in which nothing is.

    Returns:
        ``keywords`` and ``others`` (for each class ``n`` and the clips ``heard``: with its own word detected, or with
        any), ``thresholds`` by keyword, ``accuracy``, ``n``, ``interval_95`` (Wilson's and no narrower than that over
        speakers), ``breadth`` of what is right, and ``interpreter``.
    """
    rate = model.contract.frontend.sample_rate
    silence = round(context_seconds(model) * rate)
    found: list[set[str]] = []
    with reporter.task("hearing clips", len(audio)) as task:
        for clips in audio.chunks():
            for clip in clips:
                context = near_silence(levels_of(clip, rate), silence)
                found.append({one.word for one in model.spot(np.concatenate([context, clip, context]))})
                task.advance()
    names = [audio.class_names[label] for label in audio.labels]
    other = (UNKNOWN, SILENCE)
    right = np.array(
        [not words if name in other else words == {name} for name, words in zip(names, found, strict=True)], bool
    )
    heard: dict[str, Figures] = {name: {"n": 0, "heard": 0} for name in audio.class_names}
    for name, words in zip(names, found, strict=True):
        heard[name]["n"] += 1
        heard[name]["heard"] += bool(words) if name in other else name in words
    spread = [wilson_interval(int(right.sum()), len(right))]
    if any(audio.speakers):
        spread.append(speaker_interval(right, speakers_of(audio)))
    levels = dict(zip(model.plan.labels, model.plan.thresholds, strict=True))
    return {
        "keywords": {name: own for name, own in heard.items() if name not in other},
        "others": {name: own for name, own in heard.items() if name in other},
        "thresholds": {name: levels[name] / ONE for name in model.plan.keywords},
        "accuracy": float(right.mean()),
        "n": len(right),
        "interval_95": [min(low for low, _ in spread), max(high for _, high in spread)],
        "breadth": breadth(audio, right, unheard_words(index, audio.name))
        | {"narrow": narrow_classes(index, audio.name)},
        "interpreter": model.runner.name,
    }
