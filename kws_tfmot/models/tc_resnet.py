"""TC-ResNet8: residual convolutions along time, coefficients as channels (Choi et al. 2019, arXiv 1904.03814)."""

from __future__ import annotations

from kws_tfmot.keras import keras
from kws_tfmot.models.layers import classifier, conv_bn_relu
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.models.time_padding import newest_rows

_CHANNELS = (16, 24, 32, 48)


def build(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """A 3x1 convolution and three residual blocks of two 9x1 convolutions, the first with stride 2.

    The shortcut is a 1x1 convolution with stride 2, as the channels change in every block. One-dimensional
    convolutions are written as two-dimensional ones of width 1, which TFMOT and TFLite Micro know.

    Args:
        settings: ``width`` sets the channels of the last block, the others keep the published proportion.
        input_shape: (frames, coefficients).
        classes: Number of labels.
    """
    last = settings.width or _CHANNELS[-1]
    channels = [max(1, round(c * last / _CHANNELS[-1])) for c in _CHANNELS]
    padding = settings.resolved_time_padding
    inputs = keras.Input((*input_shape, 1), name="features")
    x = keras.layers.Reshape((input_shape[0], 1, input_shape[1]), name="time_by_channels")(inputs)
    x = conv_bn_relu(x, "conv", channels[0], (3, 1), time_padding=padding)
    for i, width in enumerate(channels[1 : 1 + (settings.blocks or 3)], start=1):
        shortcut = newest_rows(x, f"block{i}", padding, (9, 2, 1), (9, 1, 1))
        shortcut = conv_bn_relu(shortcut, f"block{i}_shortcut", width, (1, 1), strides=(2, 1))
        x = conv_bn_relu(x, f"block{i}_conv1", width, (9, 1), strides=(2, 1), time_padding=padding)
        x = conv_bn_relu(x, f"block{i}_conv2", width, (9, 1), relu=False, time_padding=padding)
        x = keras.layers.Add(name=f"block{i}_add")([x, shortcut])
        x = keras.layers.ReLU(name=f"block{i}_relu")(x)
    x = keras.layers.AveragePooling2D(x.shape[1:3], name="pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, classifier(x, classes, settings.dropout), name="tc_resnet8")
