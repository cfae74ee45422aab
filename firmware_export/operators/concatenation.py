"""CONCATENATION."""

from __future__ import annotations

import numpy as np

from firmware_export.ir import State
from firmware_export.operators.conv_2d import pointwise
from firmware_export.operators.kernels.append import Append
from firmware_export.operators.kernels.place import Place, start_of
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.memories import Memory, initial_bytes
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.windows import activation_of
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """CONCATENATION along rows, columns or channels; all parts share the output's quantisation.

    One that puts a variable's rows before new ones moves the state on instead.
    """
    if operator.index in context.memories:
        _append(context, operator, context.memories[operator.index])
        return
    if activation_of(operator) != "NONE":
        raise Unsupported("a fused activation is not supported")
    sources = [context.input_value(operator, i) for i in range(len(operator.inputs))]
    target = context.output_value(operator)
    out = context.program.values[target]
    rank = len(context.graph.tensor(operator.outputs[0]).shape)
    axis = int(operator.options.get("axis", 0))
    axis += 4 - rank if axis >= 0 else 4
    if axis not in (1, 2, 3):
        raise Unsupported(f"axis {operator.options.get('axis')} is not rows, columns or channels")
    at = [0, 0, 0]
    for source in sources:
        value = context.program.values[source]
        sizes = [value.layout.height, value.layout.width, value.layout.channels]
        full = [out.layout.height, out.layout.width, out.layout.channels]
        if (value.scale, value.zero_point) != (out.scale, out.zero_point):
            raise Unsupported(f"{value.name!r} must have the output's scale and zero point")
        if (
            any(sizes[i] != full[i] for i in range(3) if i != axis - 1)
            or at[axis - 1] + sizes[axis - 1] > full[axis - 1]
        ):
            raise Unsupported(f"{value.layout} does not fit into {out.layout}")
        context.add(context.label(operator), Place(start_of(out.layout, *at)), (source,), target)
        at[axis - 1] += sizes[axis - 1]
    if at[axis - 1] != (out.layout.height, out.layout.width, out.layout.channels)[axis - 1]:
        raise Unsupported(f"the parts do not fill {out.layout}")


def _append(context: Context, operator: Operator, memory: Memory) -> None:
    source = context.value(memory.new)
    state = context.output_value(operator)
    initial = initial_bytes(context.graph.variables[memory.variable], context.layout(state), memory.older)
    context.program.states.append(State(state, initial))
    context.add(context.label(operator), Append(), (source,), state)


def sample(m: RandomModel) -> None:
    """The output of a convolution and a constant."""
    pointwise(m)
    left, left_shape, left_scale, left_zero = m.last, m.shape, m.scale, m.zero
    axis = m.choose.pick((1, 2, 3, -1))
    data = m.rng.integers(-128, 128, left_shape).astype(np.int8)
    right = m.writer.constant(data, left_scale, left_zero)
    joined = tuple(size * 2 if i == axis % 4 else size for i, size in enumerate(left_shape))
    out = m.activation(joined, left_scale, left_zero)
    m.writer.operator("CONCATENATION", [left, right], [out], axis=axis)


OPERATORS = (Registration("CONCATENATION", lower, "ConcatenationOptions", (sample,)),)
