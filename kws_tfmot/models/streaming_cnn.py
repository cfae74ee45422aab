"""A network for streams: depthwise convolutions along time, every one VALID, so that a row is computed once.

The shape is that of MLPerf Tiny's streaming wake word benchmark and of microWakeWord: a convolution over all
channels of a few frames, then blocks of a depthwise kernel ``n x 1`` along time and a pointwise convolution, and a
classifier over what is left of time. Nothing pads along time, so a window that ends at frame ``t`` gives the same
bytes whether its inner rows were computed for it or for an earlier window (docs on streaming).
"""

from __future__ import annotations

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models.layers import batch_norm_relu
from kws_tfmot.models.settings import ModelSettings

FIRST_KERNEL, STRIDE = 5, 3
CLASSIFIER = "classifier"
_KERNELS = (5, 7, 9, 11, 13, 15)
_SIZES = {"s": (48, 4), "m": (64, 4), "l": (96, 4)}  # size -> channels, blocks


def rows_left(frames: int, blocks: int) -> int:
    """Rows of time before the classifier: ``1 + (frames - 5) // 3`` less ``kernel - 1`` of every block.

    >>> rows_left(148, 4)
    20
    """
    return 1 + (frames - FIRST_KERNEL) // STRIDE - sum(kernel - 1 for kernel in _KERNELS[:blocks])


def blocks_that_fit(frames: int) -> int:
    """The most blocks that leave a row of time to the classifier.

    >>> blocks_that_fit(148), blocks_that_fit(49), blocks_that_fit(5)
    (5, 2, 0)
    """
    return max((n for n in range(len(_KERNELS) + 1) if rows_left(frames, n) >= 1), default=0)


def build(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """The network over one window: features [frames, channels, 1] to probabilities [classes].

    Args:
        settings: ``size`` chooses 48, 64 or 96 channels and 4 blocks, or as many as fit a shorter window; ``width`` and
            ``blocks`` (up to 6) override.
        input_shape: (frames, channels).
        classes: Number of labels.

    Raises:
        RecipeError: If the window is too short for the kernels.
    """
    width = settings.width or _SIZES[settings.size][0]
    fitting = blocks_that_fit(input_shape[0])
    blocks = settings.blocks or min(_SIZES[settings.size][1], max(1, fitting))
    if blocks > fitting:
        raise RecipeError(
            f"streaming_cnn expected up to {fitting} blocks, all that fit {input_shape[0]} frames. "
            f"Received: model.blocks={blocks}",
            "Use fewer blocks, or longer clips (frontend.clip_ms).",
        )
    rows = rows_left(input_shape[0], blocks)
    inputs = keras.Input((*input_shape, 1), name="features")
    x = _trunk(inputs, input_shape[1], width, blocks)
    if settings.dropout:
        x = keras.layers.Dropout(settings.dropout, name="dropout")(x)
    x = keras.layers.Conv2D(classes, (rows, 1), padding="valid", name=CLASSIFIER)(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, keras.layers.Softmax(name="softmax")(x), name=f"streaming_cnn_{settings.size}")


def _trunk(x: keras.KerasTensor, channels: int, width: int, blocks: int) -> keras.KerasTensor:
    conv = keras.layers.Conv2D(
        width, (FIRST_KERNEL, channels), strides=(STRIDE, 1), padding="valid", use_bias=False, name="conv"
    )
    x = batch_norm_relu(conv(x), "conv")
    for i, kernel in enumerate(_KERNELS[:blocks], 1):
        depthwise = keras.layers.DepthwiseConv2D(
            (kernel, 1), padding="valid", use_bias=False, name=f"block{i}_depthwise"
        )
        x = batch_norm_relu(depthwise(x), f"block{i}_depthwise")
        pointwise = keras.layers.Conv2D(width, 1, padding="valid", use_bias=False, name=f"block{i}_pointwise")
        x = batch_norm_relu(pointwise(x), f"block{i}_pointwise")
    return x


def over_stretch(window: keras.Model, frames: int) -> keras.Model:
    """The same layers, weights shared, over ``frames`` frames: logits [decisions, classes], one every 3 frames.

    Decision ``i`` equals that of ``window`` on the frames from ``3 i`` on.
    """
    inputs = keras.Input((frames, *window.input_shape[2:]), name="features")
    x = inputs
    for layer in window.layers[1:]:
        if isinstance(layer, keras.layers.Flatten):
            break
        x = layer(x)
    return keras.Model(inputs, keras.layers.Reshape((-1, x.shape[-1]), name="decisions")(x), name="over_stretch")
