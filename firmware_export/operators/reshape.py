"""RESHAPE, SQUEEZE and EXPAND_DIMS."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.kernels.reshape_tensor import Reshape
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported, layout_of
from firmware_export.operators.shared.random_model import RandomModel
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """RESHAPE, SQUEEZE and EXPAND_DIMS: a copy of bytes, and not even that where layout and quantisation stay."""
    source = context.input_value(operator)
    tensor = context.tensor(operator.outputs[0], "the output")
    scale_and_zero = context.quantization(tensor.index)
    layout, before = layout_of(tensor.shape), context.layout(source)
    if layout.elements != before.elements:
        raise Unsupported(f"{before} cannot become {layout}")
    value = context.program.values[source]
    if layout == before and (value.scale, value.zero_point) == scale_and_zero:
        context.value_of[tensor.index] = source
        return
    target = context.output_value(operator)
    context.add(context.label(operator), Reshape(), (source,), target)


def sample(m: RandomModel) -> None:
    """RESHAPE to another image."""
    source, (_, height, width, channels) = m.last, m.shape
    shape = m.choose.pick(
        ((1, width, height, channels), (1, height * width, 1, channels), (1, 1, height, width * channels))
    )
    constant = m.writer.constant(np.array(shape, np.int32))
    m.writer.operator("RESHAPE", [source, constant], [m.same(shape)], new_shape=np.array(shape, np.int32))


OPERATORS = (
    Registration("EXPAND_DIMS", lower, "ExpandDimsOptions"),
    Registration("RESHAPE", lower, "ReshapeOptions", (sample,)),
    Registration("SQUEEZE", lower, "SqueezeOptions"),
)
