"""Stage `evaluate`: accuracy of the float and the int8 model on unseen speakers, and whether interpreters agree."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from kws_tfmot.evaluation.accuracy import Accuracy
from kws_tfmot.evaluation.model_accuracy import model_input_of, scores_of
from kws_tfmot.evaluation.plots import plot_confusion
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
        features, truth = build.features("test")
        common = {"split": "test", "split_sha256": build.index.split_sha256("test")}
        figures: dict[str, Any] = {
            name: _float_accuracy(build, name, features, truth).to_dict()
            | common
            | {"interpreter": "tf_keras, float32"}
            for name in names
        }
        if int8:
            result, rows = _int8_accuracy(build, features, truth)
            figures[INT8_MODEL] = rows | common
            plot_confusion(
                result, f"int8, test speakers, {100 * result.accuracy:.2f} % of N = {result.n}", run.path(PLOT)
            )
        return StageResult((PLOT,) if int8 else (), figures)

    return run.stage("evaluate", [digests, build.data_sha256, build.index.split_sha256("test")], work)


def _float_accuracy(build: Build, name: str, features: np.ndarray, truth: np.ndarray) -> Accuracy:
    scores = load_float(build, name).predict(build.model_input(features), batch_size=500, verbose=0)
    return Accuracy.of(build.index.labels, truth, scores)


def _int8_accuracy(build: Build, features: np.ndarray, truth: np.ndarray) -> tuple[Accuracy, dict[str, Any]]:
    """Accuracy by TFLM's kernels (or the builtin ones), and a byte-for-byte comparison with every other interpreter."""
    data = read_source(build.run.path(INT8_MODEL))
    kinds = [kind for kind in (*_FAITHFUL, "tflite_runtime", "xnnpack") if kind in available_kinds()]
    opened = {kind: open_interpreter(data, kind) for kind in kinds}
    judge = kinds[0]
    inputs = model_input_of(opened[judge].input, features, build.recipe.frontend.scale)
    outputs = {kind: scores_of(opened[kind], inputs, build.reporter) for kind in kinds}
    result = Accuracy.of(build.index.labels, truth, outputs[judge])
    agreement = {
        kind: dataclasses.asdict(
            compare_outputs(data, inputs, (opened[judge], opened[kind]), (outputs[judge], outputs[kind]))
        )
        for kind in kinds[1:]
    }
    return result, result.to_dict() | {"interpreter": opened[judge].name, "agreement": agreement}
