"""TENet: inverted bottlenecks with depthwise convolutions along time, coefficients as channels.

Li et al. 2020, "Small-Footprint Keyword Spotting with Multi-Scale Temporal Convolution" (arXiv 2010.09960). Their
kernels of several lengths become one of the longest after training; here that one is trained.
"""

from __future__ import annotations

from kws_tfmot.keras import keras
from kws_tfmot.models.layers import classifier, conv_bn_relu, depthwise_bn_relu
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.models.time_padding import TimePadding, newest_rows

_EXPANSION, _KERNEL = 3, 9
# size -> channels, bottlenecks: TENet6-narrow, TENet6, TENet12
_SIZES = {"s": (16, 6), "m": (32, 6), "l": (32, 12)}
_STAGES = 4


def build(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """A 3x1 convolution and bottlenecks in four stages, of which each halves time.

    A bottleneck is a 1x1 convolution to three times the channels, a 9x1 depthwise one and a 1x1 one back, added to
    its input (behind a 1x1 of stride 2 where time is halved).

    Args:
        settings: ``size`` s, m, l is TENet6-narrow, TENet6, TENet12; ``width`` sets the channels, ``blocks`` the
            bottlenecks, the last stages having one more where four does not divide them.
        input_shape: (frames, coefficients).
        classes: Number of labels.
    """
    width, count = _SIZES[settings.size]
    width, count = settings.width or width, settings.blocks or count
    inputs = keras.Input((*input_shape, 1), name="features")
    x = keras.layers.Reshape((input_shape[0], 1, input_shape[1]), name="time_by_channels")(inputs)
    padding = settings.resolved_time_padding
    x = conv_bn_relu(x, "conv", width, (3, 1), time_padding=padding)
    for stage in range(_STAGES):
        for block in range((count + stage) // _STAGES):
            x = _bottleneck(x, f"stage{stage + 1}_block{block + 1}", width, 2 if block == 0 else 1, padding)
    x = keras.layers.AveragePooling2D(x.shape[1:3], name="pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, classifier(x, classes, settings.dropout), name="tenet")


def _bottleneck(x: keras.KerasTensor, name: str, width: int, stride: int, padding: TimePadding) -> keras.KerasTensor:
    shortcut = newest_rows(x, name, padding, (_KERNEL, stride, 1))
    if stride > 1:
        shortcut = conv_bn_relu(shortcut, f"{name}_shortcut", width, (1, 1), (stride, 1))
    y = conv_bn_relu(x, f"{name}_expand", _EXPANSION * width, (1, 1))
    # Width is 1, so a stride both ways is one along time.
    y = depthwise_bn_relu(y, f"{name}_depthwise", (_KERNEL, 1), (stride, stride), time_padding=padding)
    y = conv_bn_relu(y, f"{name}_project", width, (1, 1), relu=False)
    y = keras.layers.Add(name=f"{name}_add")([y, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu")(y)
