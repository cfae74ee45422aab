"""REDUCE_MAX."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation
from firmware_export.operators.kernels.reshape_tensor import Reshape
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from kws_tfmot.tflite.graph import Operator


@dataclass(frozen=True)
class ReduceMax(Operation):
    """The largest number over rows, columns, channels or several of them."""

    over_y: bool
    over_x: bool
    over_c: bool

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_reduce_max``."""
        source, target = writer.source().layout, writer.target.layout
        members: list[object] = [source.height, source.width, source.channels, source.plane]
        members += [target.height, target.width, target.channels, target.plane]
        members += [int(self.over_y), int(self.over_x), int(self.over_c)]
        return writer.call("kws_reduce_max", writer.struct("kws_reduce", members), writer.input(), writer.output)


def lower(context: Context, operator: Operator) -> None:
    """REDUCE_MAX over any dimensions, kept or dropped."""
    source = context.input_value(operator)
    axes = context.integers(operator, 1, "axes").tolist()
    target = context.output_value(operator)
    rank = context.rank(operator)
    over = {context.axis(operator, axis, rank) + 4 - rank for axis in axes}
    layout, out = context.layout(source), context.graph.tensor(operator.outputs[0])
    sizes = (1, layout.height, layout.width, layout.channels)[4 - rank :]
    kept = tuple(1 if d + 4 - rank in over else size for d, size in enumerate(sizes))
    dropped = tuple(size for d, size in enumerate(sizes) if d + 4 - rank not in over)
    if out.shape != (kept if operator.options.get("keep_dims") else dropped):
        raise Unsupported(
            f"the output has the shape {list(out.shape)}; the axes {axes} of {list(sizes)} do not give it"
        )
    context.demand_same_quantization(source, target)
    whole = context.new_like(source, _kept(layout, over), f"{context.program.values[target].name} with its dimensions")
    operation = ReduceMax(1 in over, 2 in over, 3 in over)
    if context.layout(whole) == context.layout(target):
        context.add(context.label(operator), operation, (source,), target)
        return
    context.add(context.label(operator), operation, (source,), whole)
    context.add(f"{context.label(operator)} without its dimensions", Reshape(), (whole,), target)


def _kept(layout: Layout, over: set[int]) -> Layout:
    return Layout(
        1 if 1 in over else layout.height, 1 if 2 in over else layout.width, 1 if 3 in over else layout.channels
    )


def sample(m: RandomModel) -> None:
    """Over one or more dimensions, which are kept or come back by a reshape."""
    axes = m.choose.pick(((1,), (2,), (3,), (1, 2), (-1, 1), (2, 3), (1, 2, 3)))
    kept = tuple(1 if d in {a % 4 for a in axes} else size for d, size in enumerate(m.shape))
    source, constant = m.last, m.writer.constant(np.array(axes, np.int32))
    if m.choose.pick((True, False)):
        m.writer.operator("REDUCE_MAX", [source, constant], [m.same(kept)], keep_dims=True)
        return
    dropped = m.same(tuple(size for d, size in enumerate(m.shape) if d not in {a % 4 for a in axes}))
    m.writer.operator("REDUCE_MAX", [source, constant], [dropped], keep_dims=False)
    back = np.array(kept, np.int32)
    m.writer.operator("RESHAPE", [dropped, m.writer.constant(back)], [m.same(kept)], new_shape=back)


OPERATORS = (Registration("REDUCE_MAX", lower, "ReducerOptions", (sample,)),)
