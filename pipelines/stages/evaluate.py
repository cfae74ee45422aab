"""Stage `evaluate`: accuracy of the float and the int8 model on unseen speakers, and whether interpreters agree."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from firmware_export.emulation.steps import open_hearing
from kws_tfmot.data.clip_index import AudioSplit
from kws_tfmot.errors import ModelError
from kws_tfmot.evaluation.accuracy import Accuracy
from kws_tfmot.evaluation.breadth import speaker_interval, speakers_of
from kws_tfmot.evaluation.model_scores import judge, model_input_of, scores_of
from kws_tfmot.evaluation.plots import plot_confusion
from kws_tfmot.evaluation.streaming.heard_clips import hear_clips
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.files import sha256_file
from kws_tfmot.runs import StageResult
from kws_tfmot.tflite.agreement import compare_outputs
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.interpreter import available_kinds, open_interpreter
from pipelines.stages.build import Build
from pipelines.stages.convert import INT8_MODEL
from pipelines.stages.sparsify import PRUNED_MODEL, load_float
from pipelines.stages.train import FLOAT_MODEL

PLOT = "confusion_int8.png"
_FAITHFUL = ("tflm", "builtin")


def evaluate_build(build: Build) -> bool:
    """Judge every model of the build on its test split."""
    run = build.run
    names = [FLOAT_MODEL, *([PRUNED_MODEL] if build.recipe.sparsity else [])]
    int8 = build.recipe.quantization.mode != "none"
    digests = {name: sha256_file(run.path(name)) for name in [*names, *([INT8_MODEL] if int8 else [])]}

    def work(_: str) -> StageResult:
        """The stage: accuracies of the float and int8 models on the test split, and their agreement."""
        features, audio = build.features("test")[0], build.index.audio("test")
        common = {"split": "test", "split_sha256": build.index.split_sha256("test")}
        scores = {name: _float_scores(build, name, features) for name in names}
        figures: dict[str, Any] = {
            name: _figures(build, audio, found)[1] | common | {"interpreter": "tf_keras, float32"}
            for name, found in scores.items()
        }
        if int8:
            scores[INT8_MODEL], rows = _int8_scores(build, features)
            result, own = _figures(build, audio, scores[INT8_MODEL])
            figures[INT8_MODEL] = own | rows | {"loss": _loss(audio, scores)} | common
            if build.recipe.streams:
                hearing = partial(open_hearing, reporter=build.reporter)
                detector = StreamModel.open(run.path(INT8_MODEL), hearing)
                figures[INT8_MODEL]["detector"] = hear_clips(detector, build.index, audio, build.reporter)
            plot_confusion(
                result, f"int8, test speakers, {100 * result.accuracy:.2f} % of N = {result.n}", run.path(PLOT)
            )
        return StageResult((PLOT,) if int8 else (), figures)

    return run.stage("evaluate", [digests, build.data_sha256, build.index.split_sha256("test")], work)


def _figures(build: Build, audio: AudioSplit, scores: np.ndarray) -> tuple[Accuracy, dict[str, Any]]:
    result, reach = judge(build.index, audio, scores)
    return result, result.to_dict() | {"breadth": reach}


def _loss(audio: AudioSplit, scores: dict[str, np.ndarray]) -> dict[str, Any]:
    """Accuracy of the int8 model less that of the dense float one, on the same clips, and its 95 % interval.

    Clips that both have right or wrong say nothing about the difference, so this interval is far narrower than those
    of the two accuracies.
    """
    right = {name: (found.argmax(axis=1) == audio.labels).astype(float) for name, found in scores.items()}
    difference = right[INT8_MODEL] - right[FLOAT_MODEL]
    low, high = speaker_interval(difference, speakers_of(audio))
    return {"difference": float(difference.mean()), "interval_95": [low, high], "against": FLOAT_MODEL}


def _float_scores(build: Build, name: str, features: np.ndarray) -> np.ndarray:
    return np.asarray(load_float(build, name).predict(build.model_input(features), batch_size=500, verbose=0))


def _int8_scores(build: Build, features: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Scores of TFLM's kernels (or the builtin ones), and a byte-for-byte comparison with every other interpreter."""
    data = read_source(build.run.path(INT8_MODEL))
    judge_kind, *others = [kind for kind in (*_FAITHFUL, "tflite_runtime", "xnnpack") if kind in available_kinds()]
    opened = {judge_kind: open_interpreter(data, judge_kind)}
    for kind in others:
        try:
            opened[kind] = open_interpreter(data, kind)
        except ModelError as error:  # an old interpreter takes fewer models
            build.reporter.note(f"not compared: {error.message}")
    kinds = list(opened)
    inputs = model_input_of(opened[judge_kind].input, features, build.recipe.frontend.scale)
    outputs = {kind: scores_of(opened[kind], inputs, build.reporter) for kind in kinds}
    agreement = {
        kind: dataclasses.asdict(
            compare_outputs(data, inputs, (opened[judge_kind], opened[kind]), (outputs[judge_kind], outputs[kind]))
        )
        for kind in kinds[1:]
    }
    return outputs[judge_kind], {"interpreter": opened[judge_kind].name, "agreement": agreement}
