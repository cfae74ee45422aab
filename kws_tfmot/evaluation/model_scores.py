"""What a model's interpreter is fed with clips, what it answers, and how right that is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from kws_tfmot.data import ClipIndex
from kws_tfmot.data.clip_index import AudioSplit
from kws_tfmot.evaluation.accuracy import Accuracy
from kws_tfmot.evaluation.breadth import breadth, narrow_classes, speaker_interval, speakers_of, unheard_words
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.tflite.interpreter import TensorSpec


class Runnable(Protocol):
    """An opened model: one of :func:`~kws_tfmot.tflite.interpreter.open_interpreter`, or the device engine's."""

    name: str

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Outputs [N, ...] of inputs [N, ...]."""


def model_input_of(spec: TensorSpec, features: np.ndarray, scale: float) -> np.ndarray:
    """int8 features [N, frames, coefficients] in the type and shape that a model with input ``spec`` takes.

    An int8 model takes them as they are; int16 (of 16x8 models) and float32 ones take ``int8 * scale`` in their own
    quantisation.
    """
    shaped = features.reshape(len(features), *spec.shape[1:])
    if spec.dtype == np.int8:
        return shaped
    real = shaped.astype(np.float32) * np.float32(scale)
    if spec.dtype == np.float32:
        return real
    info = np.iinfo(spec.dtype)
    return np.clip(np.rint(real / spec.scale) + spec.zero_point, info.min, info.max).astype(spec.dtype)


def scores_of(interpreter: Runnable, inputs: np.ndarray, reporter: Reporter = SILENT) -> np.ndarray:
    """Raw outputs [N, classes] of model inputs [N, ...], with progress."""
    outputs = []
    with reporter.task("inference", len(inputs)) as task:
        for first in range(0, len(inputs), 250):
            outputs.append(interpreter.run(inputs[first : first + 250]))
            task.advance(len(outputs[-1]))
    return np.concatenate(outputs).reshape(len(inputs), -1)


def judge(index: ClipIndex, audio: AudioSplit, scores: np.ndarray) -> tuple[Accuracy, dict[str, Any]]:
    """Accuracy of ``scores [N, classes]`` with its interval over speakers, and what it is made of.

    The second is :func:`~kws_tfmot.evaluation.breadth.breadth` and ``narrow``, a sentence for every class of which the
    clips say too little.
    """
    result = Accuracy.of(audio.class_names, audio.labels, scores)
    right = scores.argmax(axis=1) == audio.labels
    if any(audio.speakers):
        result = replace(result, by_speaker=speaker_interval(right, speakers_of(audio)))
    reach = breadth(audio, right, unheard_words(index, audio.name))
    return result, reach | {"narrow": narrow_classes(index, audio.name)}
