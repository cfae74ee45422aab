"""LOGISTIC."""

from __future__ import annotations

from firmware_export.operators.kernels.lookup import Lookup
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.tflite_functions import logistic_table
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """LOGISTIC as a table of 256 bytes."""
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if out.zero_point != -128 or value.layout != out.layout:
        raise Unsupported("the output must have zero point -128 and the input's shape")
    table = logistic_table(value.scale, value.zero_point)
    context.add(context.label(operator), Lookup(table), (source,), target)


def sample(m: RandomModel) -> None:
    """LOGISTIC."""
    source, shape = m.last, m.shape
    m.writer.operator("LOGISTIC", [source], [m.activation(shape, 1 / 256, -128)])


OPERATORS = (Registration("LOGISTIC", lower, samples=(sample,)),)
