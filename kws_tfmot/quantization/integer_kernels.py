"""Kernels of few bits as an int8 file holds them: integer levels, and a scale and bias for each output channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_tfmot.array_files import open_arrays, write_arrays
from kws_tfmot.damage import ANEW, reading
from kws_tfmot.keras import keras
from kws_tfmot.quantization.batch_norm_folding import only_follower
from kws_tfmot.quantization.grids import Grid
from kws_tfmot.quantization.low_bit_layers import LowBitLayer, kernels_of
from kws_tfmot.sparsity.survival import as_tflite


@dataclass(frozen=True)
class GridKernel:
    """A Keras kernel on its grid: ``steps * levels``, in the kernel's own order; ``steps`` broadcast."""

    bits: int
    zero: bool
    levels: npt.NDArray[np.int16]
    steps: npt.NDArray[np.float32]


@dataclass(frozen=True)
class IntegerKernel:
    """A layer with its batch norm folded in: ``scales[c] * values[..., c]`` and ``bias[c]`` are real weights and bias.

    Attributes:
        layer: Its name in Keras.
        values: int8 in TFLite's order of dimensions: a power of two times the level, negated where batch norm negates.
        scales: float32, one for each output channel.
        bias: float64, one for each output channel.
        axis: That of the output channels in ``values``.
    """

    layer: str
    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float64]
    axis: int

    @property
    def real(self) -> npt.NDArray[np.float64]:
        """The weights that the integers represent."""
        shape = [1] * self.values.ndim
        shape[self.axis] = -1
        return self.values * self.scales.astype(np.float64).reshape(shape)


def grid_kernels(layers: list[LowBitLayer], kernels: Mapping[str, np.ndarray], fit: str) -> dict[str, GridKernel]:
    """``kernels`` rounded to the grids of ``layers`` (post-training rounding)."""
    found = {}
    for layer in layers:
        kernel = kernels[layer.name]
        steps = layer.steps(kernel, fit)
        levels = layer.levels(kernel, steps).astype(np.int16)
        found[layer.name] = GridKernel(layer.grid.bits, layer.grid.zero, levels, steps)
    return found


def write_into(model: keras.Model, kernels: Mapping[str, GridKernel]) -> None:
    """Give the layers of ``model`` the weights ``steps * levels``."""
    held = kernels_of(model)
    for name, kernel in kernels.items():
        held[name].assign(kernel.steps * kernel.levels.astype(np.float32))


def integer_kernels(model: keras.Model, kernels: Mapping[str, GridKernel]) -> list[IntegerKernel]:
    """What an int8 file must hold for ``model``, whose weights are ``kernels``.

    With ``g = gamma / sqrt(variance + epsilon)`` of a batch norm behind the layer (1 without), channel ``c`` has the
    scale ``steps |g_c| / m``, the integers ``m sign(g_c) levels``, ``m = Grid.factor``, and the bias
    ``beta + g (bias - mean)``. Channels that are zero throughout take the largest scale of their layer.
    """
    return [_integer_kernel(model.get_layer(name), kernel) for name, kernel in kernels.items()]


def _integer_kernel(layer: keras.layers.Layer, kernel: GridKernel) -> IntegerKernel:
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    factor, bias = _channel_factors(layer, kernel.levels.size if depthwise else kernel.levels.shape[-1], depthwise)
    grown = Grid(kernel.bits, kernel.zero).factor
    levels = as_tflite(kernel.levels, depthwise)
    axis = levels.ndim - 1 if depthwise else 0
    shape = [1] * levels.ndim
    shape[axis] = -1
    values = levels * np.sign(factor).astype(np.int16).reshape(shape) * grown
    # One step for the whole kernel, or one for each output channel, in the order of the channels
    steps = np.broadcast_to(kernel.steps.reshape(-1).astype(np.float64), factor.shape)
    scales = steps * np.abs(factor) / grown
    alive = np.abs(values).max(axis=tuple(a for a in range(values.ndim) if a != axis)) > 0
    scales = np.where(alive, scales, scales[alive].max() if alive.any() else 1.0)
    return IntegerKernel(layer.name, values.astype(np.int8), scales.astype(np.float32), bias, axis)


def _channel_factors(layer: keras.layers.Layer, size: int, depthwise: bool) -> tuple[np.ndarray, np.ndarray]:
    """``(g, bias)`` of each output channel, float64."""
    channels = size // int(np.prod(layer.depthwise_kernel.shape[:2])) if depthwise else size
    bias = layer.bias.numpy().astype(np.float64) if layer.use_bias else np.zeros(channels)
    linear = layer.activation is keras.activations.linear
    norm = only_follower(layer, keras.layers.BatchNormalization) if linear else None
    if norm is None:
        return np.ones(channels), bias
    mean, variance = norm.moving_mean.numpy().astype(np.float64), norm.moving_variance.numpy().astype(np.float64)
    gamma = norm.gamma.numpy().astype(np.float64) if norm.scale else np.ones(channels)
    beta = norm.beta.numpy().astype(np.float64) if norm.center else np.zeros(channels)
    factor = gamma / np.sqrt(variance + norm.epsilon)
    return factor, beta + factor * (bias - mean)


def save_kernels(kernels: Mapping[str, GridKernel], path: Path) -> None:
    """Write levels and steps of every layer as ``.npz``."""
    arrays: dict[str, np.ndarray] = {}
    for name, kernel in kernels.items():
        arrays |= {f"levels/{name}": kernel.levels, f"steps/{name}": kernel.steps}
        arrays[f"grid/{name}"] = np.array([kernel.bits, kernel.zero], np.int16)
    write_arrays(path, **arrays)


def load_kernels(path: Path) -> dict[str, GridKernel]:
    """Read what :func:`save_kernels` wrote.

    Raises:
        ModelError: It cannot be read.
    """
    with reading(path, "a file of the run", ANEW), open_arrays(path) as stored:
        names = [key.removeprefix("levels/") for key in stored.files if key.startswith("levels/")]
        return {
            name: GridKernel(
                int(stored[f"grid/{name}"][0]),
                bool(stored[f"grid/{name}"][1]),
                stored[f"levels/{name}"],
                stored[f"steps/{name}"],
            )
            for name in names
        }
