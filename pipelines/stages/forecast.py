"""What a recipe will cost on a device, before anything is trained: its network with random weights and its zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kws_tfmot.frontend import Frontend
from kws_tfmot.recipe import Recipe
from kws_tfmot.sparsity.patterns import Pattern, select
from kws_tfmot.sparsity.settings import SparsitySettings
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.metadata import write_settings

if TYPE_CHECKING:
    from kws_tfmot.keras import keras

_CALIBRATION = 32  # clips of noise: where the ranges lie changes no cost


def untrained_model(recipe: Recipe) -> bytes:
    """The recipe's int8 model with random weights, as many of them zero as its sparse training will leave.

    Flash, RAM and instructions are close to those of the trained model: they depend on shapes and on how many weights
    are zero, little on which. A method that gives each layer its own sparsity, and units that die and are removed
    (``sparsity.shrink``), are not foreseen: every layer that is pruned has the recipe's target.

    Raises:
        RecipeError: If the sparse training names a layer that is not there, or would prune nothing.
        ModelError: If the network cannot be converted.
    """
    from kws_tfmot.keras import seed_everything
    from kws_tfmot.models import build_model

    contract, frontend = recipe.contract(), Frontend(recipe.frontend)
    seed_everything(recipe.seed)
    network = build_model(recipe.model, recipe.frontend.feature_shape, len(contract.labels))
    if recipe.sparsity:
        _make_zeros(network, recipe.sparsity)
    rng = np.random.default_rng(recipe.seed)
    noise = rng.normal(0, 3000, (_CALIBRATION, recipe.frontend.clip_samples)).astype(np.int16)
    calibration = frontend.features(noise).astype(np.float32)[..., None] * np.float32(recipe.frontend.scale)
    data = convert(
        network,
        "int8",
        calibration,
        input_quantization=(recipe.frontend.scale, recipe.frontend.zero_point),
        softmax=recipe.convert.softmax,
        exact_linear=True,
    )
    return write_settings(data, contract.to_settings() | {"recipe": recipe.name, "seed": recipe.seed})


def _make_zeros(network: keras.Model, settings: SparsitySettings) -> None:
    """Zero the smallest weights of every layer that ``settings`` prune."""
    from kws_tfmot.sparsity.coverage import coverage, kernels

    pattern, found = Pattern.parse(settings.pattern), kernels(network)
    for row in coverage(network, settings):
        if row.reason:
            continue
        kernel = found[row.layer]
        weights = kernel.numpy()
        matrix = weights.reshape(-1, weights.shape[-1])
        kept = select(np.abs(matrix), round((1 - settings.target) * matrix.size), pattern)
        kernel.assign((matrix * kept).reshape(weights.shape))
