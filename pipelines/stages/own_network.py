"""A network of the user's own, taken through every later stage before it is trained."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kws_tfmot.files import sha256_file
from kws_tfmot.models.settings import ModelSettings
from kws_tfmot.progress import Reporter
from kws_tfmot.recipe import Recipe

if TYPE_CHECKING:
    from kws_tfmot.keras import keras

_WINDOWS = 32  # of random features: what can be converted does not depend on them


def source_sha256(settings: ModelSettings) -> str:
    """Hash of the file that gives the network: the Keras file, or the module of the builder; empty if it is missing."""
    path = settings.file
    if settings.builder:
        here = str(Path.cwd())
        sys.path[:0] = [] if here in sys.path else [here]
        try:
            found = importlib.util.find_spec(settings.builder.partition(":")[0])
        except (ImportError, ValueError):
            found = None
        path = found.origin if found else None
    return sha256_file(path) if path and Path(path).is_file() else ""


def rehearse(recipe: Recipe, network: keras.Model, reporter: Reporter) -> None:
    """Count, quantise and convert the untrained ``network``, and write its C code, as the build will after training.

    Raises:
        ModelError: If a stage after training would refuse the network, with that stage's reason.
    """
    from kws_tfmot.models.counting import count_layers
    from pipelines.stages.rehearsal import check_export

    with reporter.task("checking network", None):
        count_layers(network)
        rng = np.random.default_rng(recipe.seed)
        steps = rng.integers(-128, 128, (_WINDOWS, *recipe.frontend.feature_shape, 1))
        features = (steps * recipe.frontend.scale).astype(np.float32)
        model = _converted(recipe, network, features)
        if recipe.quantization.mode != "none":
            check_export(recipe, model)


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
