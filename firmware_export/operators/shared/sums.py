"""Sums and differences of two quantised tensors, as TFLM brings them to a common scale."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.kernels.elementwise import Elementwise, broadcast_strides
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.tflite_arithmetic import activation_range, quantize_multiplier
from firmware_export.operators.shared.windows import activation_of
from kws_tfmot.tflite.graph import Operator


def lower_sum(context: Context, operator: Operator, kernel: str) -> None:
    """``kernel`` of two inputs scaled up by 2^20 and brought to twice the larger scale; with broadcasting."""
    a, b = context.input_value(operator, 0), context.input_value(operator, 1)
    target = context.output_value(operator)
    x, y, out = (context.program.values[i] for i in (a, b, target))
    low, high = activation_range(activation_of(operator), out.scale, out.zero_point)
    sx, sy, so = (float(np.float32(v.scale)) for v in (x, y, out))
    twice = 2 * max(sx, sy)
    ratios = (sx / twice, sy / twice, twice / ((1 << 20) * so))
    if ratios[2] >= 1:
        raise Unsupported("the output scale is too small for the reference's arithmetic")
    pairs = [quantize_multiplier(ratio) for ratio in ratios]
    strides = (broadcast_strides(x.layout, out.layout), broadcast_strides(y.layout, out.layout))
    zero_points = (x.zero_point, y.zero_point, out.zero_point)
    multipliers, shifts = ((pairs[0][i], pairs[1][i], pairs[2][i]) for i in range(2))
    operation = Elementwise(kernel, strides, zero_points, multipliers, shifts, low, max(low, high))
    context.add(context.label(operator), operation, (a, b), target)
