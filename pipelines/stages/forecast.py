"""What a recipe will cost on a device, before anything is trained: its network with random weights and its zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kws_tfmot.frontend import Frontend
from kws_tfmot.recipe import Recipe
from kws_tfmot.sparsity.patterns import select
from kws_tfmot.sparsity.sparsity_settings import SparsitySettings
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.metadata import write_settings

if TYPE_CHECKING:
    from kws_tfmot.keras import keras
    from kws_tfmot.quantization.integer_kernels import IntegerKernel
    from kws_tfmot.quantization.low_bit_settings import LowBitSettings

_CALIBRATION = 32  # clips of noise: where the ranges lie changes no cost


def untrained_model(recipe: Recipe) -> bytes:
    """The recipe's int8 model with random weights: as many zeros, bits and shared values as its training will leave.

    Flash, RAM and cycles are close to those of the trained model: they depend on shapes, bits and on how many weights
    are zero, little on which. A method that gives each layer its own sparsity, and units that die and are removed
    (``sparsity.shrink``), are not foreseen: every layer that is pruned has the recipe's target. Shared values
    (``quantization.clusters``) are quantiles of each kernel's weights.

    Raises:
        RecipeError: If the sparse training names a layer that is not there, would prune nothing, or its target is
            out of reach.
        ModelError: If the network cannot be converted.
    """
    from kws_tfmot.keras import seed_everything
    from kws_tfmot.models import build_model

    contract, frontend = recipe.contract(), Frontend(recipe.frontend)
    seed_everything(recipe.seed)
    network = build_model(recipe.model, recipe.frontend.feature_shape, len(contract.labels))
    if recipe.sparsity:
        _make_zeros(network, recipe.sparsity)
    if recipe.quantization.clusters:
        _share_values(network, recipe.quantization.clusters)
    kernels = _few_bits(network, recipe.quantization.low_bit) if recipe.quantization.low_bit else ()
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
        kernels=kernels,
    )
    return write_settings(data, contract.to_settings() | {"recipe": recipe.name, "seed": recipe.seed})


def _make_zeros(network: keras.Model, settings: SparsitySettings) -> None:
    """Zero the smallest weights of every layer that ``settings`` prune."""
    from kws_tfmot.sparsity.coverage import kernels
    from kws_tfmot.sparsity.target import check_reachable, layer_zeros

    found = kernels(network)
    rows = [row for row in check_reachable(network, settings) if not row.reason]
    zeros = layer_zeros(rows, settings.target)
    for row in rows:
        kernel = found[row.layer]
        weights = kernel.numpy()
        matrix = weights.reshape(-1, weights.shape[-1])
        kept = select(np.abs(matrix), row.weights - zeros[row.layer], row.pattern)
        kernel.assign((matrix * kept).reshape(weights.shape))


def _share_values(network: keras.Model, clusters: int) -> None:
    """Move the weights of every layer that TFMOT clusters to the nearest of ``clusters`` values; zeros stay zero."""
    from kws_tfmot.quantization.low_bit_layers import kernels_of
    from kws_tfmot.quantization.tfmot_clustering import is_clustered

    for name, kernel in kernels_of(network).items():
        if is_clustered(network.get_layer(name)):
            weights = kernel.numpy()
            centres = np.quantile(weights, (np.arange(clusters) + 0.5) / clusters)  # not a grid, which costs less
            nearest = centres[np.abs(weights[..., None] - centres).argmin(-1)]
            kernel.assign(np.where(weights == 0, 0, nearest))


def _few_bits(network: keras.Model, settings: LowBitSettings) -> list[IntegerKernel]:
    """Round every kernel of ``network`` to its grid; returns the integers that the int8 file shall hold."""
    from kws_tfmot.quantization.integer_kernels import integer_kernels, write_into
    from pipelines.stages.low_bit import rounded

    kernels = rounded(network, settings)
    write_into(network, kernels)
    return integer_kernels(network, kernels)
