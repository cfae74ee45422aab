"""ADD."""

from __future__ import annotations

from firmware_export.operators.conv_2d import pointwise
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.random_operands import sample_sum
from firmware_export.operators.shared.sums import lower_sum
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """ADD with broadcasting."""
    lower_sum(context, operator, "kws_add")


def sample(m: RandomModel) -> None:
    """The activation and itself, a constant, or one value a channel."""
    sample_sum(m, "ADD")


def residual(m: RandomModel) -> None:
    """The sum of two pointwise convolutions of one activation."""
    start, shape, scale, zero = m.last, m.shape, m.scale, m.zero
    pointwise(m)
    left, left_shape, left_scale = m.last, m.shape, m.scale
    m.last, m.shape, m.scale, m.zero = start, shape, scale, zero
    weights = m.weights((left_shape[3], 1, 1, shape[3]))
    m.weighted("CONV_2D", weights, 0, left_shape, padding="VALID", stride_h=1, stride_w=1)
    right, right_scale = m.last, m.scale
    out = m.activation(left_shape, (left_scale + right_scale) * 0.7, m.zero_point())
    m.writer.operator("ADD", [left, right], [out])


OPERATORS = (Registration("ADD", lower, "AddOptions", (sample, residual)),)
