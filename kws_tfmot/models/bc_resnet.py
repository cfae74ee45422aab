"""BC-ResNet: two-dimensional features, averaged over frequency, cheap work along time, added back to every frequency.

Kim et al. 2021, "Broadcasted Residual Learning for Efficient Keyword Spotting" (arXiv 2106.04140). Two things differ
from the paper, for int8: ReLU replaces swish, and one batch norm, which folds into its convolution, for that of
five sub-bands, which cannot (its factor changes within what one depthwise kernel convolves). So a published count of
parameters is that of this network and eight more for each channel of a frequency convolution. The MACs of the paper
(3.1 M for the smallest, here 2.5 M) count more than convolutions, which it does not say in detail.
"""

from __future__ import annotations

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models.layers import batch_norm_relu, classifier, conv_bn_relu
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.models.time_padding import TimePadding, TooFewFrames, newest_rows, padded

_WIDTH = 8
_MULTIPLIERS = {"s": 1.0, "m": 2.0, "l": 3.0}
# Of every stage: channels over the first stage's, blocks, stride along frequency, dilation along time.
_STAGES = ((1.0, 2, 1, 1), (1.5, 2, 2, 2), (2.0, 4, 2, 4), (2.5, 4, 1, 8))


def build(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """A 5x5 convolution, four stages of broadcasted residual blocks, a 5x5 depthwise and a 1x1 convolution.

    Args:
        settings: ``size`` s, m, l is BC-ResNet-1, -2, -3; ``multiplier`` gives any other (1.5), ``width`` the channels
            of the first stage (8 times the multiplier). ``blocks`` keeps the first stages only.
        input_shape: (frames, coefficients); the paper has 40 log-mel bands.
        classes: Number of labels.

    Raises:
        RecipeError: If there are fewer than 8 coefficients.
    """
    if input_shape[1] < 8 or input_shape[0] < 8:
        raise RecipeError(
            f"bc_resnet expected features of at least 8 x 8. Received: input_shape={input_shape}",
            "Use frontend.kind=log_mel with 40 bands, as its paper does, or the model ds_cnn.",
        )
    width = settings.width or _WIDTH * (settings.multiplier or _MULTIPLIERS[settings.size])
    channels = [max(1, round(width * factor)) for factor, *_ in _STAGES]
    padding = settings.resolved_time_padding
    inputs = keras.Input((*input_shape, 1), name="features")
    x = conv_bn_relu(inputs, "conv", round(2 * width), (5, 5), (1, 2), time_padding=padding)
    for stage, (_, blocks, stride, dilation) in enumerate(_STAGES[: settings.blocks or len(_STAGES)]):
        for block in range(blocks):
            name = f"stage{stage + 1}_block{block + 1}"
            shape = (channels[stage], stride if block == 0 else 1, dilation)
            x = _block(x, name, shape, padding, transition=block == 0)
    kernel = (5, min(5, x.shape[2]))
    if padding == "same":
        x = keras.layers.ZeroPadding2D(((2, 2), (0, 0)), name="last_pad")(x)
    elif x.shape[1] < kernel[0]:
        raise TooFewFrames(f"last_depthwise expected at least {kernel[0]} rows of time. Received: {x.shape[1]}")
    x = keras.layers.DepthwiseConv2D(kernel, use_bias=False, name="last_depthwise")(x)
    x = conv_bn_relu(x, "last", round(4 * width), (1, 1))
    x = keras.layers.AveragePooling2D(x.shape[1:3], name="pool")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, classifier(x, classes, settings.dropout), name="bc_resnet")


def _block(
    x: keras.KerasTensor, name: str, shape: tuple[int, int, int], padding: TimePadding, *, transition: bool
) -> keras.KerasTensor:
    """``ReLU(x + f2(x) + broadcast(f1(mean over frequency of f2(x))))``; in a transition without ``x``.

    ``f2`` is a depthwise 1x3 along frequency (in a transition behind a 1x1 to the stage's channels), ``f1`` a dilated
    depthwise 3x1 along time and a 1x1. ``shape`` is channels, stride along frequency, dilation along time.
    """
    channels, stride, dilation = shape
    along = (3, 1, dilation)
    shortcut = x
    if transition:
        x = conv_bn_relu(x, f"{name}_expand", channels, (1, 1))
    # Keras strides a depthwise convolution alike both ways, so frequency is thinned out by a pooling without a window.
    x = keras.layers.DepthwiseConv2D((1, 3), padding="same", use_bias=False, name=f"{name}_frequency")(x)
    x = batch_norm_relu(x, f"{name}_frequency", relu=False)
    if stride > 1:
        x = keras.layers.MaxPooling2D((1, 1), strides=(1, stride), name=f"{name}_thin")(x)
    y = keras.layers.AveragePooling2D((1, x.shape[2]), name=f"{name}_mean")(x)
    y, sides = padded(y, f"{name}_time", (3, 1), (1, 1), padding, (dilation, 1))
    y = keras.layers.DepthwiseConv2D(
        (3, 1), padding=sides, dilation_rate=(dilation, 1), use_bias=False, name=f"{name}_time"
    )(y)
    y = batch_norm_relu(y, f"{name}_time")
    y = keras.layers.Conv2D(channels, (1, 1), use_bias=False, name=f"{name}_pointwise")(y)
    x = keras.layers.Add(name=f"{name}_broadcast")([newest_rows(x, f"{name}_broadcast", padding, along), y])
    if not transition:
        x = keras.layers.Add(name=f"{name}_add")([x, newest_rows(shortcut, name, padding, along)])
    return keras.layers.ReLU(name=f"{name}_relu")(x)
