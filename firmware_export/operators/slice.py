"""SLICE."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.views import copy, view_of, whole
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """``size`` numbers from ``begin`` on of each dimension; -1 takes the rest."""
    source, view = view_of(context, operator)
    begins = context.integers(operator, 1, "begin").tolist()
    sizes = context.integers(operator, 2, "size").tolist()
    rank = len(view.sizes)
    if len(begins) != rank or len(sizes) != rank:
        raise Unsupported(f"begin and size must have {rank} numbers each. Received: {begins}, {sizes}")
    for d, (begin, size) in enumerate(zip(begins, sizes, strict=True)):
        count = view.sizes[d] - begin if size == -1 else size
        if begin < 0 or count < 1 or begin + count > view.sizes[d]:
            raise Unsupported(f"{count} numbers from {begin} on do not fit a dimension of {view.sizes[d]}")
        view = view.sliced(d, begin, count)
    target = context.output_value(operator)
    copy(context, operator, (source, view), (target, whole(context.layout(target), rank)))


def sample(m: RandomModel) -> None:
    """A block of rows, columns and channels."""
    begin = [0, *(m.choose.integer(0, size - 1) for size in m.shape[1:])]
    shape = [m.choose.integer(1, size - first) for size, first in zip(m.shape, begin, strict=True)]
    ends = [first + size == full for first, size, full in zip(begin, shape, m.shape, strict=True)]
    size = [-1 if end and m.choose.pick((True, False)) else each for each, end in zip(shape, ends, strict=True)]
    source = m.last
    limits = [m.writer.constant(np.array(each, np.int32)) for each in (begin, size)]
    m.writer.operator("SLICE", [source, *limits], [m.same(tuple(shape))])


OPERATORS = (Registration("SLICE", lower, "SliceOptions", (sample,)),)
