"""DEPTHWISE_CONV_2D."""

from __future__ import annotations

from typing import Any

from firmware_export.operators.kernels.depthwise import Depthwise
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.constant_weights import (
    bias_of,
    convolution_ratios,
    requantised,
    weight_scales,
    weights_of,
)
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.windows import window_of
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """DEPTHWISE_CONV_2D; weights are [1, height, width, out]."""
    source = context.input_value(operator)
    tensor, weights = weights_of(context, operator, 4)
    target = context.output_value(operator)
    value = context.program.values[source]
    _, height, width, channels = weights.shape
    multiplier, rest = divmod(channels, value.layout.channels)
    if weights.shape[0] != 1 or rest or multiplier < 1 or multiplier > 255:
        raise Unsupported(f"weights {weights.shape} do not fit {value.layout}")
    if context.layout(target).channels != channels:
        raise Unsupported(f"the output has {context.layout(target).channels} channels; the weights give {channels}")
    window = window_of(operator, value.layout, context.layout(target), height, width, value.zero_point)
    rows = weights[0].transpose(2, 0, 1).reshape(channels, -1)
    ratios = convolution_ratios(value.scale, weight_scales(tensor, 3, channels), context.program.values[target].scale)
    bias = bias_of(context, operator, channels)
    rows, requant = requantised(context, operator, rows, ratios, bias, value.zero_point, target)
    context.add(context.label(operator), Depthwise(window, rows, requant, multiplier), (source,), target)


def sample(m: RandomModel) -> None:
    """DEPTHWISE_CONV_2D, often the usual 3x3, or the 5x5 and 7x7 of MBConv cells."""
    multiplier = m.choose.pick((1, 1, 1, 2, 3))
    side = m.choose.pick((3, 3, 5, 7, 0, 0))
    if side:
        stride = 1 if side == 3 else m.choose.integer(1, 2)
        options: dict[str, Any] = {"padding": "SAME", "stride_h": stride, "stride_w": stride}
        kh, kw, oh, ow = side, side, -(-m.shape[1] // stride), -(-m.shape[2] // stride)
    else:
        options, kh, kw, oh, ow = m.window(7, m.choose.pick((True, False)))
    channels = m.shape[3] * multiplier
    options["depth_multiplier"] = multiplier
    m.weighted("DEPTHWISE_CONV_2D", m.weights((1, kh, kw, channels)), 3, (1, oh, ow, channels), **options)


OPERATORS = (Registration("DEPTHWISE_CONV_2D", lower, "DepthwiseConv2DOptions", (sample, sample)),)
