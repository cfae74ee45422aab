"""TANH."""

from __future__ import annotations

from firmware_export.operators.kernels.lookup import Lookup
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.tflite_functions import tanh_table
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """TANH as a table of 256 bytes; the output has scale 1/128 and zero point 0."""
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if (out.scale, out.zero_point) != (1 / 128, 0) or value.layout != out.layout:
        raise Unsupported("the output must have scale 1/128, zero point 0 and the input's shape")
    table = tanh_table(value.scale, value.zero_point)
    context.add(context.label(operator), Lookup(table), (source,), target)


def sample(m: RandomModel) -> None:
    """Of the activation."""
    source, shape = m.last, m.shape
    m.writer.operator("TANH", [source], [m.activation(shape, 1 / 128, 0)])


OPERATORS = (Registration("TANH", lower, samples=(sample,)),)
