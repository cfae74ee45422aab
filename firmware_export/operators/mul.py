"""MUL."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.kernels.elementwise import Elementwise, broadcast_strides
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import ACTIVATIONS, RandomModel
from firmware_export.operators.shared.random_operands import second_operand
from firmware_export.operators.shared.tflite_arithmetic import activation_range, quantize_multiplier
from firmware_export.operators.shared.windows import activation_of
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """MUL with broadcasting."""
    a, b = context.input_value(operator, 0), context.input_value(operator, 1)
    target = context.output_value(operator)
    x, y, out = (context.program.values[i] for i in (a, b, target))
    low, high = activation_range(activation_of(operator), out.scale, out.zero_point)
    sx, sy, so = (float(np.float32(v.scale)) for v in (x, y, out))
    multiplier, shift = quantize_multiplier(sx * sy / so)
    if shift > 15:
        raise Unsupported("the output scale is too small")
    strides = (broadcast_strides(x.layout, out.layout), broadcast_strides(y.layout, out.layout))
    zero_points = (x.zero_point, y.zero_point, out.zero_point)
    operation = Elementwise(
        "kws_multiply", strides, zero_points, (0, 0, multiplier), (0, 0, shift), low, max(low, high)
    )
    context.add(context.label(operator), operation, (a, b), target)


def sample(m: RandomModel) -> None:
    """The activation and itself, a constant, or one value a channel."""
    shape, scale = m.shape, m.scale
    inputs, other_scale = second_operand(m)
    out = m.activation(shape, scale * other_scale * 60, m.zero_point())
    m.writer.operator("MUL", inputs, [out], fused_activation_function=m.choose.pick(ACTIVATIONS))


OPERATORS = (Registration("MUL", lower, "MulOptions", (sample,)),)
