"""TRANSPOSE."""

from __future__ import annotations

import numpy as np

from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.views import copy, view_of, whole
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """Dimension ``d`` of the output is dimension ``order[d]`` of the input."""
    source, view = view_of(context, operator)
    order, rank = context.integers(operator, 1, "the order").tolist(), len(view.sizes)
    if sorted(order) != list(range(rank)):
        raise Unsupported(f"expected an order of {rank} dimensions. Received: {order}")
    target = context.output_value(operator)
    copy(context, operator, (source, view.transposed(order)), (target, whole(context.layout(target), rank)))


def sample(m: RandomModel) -> None:
    """Rows, columns and channels in any order."""
    order = m.choose.pick(((0, 2, 1, 3), (0, 3, 1, 2), (0, 2, 3, 1), (0, 1, 3, 2), (0, 3, 2, 1), (0, 1, 2, 3)))
    source, constant = m.last, m.writer.constant(np.array(order, np.int32))
    m.writer.operator("TRANSPOSE", [source, constant], [m.same(tuple(m.shape[d] for d in order))])


OPERATORS = (Registration("TRANSPOSE", lower, "TransposeOptions", (sample,)),)
