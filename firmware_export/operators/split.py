"""SPLIT and SPLIT_V."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.views import copy, view_of, whole
from kws_tfmot.tflite.graph import Operator


def lower_split(context: Context, operator: Operator) -> None:
    """SPLIT: equal parts along an axis; one copy a part."""
    axes = context.integers(operator, 0, "the axis").tolist()
    rank = context.rank(operator, 1)
    axis = context.axis(operator, axes[0], rank) if len(axes) == 1 else -1
    size = context.operand(operator, 1, "input").shape[axis] if axis >= 0 else 0
    if axis < 0 or size % len(operator.outputs):
        raise Unsupported(f"{size} numbers along axes {axes} cannot be split into {len(operator.outputs)} parts")
    _parts(context, operator, 1, axis, [size // len(operator.outputs)] * len(operator.outputs))


def lower_split_v(context: Context, operator: Operator) -> None:
    """SPLIT_V: parts of given sizes along an axis, of which one may be -1; one copy a part."""
    sizes = context.integers(operator, 1, "the sizes").tolist()
    axes = context.integers(operator, 2, "the axis").tolist()
    rank = context.rank(operator)
    axis = context.axis(operator, axes[0], rank) if len(axes) == 1 else -1
    if axis < 0 or len(sizes) != len(operator.outputs):
        raise Unsupported(f"expected one axis and {len(operator.outputs)} sizes. Received: {axes}, {sizes}")
    full = context.operand(operator, 0, "input").shape[axis]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = full - sum(sizes) - 1
    if min(sizes) < 1 or sum(sizes) != full:
        raise Unsupported(f"parts of {sizes} do not make up {full}")
    _parts(context, operator, 0, axis, sizes)


def _parts(context: Context, operator: Operator, position: int, axis: int, sizes: list[int]) -> None:
    source, view = view_of(context, operator, position)
    rank, first = len(view.sizes), 0
    for size, target in zip(sizes, context.output_values(operator), strict=True):
        part = view.sliced(axis, first, size)
        copy(context, operator, (source, part), (target, whole(context.layout(target), rank)))
        first += size


def sample_split(m: RandomModel) -> None:
    """Equal parts, joined again in another order."""
    axis = m.choose.pick((1, 2, 3))
    count = m.choose.pick([n for n in (2, 3, 4, 1) if m.shape[axis] % n == 0])
    shape = tuple(size // count if d == axis else size for d, size in enumerate(m.shape))
    source, full = m.last, m.shape
    where = m.writer.constant(np.array(axis - m.choose.pick((0, 4)), np.int32))
    parts = [m.same(shape) for _ in range(count)]
    m.writer.operator("SPLIT", [where, source], parts, num_splits=count)
    m.writer.operator("CONCATENATION", parts[::-1], [m.same(full)], axis=axis)


def sample_split_v(m: RandomModel) -> None:
    """Parts of any size, one of which goes on."""
    axis = m.choose.pick((1, 2, 3))
    sizes: list[int] = []
    left = m.shape[axis]
    while left:
        sizes.append(m.choose.integer(1, left) if len(sizes) < 2 else left)
        left -= sizes[-1]
    source, full = m.last, m.shape
    numbers = [m.writer.constant(np.array(sizes, np.int32)), m.writer.constant(np.array(axis, np.int32))]
    shapes = [tuple(part if d == axis else size for d, size in enumerate(full)) for part in sizes]
    parts = [m.same(shape) for shape in shapes]
    m.writer.operator("SPLIT_V", [source, *numbers], parts, num_splits=len(parts))
    kept = m.choose.integer(0, len(parts) - 1)
    m.last, m.shape = parts[kept], shapes[kept]


OPERATORS = (
    Registration("SPLIT", lower_split, "SplitOptions", (sample_split,)),
    Registration("SPLIT_V", lower_split_v, "SplitVOptions", (sample_split_v,)),
)
