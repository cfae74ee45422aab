"""Padding along time: SAME as networks are published, or none, so that a stream's rows are computed once.

Features are [frames, coefficients]: dimension 1 of a layer's output is time, dimension 2 frequency. Without padding
along time a row depends on the rows below it alone and not on where the window ends (docs on streaming), while
frequency is padded as ever: by ``max((ceil(w / s) - 1) s + (k - 1) d + 1 - w, 0)`` columns, the lesser half before.
"""

from __future__ import annotations

import math
from typing import Literal

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras

TimePadding = Literal["same", "valid"]


class TooFewFrames(RecipeError):
    """The window is shorter than the kernels along time that nothing pads."""


def padded(
    x: keras.KerasTensor,
    name: str,
    kernel: tuple[int, int],
    strides: tuple[int, int],
    time_padding: TimePadding,
    dilation: tuple[int, int] = (1, 1),
) -> tuple[keras.KerasTensor, str]:
    """What a convolution reads, and its ``padding``: ``x`` and ``same``, or ``x`` padded along frequency and ``valid``.

    Args:
        x: ``[batch, time, frequency, channels]``.
        name: Of the layer; its padding is the layer ``<name>_pad``.
        kernel: Along time and frequency.
        strides: Along both.
        time_padding: Whether time is padded.
        dilation: Along both.

    Raises:
        TooFewFrames: If no row is left.
    """
    if time_padding == "same":
        return x, "same"
    reach = [(taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True)]
    if x.shape[1] < reach[0]:
        raise TooFewFrames(f"{name} expected at least {reach[0]} rows of time. Received: {x.shape[1]}")
    left = max((math.ceil(x.shape[2] / strides[1]) - 1) * strides[1] + reach[1] - x.shape[2], 0)
    if left:
        sides = (left // 2, left - left // 2)
        x = keras.layers.ZeroPadding2D(((0, 0), sides), name=f"{name}_pad")(x)
    return x, "valid"


def newest_rows(
    x: keras.KerasTensor, name: str, time_padding: TimePadding, *branch: tuple[int, int, int]
) -> keras.KerasTensor:
    """The rows of a skip that lie beside the rows of its branch: ``x``, or its newest rows where time is not padded.

    Args:
        x: The branch's input ``[batch, rows, ...]``.
        name: The layer is ``<name>_crop``.
        time_padding: Of the branch.
        branch: Kernel, stride and dilation along time of its convolutions, in order.

    Returns:
        ``(rows of the branch - 1) * strides + 1`` rows that end with the last one the branch sees.
    """
    rows, stride, seen = rows_left(x.shape[1], *branch)
    if time_padding == "same" or rows < 1:
        return x
    taken = (rows - 1) * stride + 1
    first = (rows - 1) * stride + seen - taken
    sides = (first, x.shape[1] - first - taken)
    return keras.layers.Cropping2D((sides, (0, 0)), name=f"{name}_crop")(x) if any(sides) else x


def rows_left(rows: int, *branch: tuple[int, int, int]) -> tuple[int, int, int]:
    """Rows that convolutions without padding leave, their stride, and the rows that one of them sees.

    Args:
        rows: Of the first one's input.
        branch: Kernel, stride and dilation of each.

    >>> rows_left(96, (9, 2, 1), (9, 1, 1))
    (36, 2, 25)
    """
    jump, seen = 1, 1
    for kernel, stride, dilation in branch:
        rows = (rows - (kernel - 1) * dilation - 1) // stride + 1
        seen += (kernel - 1) * dilation * jump
        jump *= stride
    return rows, jump, seen


def frames_needed(model: keras.Model) -> int:
    """Frames that one row before the pooling over time sees: the shortest window of a network that pads no time.

    ``field += (reach - 1) * jump``, ``jump *= stride`` for each layer along its longest branch.

    Args:
        model: The network on a window that is long enough.
    """
    field: dict[int, tuple[int, int]] = {}
    widest = 1
    for layer in model.layers:
        before = [field[id(t)] for t in _listed(layer.input) if id(t) in field]
        seen, jump = max(before, default=(1, 1))
        if len(layer.output_shape) == 4 and not isinstance(layer, keras.layers.InputLayer):
            whole = layer.output_shape[1] == 1 and isinstance(layer, keras.layers.AveragePooling2D)
            kernel = 1 if whole else _first(layer, "kernel_size", "pool_size")
            seen += (kernel - 1) * _first(layer, "dilation_rate") * jump
            jump *= 1 if whole else _first(layer, "strides")
            widest = max(widest, seen)
        field[id(layer.output)] = (seen, jump)
    return widest


def _first(layer: keras.layers.Layer, *names: str) -> int:
    """The first number of a setting along time, 1 where the layer has none of them."""
    return next((int(getattr(layer, name)[0]) for name in names if hasattr(layer, name)), 1)


def _listed(tensors: object) -> list[object]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]
