"""LEAKY_RELU: x where it is positive, else alpha * x."""

from __future__ import annotations

from firmware_export.operators.kernels.lookup import Lookup
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.tflite_functions import leaky_relu_table
from kws_tfmot.tflite.graph import Operator

MAX_FACTOR = 1 << 16  # between input and output scale, as for every other rescaling


def lower(context: Context, operator: Operator) -> None:
    """LEAKY_RELU as a table of 256 bytes."""
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if value.layout != out.layout:
        raise Unsupported(f"{value.layout} is not {out.layout}")
    alpha = float(operator.options.get("alpha", 0.0))
    if not (value.scale / out.scale < MAX_FACTOR and abs(alpha) * value.scale / out.scale < MAX_FACTOR):
        raise Unsupported(f"alpha {alpha:g} and the scales {value.scale:g}, {out.scale:g} are out of range")
    table = leaky_relu_table(alpha, value.scale, value.zero_point, out.scale, out.zero_point)
    context.add(context.label(operator), Lookup(table), (source,), target)


def sample(m: RandomModel) -> None:
    """With any slope, also one that turns negative numbers around."""
    source, shape = m.last, m.shape
    out = m.activation(shape, m.scale * m.choose.pick((1.0, 0.6, 1.7)), m.zero_point())
    m.writer.operator("LEAKY_RELU", [source], [out], alpha=float(m.choose.pick((0.2, 0.01, 1.0, 1.5, 0.0, -0.3))))


OPERATORS = (Registration("LEAKY_RELU", lower, "LeakyReluOptions", (sample,)),)
