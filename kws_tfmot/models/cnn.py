"""CNN: two convolutions and two fully connected layers (Zhang et al. 2017, "Hello Edge", arXiv 1711.07128).

The published networks put a linear low-rank layer between the convolutions and the hidden layer; so does this one.
"""

from __future__ import annotations

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models.layers import batch_norm_relu, classifier
from kws_tfmot.models.model_settings import ModelSettings

# size -> (channels 1, channels 2, linear units, hidden units); kernels 10x4 and 10x4, the second with stride (2, 1)
_SIZES = {"s": (28, 30, 16, 128), "m": (64, 48, 16, 128), "l": (60, 76, 58, 128)}


def build(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """Two VALID 10x4 convolutions, the second with stride (2, 1), a linear layer, a hidden layer and a softmax layer.

    Args:
        settings: ``size`` chooses the published network; ``width`` sets the channels of both convolutions.
        input_shape: (frames, coefficients), at least 20 x 7.
        classes: Number of labels.

    Raises:
        RecipeError: If the features are too small for two VALID 10x4 kernels.
    """
    if input_shape[0] < 20 or input_shape[1] < 7:
        raise RecipeError(
            f"cnn expected features of at least 20 x 7. Received: input_shape={input_shape}",
            "Use more coefficients or a shorter hop, or the model dnn.",
        )
    first, second, linear, hidden = _SIZES[settings.size]
    first, second = settings.width or first, settings.width or second
    inputs = keras.Input((*input_shape, 1), name="features")
    x = keras.layers.Conv2D(first, (10, 4), use_bias=False, name="conv1")(inputs)
    x = batch_norm_relu(x, "conv1")
    x = keras.layers.Conv2D(second, (10, 4), strides=(2, 1), use_bias=False, name="conv2")(x)
    x = batch_norm_relu(x, "conv2")
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(linear, name="linear")(x)
    x = keras.layers.Dense(hidden, use_bias=False, name="hidden")(x)
    x = batch_norm_relu(x, "hidden")
    return keras.Model(inputs, classifier(x, classes, settings.dropout), name=f"cnn_{settings.size}")
