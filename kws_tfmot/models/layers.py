"""Layer groups that the families share, in the order that quantisation-aware training can fold: linear, BN, ReLU."""

from __future__ import annotations

from kws_tfmot.keras import keras
from kws_tfmot.models.time_padding import TimePadding, padded

# Short trainings on small sets need faster running statistics than Keras' 0.99.
BATCH_NORM_MOMENTUM = 0.9


def batch_norm_relu(
    x: keras.KerasTensor, name: str, relu: bool = True, limit: float | None = None
) -> keras.KerasTensor:
    """Batch normalisation, then ReLU unless ``relu`` is false; the layers are ``<name>_bn`` and ``<name>_relu``.

    ``limit`` is the greatest value of the ReLU: 6 for ReLU6, ``None`` for none.
    """
    x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_bn")(x)
    return keras.layers.ReLU(limit, name=f"{name}_relu")(x) if relu else x


def conv_bn_relu(
    x: keras.KerasTensor,
    name: str,
    channels: int,
    kernel: tuple[int, int],
    strides: tuple[int, int] = (1, 1),
    relu: bool = True,
    limit: float | None = None,
    time_padding: TimePadding = "same",
) -> keras.KerasTensor:
    """SAME convolution (or VALID along time) without bias (the batch norm has one), batch norm and ReLU."""
    x, padding = padded(x, name, kernel, strides, time_padding)
    conv = keras.layers.Conv2D(channels, kernel, strides=strides, padding=padding, use_bias=False, name=name)
    return batch_norm_relu(conv(x), name, relu, limit)


def depthwise_bn_relu(
    x: keras.KerasTensor,
    name: str,
    kernel: tuple[int, int],
    strides: tuple[int, int] = (1, 1),
    limit: float | None = None,
    time_padding: TimePadding = "same",
) -> keras.KerasTensor:
    """SAME depthwise convolution (or VALID along time) without bias, batch norm and ReLU."""
    x, padding = padded(x, name, kernel, strides, time_padding)
    conv = keras.layers.DepthwiseConv2D(kernel, strides=strides, padding=padding, use_bias=False, name=name)
    return batch_norm_relu(conv(x), name, limit=limit)


def classifier(x: keras.KerasTensor, classes: int, dropout: float) -> keras.KerasTensor:
    """Optional dropout, then the fully connected softmax layer ``classifier``."""
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.layers.Dense(classes, activation="softmax", name="classifier")(x)
