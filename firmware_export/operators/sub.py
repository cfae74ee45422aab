"""SUB."""

from __future__ import annotations

from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context
from firmware_export.operators.shared.random_model import ACTIVATIONS, RandomModel
from firmware_export.operators.shared.random_operands import second_operand
from firmware_export.operators.shared.sums import lower_sum
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """SUB with broadcasting."""
    lower_sum(context, operator, "kws_subtract")


def sample(m: RandomModel) -> None:
    """The activation and itself, a constant, or one value a channel."""
    shape, scale = m.shape, m.scale
    inputs, other_scale = second_operand(m)
    out = m.activation(shape, (scale + other_scale) * 0.7, m.zero_point())
    m.writer.operator("SUB", inputs, [out], fused_activation_function=m.choose.pick(ACTIVATIONS))


OPERATORS = (Registration("SUB", lower, "SubOptions", (sample,)),)
