"""Parameters and multiply-accumulates of a Keras model, per layer, counted and not estimated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.models.own.hard_swish import HardSwish

# Layers that multiply no weights with activations once batch norm is folded.
_L = keras.layers
_FREE = (
    *(_L.InputLayer, _L.BatchNormalization, _L.Dropout, _L.SpatialDropout1D, _L.SpatialDropout2D),
    *(_L.ReLU, _L.LeakyReLU, _L.ELU, _L.Activation, _L.Softmax, HardSwish),
    *(_L.Flatten, _L.Reshape, _L.Permute, _L.RepeatVector, _L.Identity, _L.Concatenate),
    *(_L.Add, _L.Subtract, _L.Multiply, _L.Maximum, _L.Minimum, _L.Average),
    *(_L.AveragePooling1D, _L.AveragePooling2D, _L.MaxPooling1D, _L.MaxPooling2D),
    *(_L.GlobalAveragePooling1D, _L.GlobalAveragePooling2D, _L.GlobalMaxPooling1D, _L.GlobalMaxPooling2D),
    *(_L.ZeroPadding1D, _L.ZeroPadding2D, _L.Cropping1D, _L.Cropping2D, _L.UpSampling1D, _L.UpSampling2D),
)
_RECURRENT = (keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN)
_CONVOLUTIONS = (
    keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D
)  # fmt: skip


@dataclass(frozen=True)
class LayerCount:
    """Counts of one layer: ``weights`` are kernel elements, ``parameters`` all trainable ones."""

    name: str
    kind: str
    weights: int
    parameters: int
    macs: int


def count_layers(model: keras.Model) -> list[LayerCount]:
    """Count each layer of ``model``.

    MACs: one for each multiply-accumulate of an inference with batch 1: output positions x kernel elements for a
    convolution (input positions for a transposed one), inputs x units for a fully connected layer, time steps x both
    kernels for a recurrent one; batch norm (folded), pooling, additions and products of activations count none. The
    layers of nested models are in their place.

    Raises:
        ModelError: For a layer whose multiplies this function does not know, rather than leaving them out.
    """
    counts = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            counts += count_layers(layer)
            continue
        weights, macs = _weights_and_macs(layer)
        parameters = sum(math.prod(w.shape) for w in layer.trainable_weights)
        counts.append(LayerCount(layer.name, type(layer).__name__, weights, parameters, macs))
    return counts


def _weights_and_macs(layer: keras.layers.Layer) -> tuple[int, int]:
    if isinstance(layer, _FREE):
        return 0, 0
    if isinstance(layer, keras.layers.Conv2DTranspose):
        weights = math.prod(layer.kernel.shape)
        return weights, weights * math.prod(layer.input_shape[1:3])
    if isinstance(layer, keras.layers.SeparableConv1D | keras.layers.SeparableConv2D):
        weights = math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape)
        return weights, weights * math.prod(layer.output_shape[1:-1])
    if isinstance(layer, _CONVOLUTIONS):
        kernel = layer.depthwise_kernel if hasattr(layer, "depthwise_kernel") else layer.kernel
        weights = math.prod(kernel.shape)
        return weights, weights * math.prod(layer.output_shape[1:-1])
    if isinstance(layer, keras.layers.Dense):
        weights = math.prod(layer.kernel.shape)
        return weights, weights * math.prod(layer.output_shape[1:-1])
    if isinstance(layer, _RECURRENT):
        weights = math.prod(layer.cell.kernel.shape) + math.prod(layer.cell.recurrent_kernel.shape)
        return weights, weights * layer.input_shape[1]
    if not layer.weights and not hasattr(layer, "layer"):
        kind = "without weights, whose arithmetic is not known"
    else:
        kind = "with weights"
    raise ModelError(
        f"cannot count the multiplies of layer {layer.name!r} of type {type(layer).__name__}, a layer {kind}.",
        "Teach kws_tfmot/models/counting.py this layer type, or build the model from the layers it knows.",
    )


def total_macs(model: keras.Model) -> int:
    """Multiply-accumulates of one inference of ``model``."""
    return sum(count.macs for count in count_layers(model))
