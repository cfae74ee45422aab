"""Parameters and multiply-accumulates of a Keras model, per layer, counted and not estimated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras

# Layers that multiply no weights with activations once batch norm is folded.
_FREE = (
    keras.layers.InputLayer,
    keras.layers.BatchNormalization,
    keras.layers.ReLU,
    keras.layers.Activation,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Dropout,
    keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.MaxPooling2D,
    keras.layers.Add,
    keras.layers.ZeroPadding2D,
    keras.layers.Cropping2D,
    keras.layers.Softmax,
)


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
    convolution, inputs x units for a fully connected layer; batch norm (folded), pooling and additions count none.

    Raises:
        ModelError: For a layer whose multiplies this function does not know, rather than leaving them out.
    """
    counts = []
    for layer in model.layers:
        kernel = getattr(layer, "depthwise_kernel", getattr(layer, "kernel", None))
        weights = 0 if kernel is None else math.prod(kernel.shape)
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            positions = math.prod(layer.output_shape[1:3])
            macs = positions * weights
        elif isinstance(layer, keras.layers.Dense):
            macs = weights * math.prod(layer.output_shape[1:-1])
        elif isinstance(layer, _FREE):
            macs = 0
        else:
            raise ModelError(
                f"cannot count the multiplies of layer {layer.name!r} of type {type(layer).__name__}.",
                "Teach kws_tfmot/models/counting.py this layer type.",
            )
        parameters = sum(math.prod(w.shape) for w in layer.trainable_weights)
        counts.append(LayerCount(layer.name, type(layer).__name__, weights, parameters, macs))
    return counts


def total_macs(model: keras.Model) -> int:
    """Multiply-accumulates of one inference of ``model``."""
    return sum(count.macs for count in count_layers(model))
