"""CONV_2D."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.kernels.convolution import Convolution
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.constant_weights import (
    bias_of,
    convolution_ratios,
    requantised,
    weight_scales,
    weights_of,
)
from firmware_export.operators.shared.context import MAX_SIDE, Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.windows import window_of
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """CONV_2D; weights are [out, height, width, in]."""
    source = context.input_value(operator)
    tensor, weights = weights_of(context, operator, 4)
    target = context.output_value(operator)
    value = context.program.values[source]
    channels, height, width, depth = weights.shape
    groups, rest = divmod(value.layout.channels, depth)
    if rest or groups < 1 or channels % groups or context.layout(target).channels != channels:
        raise Unsupported(f"weights {weights.shape} do not fit {value.layout}")
    weights = ungrouped(weights, groups)
    window = window_of(operator, value.layout, context.layout(target), height, width, value.zero_point)
    rows = weights.transpose(0, 3, 1, 2).reshape(channels, -1)
    if rows.shape[1] > MAX_SIDE:
        raise Unsupported(f"{rows.shape[1]} weights an output are too many; at most {MAX_SIDE}")
    ratios = convolution_ratios(value.scale, weight_scales(tensor, 0, channels), context.program.values[target].scale)
    bias = bias_of(context, operator, channels)
    rows, requant = requantised(context, operator, rows, ratios, bias, value.zero_point, target)
    vector = window.pointwise and value.layout.pixels == 1
    context.add(context.label(operator), Convolution(window, rows, requant, vector), (source,), target)


def ungrouped(weights: np.ndarray, groups: int) -> np.ndarray:
    """A grouped convolution's weights with the zeros of an ungrouped one: an encoding leaves most of them out.

    Output channels ``c * channels / groups`` and on see the input channels of group ``c`` alone.

    >>> ungrouped(np.array([[[[1]]], [[[2]]]], np.int8), 2)[:, 0, 0].tolist()
    [[1, 0], [0, 2]]
    """
    channels, height, width, depth = weights.shape
    full = np.zeros((groups, channels // groups, height, width, groups, depth), weights.dtype)
    for group, part in enumerate(np.split(weights, groups)):
        full[group, :, :, :, group] = part
    return full.reshape(channels, height, width, groups * depth)


def convolution(m: RandomModel) -> None:
    """CONV_2D with any window."""
    options, kh, kw, oh, ow = m.window(5, True)
    channels = m.choose.integer(1, 12)
    m.weighted("CONV_2D", m.weights((channels, kh, kw, m.shape[3])), 0, (1, oh, ow, channels), **options)


def pointwise(m: RandomModel) -> None:
    """CONV_2D with a 1x1 window and stride 1."""
    channels = m.choose.pick((m.shape[3], m.choose.integer(1, 40)))
    shape = (*m.shape[:3], channels)
    weights = m.weights((channels, 1, 1, m.shape[3]))
    m.weighted("CONV_2D", weights, 0, shape, padding="SAME", stride_h=1, stride_w=1)


def grouped(m: RandomModel) -> None:
    """Each group of output channels sees a group of input channels."""
    groups = m.choose.pick([n for n in (2, 3, 4, 1) if m.shape[3] % n == 0])
    options, kh, kw, oh, ow = m.window(3, False)
    channels = groups * m.choose.integer(1, 4)
    weights = m.weights((channels, kh, kw, m.shape[3] // groups))
    m.weighted("CONV_2D", weights, 0, (1, oh, ow, channels), **options)


OPERATORS = (
    Registration("CONV_2D", lower, "Conv2DOptions", (convolution, convolution, pointwise, pointwise, grouped)),
)
