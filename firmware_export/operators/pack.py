"""PACK and UNPACK: joining along a new dimension, and taking one apart."""

from __future__ import annotations

from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.views import copy, view_of, whole
from kws_tfmot.tflite.graph import Operator


def lower_pack(context: Context, operator: Operator) -> None:
    """PACK: input ``i`` becomes index ``i`` of a new dimension; one copy an input."""
    target = context.output_value(operator)
    shape = context.graph.tensor(operator.outputs[0]).shape
    axis = context.axis(operator, int(operator.options.get("axis", 0)), len(shape))
    if shape[axis] != len(operator.inputs):
        raise Unsupported(f"{len(operator.inputs)} inputs do not make up a dimension of {shape[axis]}")
    into = whole(context.layout(target), len(shape))
    for position in range(len(operator.inputs)):
        source, view = view_of(context, operator, position)
        copy(context, operator, (source, view.with_axis(axis)), (target, into.sliced(axis, position, 1)))


def lower_unpack(context: Context, operator: Operator) -> None:
    """UNPACK: index ``i`` of a dimension becomes output ``i``; one copy an output."""
    source, view = view_of(context, operator)
    axis = context.axis(operator, int(operator.options.get("axis", 0)), len(view.sizes))
    if view.sizes[axis] != len(operator.outputs):
        raise Unsupported(f"a dimension of {view.sizes[axis]} does not give {len(operator.outputs)} outputs")
    for index, target in enumerate(context.output_values(operator)):
        taken = view.sliced(axis, index, 1).without(axis)
        copy(context, operator, (source, taken), (target, whole(context.layout(target), len(taken.sizes))))


def sample(m: RandomModel) -> None:
    """UNPACK along one dimension, PACK of some of the parts along another."""
    axis = m.choose.pick([d for d in (1, 2, 3) if m.shape[d] <= 6] or [0])
    source, full = m.last, m.shape
    shape = tuple(size for d, size in enumerate(full) if d != axis)
    parts = [m.same(shape) for _ in range(full[axis])]
    m.writer.operator("UNPACK", [source], parts, num=len(parts), axis=axis - m.choose.pick((0, 4)))
    if axis == 0:
        parts, shape = [m.last], full[1:]
    chosen = [m.choose.pick(parts) for _ in range(m.choose.integer(1, 4))]
    onto = 0 if axis == 0 else m.choose.pick((1, 2, 3))
    chosen = chosen[:1] if axis == 0 else chosen
    out = m.same((*shape[:onto], len(chosen), *shape[onto:]))
    m.writer.operator("PACK", chosen, [out], values_count=len(chosen), axis=onto)


OPERATORS = (
    Registration("PACK", lower_pack, "PackOptions", (sample,)),
    Registration("UNPACK", lower_unpack, "UnpackOptions"),
)
