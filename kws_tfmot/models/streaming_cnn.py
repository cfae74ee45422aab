"""A network for streams: convolutions along time, every one VALID, so that a row is computed once.

The shape is that of MLPerf Tiny's streaming wake word benchmark and of microWakeWord: a convolution over all
channels of a few frames, then blocks of a depthwise kernel ``n x 1`` along time and a pointwise convolution, and a
classifier over what is left of time. With ``separable: false`` a block is a full convolution ``9 x 1`` with a skip, as
in TC-ResNet (Choi et al. 2019, arXiv 1904.03814). With ``local: true`` three small convolutions, which halve the
frequencies each, stand in place of the first: what a sound looks like is learnt once for all frequencies, as in
BC-ResNet (Kim et al. 2021, arXiv 2106.04140). Nothing pads along time, so a window that ends at frame ``t`` gives the
same bytes whether its inner rows were computed for it or for an earlier window (docs on streaming).
"""

from __future__ import annotations

from pathlib import Path

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models.layers import batch_norm_relu
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.models.stored import load_stored
from kws_tfmot.models.time_padding import newest_rows

FIRST_KERNEL, STRIDE = 5, 3
CLASSIFIER = "classifier"
_KERNELS = (5, 7, 9, 11, 13, 15)
_FULL_KERNELS = (9,) * len(_KERNELS)
_FULL_BLOCKS = 3
_LOCAL_KERNELS = (5, 3, 3)
_LOCAL_CHANNELS = (2, 3, 4)  # eighths of the width
_SIZES = {"s": (48, 4), "m": (64, 4), "l": (96, 4)}  # size -> channels, blocks


def rows_left(frames: int, blocks: int, separable: bool = True, local: bool = False) -> int:
    """Rows of time before the classifier: ``1 + (frames - 5) // 3`` less ``kernel - 1`` of every block.

    >>> rows_left(148, 4), rows_left(118, 3, separable=False), rows_left(148, 4, local=True)
    (20, 14, 16)
    """
    kernels = (_KERNELS if separable else _FULL_KERNELS)[:blocks] + (_LOCAL_KERNELS[1:] if local else ())
    return 1 + (frames - FIRST_KERNEL) // STRIDE - sum(kernel - 1 for kernel in kernels)


def blocks_that_fit(frames: int, separable: bool = True, local: bool = False) -> int:
    """The most blocks that leave a row of time to the classifier.

    >>> blocks_that_fit(148), blocks_that_fit(49), blocks_that_fit(5), blocks_that_fit(118, separable=False)
    (5, 2, 0, 4)
    """
    return max((n for n in range(len(_KERNELS) + 1) if rows_left(frames, n, separable, local) >= 1), default=0)


def build(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """The network over one window: features [frames, channels, 1] to probabilities [classes].

    Args:
        settings: ``size`` chooses 48, 64 or 96 channels and 4 blocks (3 full ones), or as many as fit a shorter window;
            ``width`` and ``blocks`` (up to 6) override; ``separable`` says of what the blocks are, ``local`` what is
            ahead of them.
        input_shape: (frames, channels).
        classes: Number of labels.

    Raises:
        RecipeError: If the window is too short for the kernels.
    """
    width = settings.width or _SIZES[settings.size][0]
    fitting = blocks_that_fit(input_shape[0], settings.separable, settings.local)
    published = _SIZES[settings.size][1] if settings.separable else _FULL_BLOCKS
    blocks = settings.blocks or min(published, max(1, fitting))
    if blocks > fitting:
        raise RecipeError(
            f"streaming_cnn expected up to {fitting} blocks, all that fit {input_shape[0]} frames. "
            f"Received: model.blocks={blocks}",
            "Use fewer blocks, or longer clips (frontend.clip_ms).",
        )
    rows = rows_left(input_shape[0], blocks, settings.separable, settings.local)
    inputs = keras.Input((*input_shape, 1), name="features")
    x = _halving_frequencies(inputs, width) if settings.local else inputs
    kernel, strides = ((1, x.shape[2]), (1, 1)) if settings.local else ((FIRST_KERNEL, x.shape[2]), (STRIDE, 1))
    conv = keras.layers.Conv2D(width, kernel, strides=strides, padding="valid", use_bias=False, name="conv")
    x = batch_norm_relu(conv(x), "conv")
    x = (_separable_blocks if settings.separable else _full_blocks)(x, width, blocks)
    if settings.dropout:
        x = keras.layers.Dropout(settings.dropout, name="dropout")(x)
    x = keras.layers.Conv2D(classes, (rows, 1), padding="valid", name=CLASSIFIER)(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, keras.layers.Softmax(name="softmax")(x), name=f"streaming_cnn_{settings.size}")


def has_local_front(path: Path) -> bool:
    """Whether the network in a Keras file was built with ``local: true``.

    Raises:
        ModelError: If the file cannot be read.
    """
    return any(layer.name.startswith("local") for layer in load_stored(path).layers)


def _halving_frequencies(x: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """Convolutions of 5x5, 3x3 and 3x3, padded along frequency alone, the first with the stride along time."""
    for i, (kernel, eighths) in enumerate(zip(_LOCAL_KERNELS, _LOCAL_CHANNELS, strict=True), 1):
        sides = ((0, 0), (kernel // 2, kernel // 2))
        x = keras.layers.ZeroPadding2D(sides, name=f"local{i}_pad")(x)
        conv = keras.layers.Conv2D(
            max(1, width * eighths // 8), kernel, strides=(STRIDE if i == 1 else 1, 2), padding="valid", use_bias=False,
            name=f"local{i}_conv",
        )  # fmt: skip
        x = batch_norm_relu(conv(x), f"local{i}_conv")
    return x


def _separable_blocks(x: keras.KerasTensor, width: int, blocks: int) -> keras.KerasTensor:
    for i, kernel in enumerate(_KERNELS[:blocks], 1):
        depthwise = keras.layers.DepthwiseConv2D(
            (kernel, 1), padding="valid", use_bias=False, name=f"block{i}_depthwise"
        )
        x = batch_norm_relu(depthwise(x), f"block{i}_depthwise")
        pointwise = keras.layers.Conv2D(width, 1, padding="valid", use_bias=False, name=f"block{i}_pointwise")
        x = batch_norm_relu(pointwise(x), f"block{i}_pointwise")
    return x


def _full_blocks(x: keras.KerasTensor, width: int, blocks: int) -> keras.KerasTensor:
    """``relu(x + bn(conv(x)))``, the skip's newest rows beside those of the convolution."""
    for i, kernel in enumerate(_FULL_KERNELS[:blocks], 1):
        conv = keras.layers.Conv2D(width, (kernel, 1), padding="valid", use_bias=False, name=f"block{i}_conv")
        branch = batch_norm_relu(conv(x), f"block{i}_conv", relu=False)
        skip = newest_rows(x, f"block{i}", "valid", (kernel, 1, 1))
        x = keras.layers.ReLU(name=f"block{i}_relu")(keras.layers.Add(name=f"block{i}_add")([branch, skip]))
    return x


def over_stretch(window: keras.Model, frames: int) -> keras.Model:
    """The same layers, weights shared, over ``frames`` frames: logits [decisions, classes], one every 3 frames.

    Decision ``i`` equals that of ``window`` on the frames from ``3 i`` on.
    """
    inputs = keras.Input((frames, *window.input_shape[2:]), name="features")
    x = inputs
    given = {id(window.input): inputs}  # tensor of the window -> of the stretch
    for layer in window.layers[1:]:
        if isinstance(layer, keras.layers.Flatten):
            break
        before = layer.get_input_at(0)
        x = layer([given[id(one)] for one in before] if isinstance(before, list) else given[id(before)])
        given[id(layer.get_output_at(0))] = x
    return keras.Model(inputs, keras.layers.Reshape((-1, x.shape[-1]), name="decisions")(x), name="over_stretch")
