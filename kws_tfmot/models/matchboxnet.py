"""MatchboxNet: time-channel separable convolutions with long kernels (Majumdar and Ginsburg 2020, arXiv 2004.08531)."""

from __future__ import annotations

from kws_tfmot.keras import keras
from kws_tfmot.models.layers import batch_norm_relu, classifier, conv_bn_relu
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.models.time_padding import TimePadding, newest_rows, padded

_SUB_BLOCKS = {"s": 1, "m": 2, "l": 3}


def build(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """An 11x1 separable convolution, residual blocks of 13x1, 15x1, 17x1 ... ones, a dilated 29x1 and a 1x1 one.

    Args:
        settings: ``size`` s, m, l is MatchboxNet-3x1-64, -3x2-64, -3x3-64; ``blocks`` sets the number of blocks,
            ``width`` their channels; first and last convolutions have twice as many.
        input_shape: (frames, coefficients); the paper has 64 MFCC.
        classes: Number of labels.
    """
    width, blocks, repeats = settings.width or 64, settings.blocks or 3, _SUB_BLOCKS[settings.size]
    padding = settings.resolved_time_padding
    inputs = keras.Input((*input_shape, 1), name="features")
    x = keras.layers.Reshape((input_shape[0], 1, input_shape[1]), name="time_by_channels")(inputs)
    x = _separable(x, "first", 2 * width, 11, padding)
    for block in range(1, blocks + 1):
        branch = [(11 + 2 * block, 1, 1)] * repeats
        shortcut = newest_rows(x, f"block{block}", padding, *branch)
        shortcut = conv_bn_relu(shortcut, f"block{block}_shortcut", width, (1, 1), relu=False)
        for part in range(1, repeats + 1):
            x = _separable(x, f"block{block}_part{part}", width, 11 + 2 * block, padding, relu=part < repeats)
        x = keras.layers.Add(name=f"block{block}_add")([x, shortcut])
        x = keras.layers.ReLU(name=f"block{block}_relu")(x)
    x = _separable(x, "wide", 2 * width, 29, padding, dilation=2)
    x = conv_bn_relu(x, "last", 2 * width, (1, 1))
    x = keras.layers.AveragePooling2D(x.shape[1:3], name="pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, classifier(x, classes, settings.dropout), name="matchboxnet")


def _separable(
    x: keras.KerasTensor,
    name: str,
    channels: int,
    kernel: int,
    padding: TimePadding,
    dilation: int = 1,
    relu: bool = True,
) -> keras.KerasTensor:
    """Depthwise along time, then pointwise, then batch norm: nothing is between the two, as in the paper."""
    x, sides = padded(x, f"{name}_depthwise", (kernel, 1), (1, 1), padding, (dilation, 1))
    x = keras.layers.DepthwiseConv2D(
        (kernel, 1), padding=sides, dilation_rate=(dilation, 1), use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = keras.layers.Conv2D(channels, (1, 1), use_bias=False, name=name)(x)
    return batch_norm_relu(x, name, relu)
