"""PAD and PADV2."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.kernels.fill import Fill
from firmware_export.operators.kernels.place import Place, start_of
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """PAD and PADV2 with the output's zero point or a constant."""
    source = context.input_value(operator)
    table = context.integers(operator, 1, "paddings")
    target = context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if table.size % 2:
        raise Unsupported(f"the paddings are {table.size} numbers")
    pads = table.reshape(-1, 2)
    if pads.shape[0] > 4 or pads.shape[0] != len(context.operand(operator, 0, "input").shape):
        raise Unsupported(f"the paddings have {pads.shape[0]} rows")
    before = [0] * (4 - pads.shape[0]) + [int(p) for p in pads[:, 0]]
    after = [0] * (4 - pads.shape[0]) + [int(p) for p in pads[:, 1]]
    sizes = (1, value.layout.height, value.layout.width, value.layout.channels)
    full = (1, out.layout.height, out.layout.width, out.layout.channels)
    if min(*before, *after) < 0 or any(sizes[i] + before[i] + after[i] != full[i] for i in range(4)):
        raise Unsupported(f"paddings {pads.tolist()} do not lead from {value.layout} to {out.layout}")
    fill = out.zero_point
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        tensor, data = context.constant(operator, 2, "the padding value")
        if tensor.dtype != "int8" or data.size != 1:
            raise Unsupported("the padding value must be one int8")
        if context.quantization(tensor.index) != (out.scale, out.zero_point):
            raise Unsupported("the padding value must have the output's scale and zero point")
        fill = int(np.asarray(data).reshape(-1)[0])
    context.add(context.label(operator), Fill(fill), (), target)
    context.add(context.label(operator), Place(start_of(out.layout, *before[1:])), (source,), target)


def sample(m: RandomModel) -> None:
    """PAD of rows, columns and sometimes channels."""
    source = m.last
    table = np.array([(0, 0), *((m.choose.integer(0, 2), m.choose.integer(0, 2)) for _ in range(3))], np.int32)
    shape = tuple(int(size + a + b) for size, (a, b) in zip(m.shape, table, strict=True))
    constant = m.writer.constant(table)
    out = m.same(shape)
    m.writer.operator("PAD", [source, constant], [out])


OPERATORS = (Registration("PAD", lower, samples=(sample,)), Registration("PADV2", lower))
