"""STRIDED_SLICE."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.views import copy, view_of, whole
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """``input[begin:end:stride]`` of each dimension, with begin, end and shrink masks; ends beyond a size are cut."""
    source, view = view_of(context, operator)
    numbers = [context.integers(operator, i, name).tolist() for i, name in ((1, "begin"), (2, "end"), (3, "strides"))]
    rank, options = len(view.sizes), operator.options
    if any(len(each) != rank for each in numbers):
        raise Unsupported(f"begin, end and strides must have {rank} numbers each. Received: {numbers}")
    for name in ("ellipsis_mask", "new_axis_mask", "offset"):
        if options.get(name):
            raise Unsupported(f"{name} is not supported. Received: {options[name]}")
    shrink = [d for d in range(rank) if int(options.get("shrink_axis_mask", 0)) >> d & 1]
    for d, (begin, end, stride) in enumerate(zip(*numbers, strict=True)):
        first, count = span(
            view.sizes[d],
            None if int(options.get("begin_mask", 0)) >> d & 1 else begin,
            None if int(options.get("end_mask", 0)) >> d & 1 else end,
            stride,
            single=d in shrink,
        )
        view = view.sliced(d, first, count, stride)
    for d in reversed(shrink):
        view = view.without(d)
    target = context.output_value(operator)
    rank_out = len(context.graph.tensor(operator.outputs[0]).shape)
    copy(context, operator, (source, view), (target, whole(context.layout(target), rank_out)))


def span(size: int, begin: int | None, end: int | None, stride: int, *, single: bool = False) -> tuple[int, int]:
    """First index and number of indices of ``begin:end:stride`` in a dimension; ``single`` takes ``begin`` alone.

    Raises:
        Unsupported: For a stride of 0, an empty range, or a single index outside.

    >>> span(10, 2, None, 3), span(10, -1, None, -4), span(10, 0, 99, 1), span(10, -2, 0, 1, single=True)
    ((2, 3), (9, 3), (0, 10), (8, 1))
    """
    if stride == 0 or (single and stride < 0):
        raise Unsupported(f"a stride of {stride} is not supported here")
    if single:
        index = 0 if begin is None else begin + (size if begin < 0 else 0)
        if not 0 <= index < size:
            raise Unsupported(f"index {begin} is outside of a dimension of {size}")
        return index, 1
    taken = range(size)[slice(begin, end, stride)]
    if not taken:
        raise Unsupported(f"the range {begin}:{end}:{stride} of a dimension of {size} is empty")
    return taken[0], len(taken)


def sample(m: RandomModel) -> None:
    """A range of rows, columns and channels, forwards or backwards."""
    begin, end, strides, shape = [0], [1], [1], [1]
    for size in m.shape[1:]:
        stride = m.choose.pick((1, 1, 2, 3, -1, -2))
        low = m.choose.integer(0, size - 1)
        high = m.choose.integer(low + 1, size)
        first, last = (low, high) if stride > 0 else (high - 1, low - 1)
        shape.append(len(range(first, last, stride)))
        begin.append(first if m.choose.pick((True, False)) else first - size)
        end.append(last if last >= 0 else last - size)  # before the first: one less than minus the size
        strides.append(stride)
    source = m.last
    limits = [m.writer.constant(np.array(each, np.int32)) for each in (begin, end, strides)]
    out = m.same(tuple(shape))
    m.writer.operator("STRIDED_SLICE", [source, *limits], [out], begin_mask=m.choose.pick((0, 1)), end_mask=1)


def sample_row(m: RandomModel) -> None:
    """One row or column, its dimension dropped and put back."""
    axis = m.choose.pick((1, 2))
    index, source = m.choose.integer(0, m.shape[axis] - 1), m.last
    begin, end = [0] * 4, list(m.shape)
    begin[axis], end[axis] = index - m.choose.pick((0, m.shape[axis])), index + 1
    limits = [m.writer.constant(np.array(each, np.int32)) for each in (begin, end, [1] * 4)]
    shape = tuple(size for d, size in enumerate(m.shape) if d != axis)
    row = m.same(shape)
    masks = {"begin_mask": 15 - (1 << axis), "end_mask": 15 - (1 << axis), "shrink_axis_mask": 1 << axis}
    m.writer.operator("STRIDED_SLICE", [source, *limits], [row], **masks)
    back = np.array((1, 1, *shape[1:]), np.int32)
    m.writer.operator("RESHAPE", [row, m.writer.constant(back)], [m.same(tuple(back.tolist()))], new_shape=back)


OPERATORS = (Registration("STRIDED_SLICE", lower, "StridedSliceOptions", (sample, sample_row)),)
