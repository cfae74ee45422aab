"""Stage `check`: a network of the user's own, taken through every later stage before it is trained.

A stage of its own, before `train`: the code that it reaches, all the way to C, belongs to no training's key.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from firmware_export.engine import export_engine
from firmware_export.tflm.tflm_export import export_tflm
from kws_tfmot.errors import KwsError, ModelError
from kws_tfmot.models.model_settings import OWN
from kws_tfmot.progress import Reporter
from kws_tfmot.recipe import Recipe
from kws_tfmot.runs import StageResult
from kws_tfmot.tflite.metadata import write_settings
from pipelines.stages.build import Build
from pipelines.stages.own_network import source_sha256
from pipelines.stages.train import initial_network

if TYPE_CHECKING:
    from kws_tfmot.keras import keras

_WINDOWS = 32  # of random features: what can be converted does not depend on them


def check_network(build: Build) -> bool:
    """Refuse now what a stage after the training would refuse; return whether anything was done.

    Networks of ours need no check.

    Raises:
        ModelError: If a stage after training would refuse the network, with that stage's reason.
    """
    recipe = build.recipe
    if recipe.model.name != OWN:
        return False
    groups = (recipe.frontend, recipe.model, recipe.sparsity, recipe.quantization, recipe.convert, recipe.export)
    settings = [group.model_dump(mode="json") if group else None for group in groups]

    def work(key: str) -> StageResult:
        """The stage: the untrained network is converted and lowered, so that a refusal comes before training."""
        rehearse(recipe, initial_network(build), build.reporter)
        return StageResult()

    return build.run.stage("check", [recipe.seed, build.index.labels, source_sha256(recipe.model), *settings], work)


def rehearse(recipe: Recipe, network: keras.Model, reporter: Reporter) -> None:
    """Count, quantise and convert the untrained ``network``, and write its C code, as the build will after training.

    Raises:
        ModelError: If a stage after training would refuse the network, with that stage's reason.
    """
    from kws_tfmot.models.counting import count_layers

    with reporter.task("checking network", None):
        count_layers(network)
        rng = np.random.default_rng(recipe.seed)
        steps = rng.integers(-128, 128, (_WINDOWS, *recipe.frontend.feature_shape, 1))
        features = (steps * recipe.frontend.scale).astype(np.float32)
        model = _converted(recipe, network, features)
        if recipe.quantization.mode != "none":
            _check_export(recipe, model)


def _converted(recipe: Recipe, network: keras.Model, features: np.ndarray) -> bytes:
    from kws_tfmot.models.copying import fresh_copy
    from kws_tfmot.quantization.tfmot_qat import apply_qat
    from kws_tfmot.tflite.convert import convert

    quantization = recipe.quantization
    if quantization.mode == "none":
        return convert(network, "float32", softmax=recipe.convert.softmax)
    if quantization.mode == "qat" and not quantization.low_bit:
        preserve = quantization.preserves(sparse=recipe.sparsity is not None)
        network = apply_qat(fresh_copy(network), preserve, recipe.frontend.scale, features)
    wanted = (recipe.frontend.scale, recipe.frontend.zero_point)
    softmax = recipe.convert.softmax
    return convert(network, "int8", features, input_quantization=wanted, softmax=softmax, exact_linear=True)


def _check_export(recipe: Recipe, model: bytes) -> None:
    """Write the C code of ``model`` for every target of the recipe and throw it away.

    Raises:
        ModelError: Naming every target that refuses, with its reason.
    """
    problems, hints = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(write_settings(model, recipe.contract().to_settings()))
        for target in recipe.export.targets:
            try:
                if target == "tflm":
                    export_tflm(path, Path(folder) / target, name=recipe.export.name)
                else:
                    export_engine(path, Path(folder) / target, optimise=recipe.export.optimise)
            except KwsError as error:
                problems.append(f"{target}: {error.message}")
                hints.append(error.hint)
    if problems:
        others = sorted({"tflm", "engine"} - {problem.partition(":")[0] for problem in problems})
        way_out = f"Write what can be written: export.targets=[{others[0]}]." if others else hints[0]
        raise ModelError("the network would train, but not become C code:\n  " + "\n  ".join(problems), way_out)
