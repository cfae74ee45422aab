"""Which layers sparse training touches, which it leaves dense, and why: always said, never silent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.keras import keras
from kws_tfmot.sparsity.patterns import UNSTRUCTURED, Pattern
from kws_tfmot.sparsity.sparsity_settings import SparsitySettings, TfmotMagnitude

_PRUNABLE = (keras.layers.Conv2D, keras.layers.Dense)
_RECURRENT = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)


@dataclass(frozen=True)
class Coverage:
    """What becomes of one layer that has a kernel.

    Attributes:
        layer: Its name; of a recurrent layer that of one of its kernels, see :func:`kernels`.
        weights: Elements of its kernel; biases and batch norm are never pruned.
        reason: Why it is not pruned; empty for a layer that is.
        pattern: Where its zeros may lie.
        note: Why the pattern is not the one asked for; empty where it is.
    """

    layer: str
    weights: int
    reason: str = ""
    pattern: Pattern = UNSTRUCTURED
    note: str = ""


def kernel_of(layer: keras.layers.Layer) -> keras.backend.Variable | None:
    """The kernel of a convolution, depthwise convolution or fully connected layer, otherwise ``None``."""
    return getattr(layer, "depthwise_kernel", getattr(layer, "kernel", None))


def kernels(model: keras.Model) -> dict[str, keras.backend.Variable]:
    """Every kernel of ``model`` by its layer's name; an LSTM, GRU or SimpleRNN has two, ``NAME/kernel`` of its inputs
    and ``NAME/recurrent_kernel`` of its state."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, _RECURRENT):
            found[f"{layer.name}/kernel"] = layer.cell.kernel
            found[f"{layer.name}/recurrent_kernel"] = layer.cell.recurrent_kernel
        elif (kernel := kernel_of(layer)) is not None:
            found[layer.name] = kernel
    return found


def layer_of(model: keras.Model, kernel: str) -> keras.layers.Layer:
    """The layer that a name of :func:`kernels` belongs to."""
    return model.get_layer(kernel.rsplit("/", 1)[0] if kernel.endswith(("/kernel", "/recurrent_kernel")) else kernel)


def check_skip(model: keras.Model, skip: Iterable[str], key: str) -> None:
    """Refuse layers to skip that ``model`` does not have.

    Raises:
        RecipeError: Naming the recipe's ``key``, the layer, and the layers there are.
    """
    names = [layer.name for layer in model.layers]
    for name in skip:
        if name not in names:
            raise RecipeError(
                f"{key} names the layer {name!r}, which the model does not have.{did_you_mean(name, names)}",
                f"Layers with weights: {', '.join(x.name for x in model.layers if kernel_of(x) is not None)}.",
            )


def coverage(model: keras.Model, settings: SparsitySettings) -> list[Coverage]:
    """Say for every layer with a kernel whether it is pruned, and if not, why.

    Raises:
        RecipeError: If ``settings.skip`` names a layer that does not exist, or nothing would be pruned.
    """
    check_skip(model, settings.skip, "sparsity.skip")
    rows = [_judge(name, layer_of(model, name), kernel, settings) for name, kernel in kernels(model).items()]
    if all(row.reason for row in rows):
        reasons = "; ".join(f"{row.layer}: {row.reason}" for row in rows)
        raise RecipeError(f"no layer would be pruned ({reasons}).", "Change sparsity.skip or sparsity.pattern.")
    return rows


def _judge(
    name: str, layer: keras.layers.Layer, kernel: keras.backend.Variable, settings: SparsitySettings
) -> Coverage:
    weights, shape = int(np.prod(kernel.shape)), tuple(kernel.shape)
    if reason := _reason(layer, shape, settings):
        return Coverage(name, weights, reason)
    pattern = settings.parsed_pattern
    if pattern.group > 1 and (problem := _misfit(shape, settings)):
        return Coverage(name, weights, note=f"unstructured: {problem}")
    return Coverage(name, weights, pattern=pattern)


def _reason(layer: keras.layers.Layer, shape: tuple[int, ...], settings: SparsitySettings) -> str:
    if layer.name in settings.skip:
        return "named in sparsity.skip"
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return "depthwise: few weights, each used at every position (TFMOT never prunes them)"
    if not layer.trainable:
        return "training leaves it alone (trainable=False)"
    if isinstance(layer, _RECURRENT) and settings.shrink:
        return "units of recurrent layers are not removed (sparsity.shrink)"
    if isinstance(layer, _RECURRENT) and settings.looks_at_inputs:
        return "the criterion looks at a layer's inputs, which are not known within a recurrent one"
    if not isinstance(layer, (*_PRUNABLE, *_RECURRENT)):
        return f"layers of type {type(layer).__name__} are not pruned"
    return _misfit(shape, settings) if settings.parsed_pattern.kept else ""


def _misfit(shape: tuple[int, ...], settings: SparsitySettings) -> str:
    """Why a kernel of this shape does not divide into the pattern's groups; empty where it does."""
    pattern, (*spatial, channels, outputs) = settings.parsed_pattern, shape
    if isinstance(settings, TfmotMagnitude):
        # TFMOT's groups lie along the input channels of one position, and its blocks in matrices only.
        if pattern.kept and channels % pattern.inputs:
            return f"{channels} input channels are no multiple of {pattern.inputs}, which {settings.pattern} needs"
        if pattern.group > 1 and spatial:
            return "TFMOT prunes blocks in fully connected kernels only"
    fan_in = int(np.prod(spatial)) * channels
    if not pattern.fits(fan_in, outputs):
        return f"{fan_in} inputs x {outputs} outputs do not divide into {settings.pattern}"
    return ""
