"""DNN: fully connected layers on all frames at once (Zhang et al. 2017, "Hello Edge", arXiv 1711.07128)."""

from __future__ import annotations

from kws_tfmot.keras import keras
from kws_tfmot.models.layers import batch_norm_relu, classifier
from kws_tfmot.models.model_settings import ModelSettings

_UNITS = {"s": 144, "m": 256, "l": 436}


def build(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """``blocks`` (3) hidden layers of ``width`` (144, 256 or 436) units with batch norm and ReLU, then a softmax layer.

    Args:
        settings: ``size`` chooses the published width; ``width`` and ``blocks`` override it.
        input_shape: (frames, coefficients).
        classes: Number of labels.
    """
    units = settings.width or _UNITS[settings.size]
    inputs = keras.Input((*input_shape, 1), name="features")
    x = keras.layers.Flatten(name="flatten")(inputs)
    for i in range(1, (settings.blocks or 3) + 1):
        x = keras.layers.Dense(units, use_bias=False, name=f"dense{i}")(x)
        x = batch_norm_relu(x, f"dense{i}")
    return keras.Model(inputs, classifier(x, classes, settings.dropout), name=f"dnn_{settings.size}")
