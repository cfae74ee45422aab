"""MEAN."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.tflite_arithmetic import quantize_multiplier
from firmware_export.time_rules import Given, Track
from kws_tfmot.tflite.graph import Operator


@dataclass(frozen=True)
class Mean(Operation):
    """MEAN over rows, columns or both."""

    over_y: bool
    over_x: bool
    offset: int
    multiplier: int
    shift: int
    zero_point: int

    def track(self, given: Given) -> Track | None:
        """None of a mean over rows."""
        return None if self.over_y else given.timed[0]

    def turned(self, out: Layout) -> Mean:
        """Rows for columns."""
        return replace(self, over_y=self.over_x, over_x=self.over_y)

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_mean_pool``."""
        source, target = writer.source().layout, writer.target.layout
        members: list[object] = [source.height, source.width, source.plane, target.plane, source.channels]
        members += [int(self.over_y), int(self.over_x), self.offset, self.multiplier, self.shift, self.zero_point]
        return writer.call("kws_mean_pool", writer.struct("kws_mean", members), writer.input(), writer.output)


def lower(context: Context, operator: Operator) -> None:
    """MEAN over rows and columns. The division by their number goes into the multiplier, as in the reference."""
    source = context.input_value(operator)
    axes = context.integers(operator, 1, "axes")
    target = context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    rank = len(context.operand(operator, 0, "input").shape)
    over = {int(axis) + (4 - rank if axis >= 0 else 4) for axis in axes}
    sizes = {0: 1, 1: value.layout.height, 2: value.layout.width, 3: value.layout.channels}
    if not over <= set(sizes) or any(axis in (0, 3) and sizes[axis] != 1 for axis in over):
        raise Unsupported(f"the mean must be over rows and columns. Received: axes {axes.tolist()}")
    over_y, over_x = 1 in over, 2 in over
    count = (value.layout.height if over_y else 1) * (value.layout.width if over_x else 1)
    if out.layout.pixels * count != value.layout.pixels or out.layout.channels != value.layout.channels:
        raise Unsupported(f"{value.layout} does not reduce to {out.layout}")
    multiplier, shift = quantize_multiplier(float(np.float32(value.scale)) / float(np.float32(out.scale)))
    by = min(count.bit_length() - 1, 32, 31 + shift)
    multiplier, shift = (multiplier << by) // count, shift - by
    mean = Mean(over_y, over_x, value.zero_point * count, multiplier, shift, out.zero_point)
    context.add(context.label(operator), mean, (source,), target)


def sample(m: RandomModel) -> None:
    """MEAN over rows, columns or both."""
    axes = m.choose.pick(((1, 2), (2, 1), (1,), (2,), (-2,), (-3, -2)))
    source, before = m.last, m.shape
    kept = tuple(1 if i in {a % 4 for a in axes} else size for i, size in enumerate(before))
    scale = m.scale * m.choose.pick((1.0, 0.6, 0.25))
    constant = m.writer.constant(np.array(axes, np.int32))
    out = m.activation(kept, scale, m.zero_point())
    m.writer.operator("MEAN", [source, constant], [out], keep_dims=True)


OPERATORS = (Registration("MEAN", lower, "ReducerOptions", (sample,)),)
