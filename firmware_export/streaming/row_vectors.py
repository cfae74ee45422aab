"""Layers that see a ring as one vector, rows of (column, channel) one behind the other: a matrix times that vector.

A convolution that covers all columns and leaves one pixel in a step, and a fully connected layer over what is left of
time, need no planes: their weights are put into the order of the rows, and the ring holds no byte of padding.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firmware_export.ir import Layer, Layout, Program
from firmware_export.ir import Window as SlidingWindow
from firmware_export.operators.kernels.convolution import Convolution
from firmware_export.operators.kernels.reshape import Reshape
from firmware_export.streaming.rules import reach

MOST_GROWTH = 2.0  # zeros between dilated taps are stored: not more of them than taps


def takes_vector(layer: Layer, program: Program, rows: int) -> bool:
    """Whether a layer whose step computes ``rows`` output rows can read its ring as one vector."""
    operation, out = layer.operation, program.values[layer.output].layout
    if isinstance(operation, Reshape):
        return out.pixels == 1
    if not isinstance(operation, Convolution):
        return False
    if operation.vector:
        return True
    w = operation.window
    whole = w.width == w.input.width and w.first_x == 0 and w.dilation_x == 1 and w.output.width == 1
    return whole and rows == 1 and w.first_y >= 0 and reach(w) <= w.height * MOST_GROWTH and not w.pointwise


def over_rows(operation: Convolution, given: Layout, out: Layout, target: int, first: int) -> Convolution:
    """The convolution as a matrix times the ring's vector.

    Args:
        operation: One that :func:`takes_vector`.
        given: The whole window's input.
        out: The output of a step, one pixel.
        target: Which row of the whole window that is.
        first: Which row of the whole window's input the ring begins with.
    """
    channels = len(operation.weights)
    if operation.vector:
        matrix = operation.weights
        if matrix.shape[1] == given.bytes:  # columns in the order of planes
            planes = matrix.reshape(channels, given.channels, given.plane)[:, :, : given.pixels]
            matrix = planes.transpose(0, 2, 1).reshape(channels, -1)
    else:
        w = operation.window
        taps = operation.weights.reshape(channels, given.channels, w.height, w.width).transpose(0, 2, 3, 1)
        begin = w.first_y + target * w.stride_y - first
        rows = np.zeros((channels, begin + reach(w), w.width, given.channels), np.int8)
        rows[:, begin :: w.dilation_y] = taps
        matrix = rows.reshape(channels, -1)
    window = SlidingWindow(Layout(1, 1, matrix.shape[1]), out, zero_point=operation.window.zero_point)
    return replace(operation, window=window, weights=np.ascontiguousarray(matrix), vector=True)
