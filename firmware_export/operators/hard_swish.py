"""HARD_SWISH: x * relu6(x + 3) / 6."""

from __future__ import annotations

from firmware_export.operators.kernels.lookup import Lookup
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.tflite_functions import hard_swish_table
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """HARD_SWISH as a table of 256 bytes."""
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if value.layout != out.layout:
        raise Unsupported(f"{value.layout} is not {out.layout}")
    if value.scale / 128 >= out.scale:
        raise Unsupported(f"the output scale {out.scale:g} is too small for the input's {value.scale:g}")
    table = hard_swish_table(value.scale, value.zero_point, out.scale, out.zero_point)
    context.add(context.label(operator), Lookup(table), (source,), target)


def sample(m: RandomModel) -> None:
    """With the same or a finer scale."""
    source, shape = m.last, m.shape
    out = m.activation(shape, m.scale * m.choose.pick((1.0, 0.6, 0.3)), m.zero_point())
    m.writer.operator("HARD_SWISH", [source], [out])


OPERATORS = (Registration("HARD_SWISH", lower, "HardSwishOptions", (sample,)),)
