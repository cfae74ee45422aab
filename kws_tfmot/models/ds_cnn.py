"""DS-CNN: depthwise separable convolutions (Zhang et al. 2017, "Hello Edge", arXiv 1711.07128).

The small size on 49 x 10 features is the network of MLPerf Tiny's keyword spotting benchmark (2,656,768 MACs with 12
classes).
"""

from __future__ import annotations

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models.layers import classifier, conv_bn_relu, depthwise_bn_relu
from kws_tfmot.models.model_settings import ModelSettings

# size -> (channels, separable blocks, strides of the first convolution, strides of the first block)
_SIZES = {
    "s": (64, 4, (2, 2), (1, 1)),
    "m": (172, 4, (2, 1), (2, 2)),
    "l": (276, 5, (2, 1), (2, 2)),
}


def build(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """A 10x4 convolution, separable 3x3 blocks, average pooling over the map and a softmax layer.

    Args:
        settings: ``size`` chooses the published network; ``width`` and ``blocks`` override it.
        input_shape: (frames, coefficients).
        classes: Number of labels.

    Raises:
        RecipeError: If the features are smaller than 4 x 4.
    """
    if min(input_shape) < 4:
        raise RecipeError(
            f"ds_cnn expected features of at least 4 x 4. Received: input_shape={input_shape}",
            "Use more coefficients or a shorter hop, or the model dnn.",
        )
    channels, blocks, first_strides, block_strides = _SIZES[settings.size]
    channels = settings.width or channels
    blocks = settings.blocks or blocks
    padding = settings.resolved_time_padding
    inputs = keras.Input((*input_shape, 1), name="features")
    x = conv_bn_relu(inputs, "conv", channels, (10, 4), first_strides, time_padding=padding)
    for i in range(1, blocks + 1):
        strides = block_strides if i == 1 else (1, 1)
        x = depthwise_bn_relu(x, f"block{i}_depthwise", (3, 3), strides, time_padding=padding)
        x = conv_bn_relu(x, f"block{i}_pointwise", channels, (1, 1))
    x = keras.layers.AveragePooling2D(x.shape[1:3], name="pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, classifier(x, classes, settings.dropout), name=f"ds_cnn_{settings.size}")
