"""Accuracy of single clips under background noise at given signal-to-noise ratios."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kws_tfmot.data import SILENCE, ClipIndex
from kws_tfmot.data.audio import Int16, to_int16
from kws_tfmot.data.augment import mix_noise
from kws_tfmot.evaluation.accuracy import Accuracy
from kws_tfmot.evaluation.streaming.det_curve import as_list, ratio_interval
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.frontend import Frontend
from kws_tfmot.progress import SILENT, Reporter

CLEAN = float("inf")
_AT_ONCE = 2000  # clips


def accuracy_under_noise(
    model: StreamModel,
    index: ClipIndex,
    split: str,
    snr_db: Sequence[float],
    seed: int = 1,
    reporter: Reporter = SILENT,
) -> list[dict[str, Any]]:
    """Accuracy of the clips of ``split`` that are words, each mixed with held-out noise at every ratio of ``snr_db``.

    ``CLEAN`` leaves the clips as they are. The ratio is that of the word's level, the loudest fifth of the clip, to
    the noise; clip and noise are paired by ``seed`` alone, so that every ratio, and every model, hears the same noise.

    Returns:
        One entry a ratio: accuracy with N, its Wilson interval, the bootstrap interval by speaker, per class.
    """
    audio = index.audio(split)
    chosen = np.flatnonzero(audio.labels != audio.class_names.index(SILENCE))
    labels = audio.labels[chosen]
    names = [audio.speakers[int(n)] or audio.paths[int(n)] for n in chosen]
    _, speaker = np.unique(names, return_inverse=True)
    frontend = Frontend(model.contract.frontend)
    rows = []
    with reporter.task("noise", len(snr_db)) as task:
        for ratio in snr_db:
            rng = np.random.default_rng([seed, *split.encode("ascii")])
            parts = []
            for first in range(0, len(chosen), _AT_ONCE):
                clips = audio.gather(chosen[first : first + _AT_ONCE])
                parts.append(model.infer(frontend.features(_noisy(clips, index, split, ratio, rng), threads=2)))
            outputs = np.concatenate(parts)
            result = Accuracy.of(index.labels, labels, outputs)
            right = outputs.argmax(axis=1) == labels
            by_speaker = [np.concatenate([[0.0], np.bincount(speaker, weights)]) for weights in (right, None)]
            figures = result.to_dict()
            rows.append(
                {
                    "snr_db": None if ratio == CLEAN else ratio,
                    **{key: figures[key] for key in ("accuracy", "n", "interval_95", "per_class")},
                    "speakers": len(set(names)),
                    "interval_95_by_speaker": as_list(ratio_interval(by_speaker[0], by_speaker[1])),
                }
            )
            task.advance()
    return rows


def _noisy(clips: Int16, index: ClipIndex, split: str, ratio: float, rng: np.random.Generator) -> Int16:
    """``clips``, each with the next noise that ``rng`` draws; they are paired alike at every ratio."""
    if ratio == CLEAN:
        return clips
    mixed = []
    for clip in clips:
        noise, _ = index.noise.draw(rng, split) or index.noise.draw_generated(rng)
        mixed.append(mix_noise(clip.astype(np.float32), np.asarray(noise, np.float32), ratio))
    return to_int16(np.stack(mixed))
