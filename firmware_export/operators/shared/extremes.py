"""The larger or smaller of two quantised tensors of one scale."""

from __future__ import annotations

from firmware_export.operators.kernels.elementwise import Elementwise, broadcast_strides
from firmware_export.operators.shared.context import Context
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.random_operands import second_operand
from kws_tfmot.tflite.graph import Operator


def lower_extreme(context: Context, operator: Operator, kernel: str) -> None:
    """``kernel`` of two inputs; numbers are compared as they are, so all scales must be one."""
    sources = context.input_value(operator, 0), context.input_value(operator, 1)
    target = context.output_value(operator)
    for source in sources:
        context.demand_same_quantization(source, target)
    a, b = (broadcast_strides(context.layout(source), context.layout(target)) for source in sources)
    context.add(context.label(operator), Elementwise(kernel, (a, b)), sources, target)


def sample_extreme(m: RandomModel, code: str) -> None:
    """``code`` of the activation and a second operand."""
    inputs, _ = second_operand(m, same_quantization=True)
    m.writer.operator(code, inputs, [m.same(m.shape)])
