"""RELU and RELU6 as operators of their own."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.kernels.clamp import Clamp
from firmware_export.operators.kernels.lookup import Lookup
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.tflite_arithmetic import activation_range, rescale_table
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """RELU rescales where the scales differ; RELU6 only limits, as in the reference."""
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if value.layout != out.layout:
        raise Unsupported(f"{value.layout} is not {out.layout}")
    if operator.code == "RELU6":
        low, high = activation_range("RELU6", value.scale, value.zero_point)
        context.add(context.label(operator), Clamp(low, max(low, high)), (source,), target)
        return
    ratio = float(np.float32(value.scale) / np.float32(out.scale))
    if ratio == 1.0 and value.zero_point == out.zero_point:
        context.add(context.label(operator), Clamp(out.zero_point, 127), (source,), target)
        return
    table = rescale_table(ratio, value.zero_point, out.zero_point, out.zero_point, 127)
    context.add(context.label(operator), Lookup(table), (source,), target)


def sample(m: RandomModel) -> None:
    """A separate RELU, with or without a new scale, or RELU6."""
    source, shape = m.last, m.shape
    code = m.choose.pick(("RELU", "RELU6"))
    if code == "RELU" and m.choose.pick((True, False)):
        out = m.activation(shape, m.scale * 0.7, m.zero_point())
    else:
        out = m.same(shape)
    m.writer.operator(code, [source], [out])


OPERATORS = (Registration("RELU", lower, samples=(sample,)), Registration("RELU6", lower))
