"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation, Window
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import ACTIVATIONS, RandomModel
from firmware_export.operators.shared.tflite_arithmetic import activation_range
from firmware_export.operators.shared.windows import activation_of, window_of
from firmware_export.time_rules import StepRows
from kws_tfmot.tflite.graph import Operator


@dataclass(frozen=True)
class Pool(Operation):
    """AVERAGE_POOL_2D or MAX_POOL_2D."""

    window: Window
    average: bool
    minimum: int
    maximum: int

    @property
    def whole(self) -> bool:
        """Whether the only window sees all of the plane."""
        w = self.window
        sees = max(w.first_y, w.first_x) <= 0 and w.first_y + w.height >= w.input.height
        return sees and w.first_x + w.width >= w.input.width and w.output.pixels == 1

    @property
    def sliding(self) -> Window | None:
        """Its window."""
        return self.window

    def trimmed(self) -> Pool:
        """Without what only ever lies in padding: neither kind of pool counts it."""
        return replace(self, window=self.window.trimmed()[0])

    def turned(self, out: Layout) -> Pool:
        """The window turned."""
        return replace(self, window=self.window.turned())

    def on_step(self, rows: StepRows) -> Pool:
        """Its window over the rows at hand."""
        return replace(self, window=self.window.on_step(rows))

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_average_pool``, of ``kws_average_plane`` for a whole plane, or of ``kws_max_pool``."""
        kernel = ("kws_average_plane" if self.whole else "kws_average_pool") if self.average else "kws_max_pool"
        members: list[object] = [writer.window(self.window), self.window.input.channels, self.minimum, self.maximum]
        return writer.call(kernel, writer.struct("kws_pool", members), writer.input(), writer.output)


def lower(context: Context, operator: Operator) -> None:
    """AVERAGE_POOL_2D and MAX_POOL_2D: input and output share scale and zero point."""
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    context.demand_same_quantization(source, target)
    if value.layout.channels != out.layout.channels:
        raise Unsupported(f"{value.layout} does not pool to {out.layout}")
    height, width = int(operator.options.get("filter_height", 0)), int(operator.options.get("filter_width", 0))
    window = window_of(operator, value.layout, out.layout, height, width, value.zero_point)
    low, high = activation_range(activation_of(operator), out.scale, out.zero_point)
    average = operator.code == "AVERAGE_POOL_2D"
    context.add(context.label(operator), Pool(window, average, low, max(low, high)), (source,), target)


def sample(m: RandomModel) -> None:
    """AVERAGE_POOL_2D or MAX_POOL_2D."""
    options, kh, kw, oh, ow = m.window(6, False)
    source, channels = m.last, m.shape[3]
    out = m.same((1, oh, ow, channels))
    options |= {"filter_height": kh, "filter_width": kw, "fused_activation_function": m.choose.pick(ACTIVATIONS)}
    m.writer.operator(m.choose.pick(("AVERAGE_POOL_2D", "MAX_POOL_2D")), [source], [out], **options)


OPERATORS = (
    Registration("AVERAGE_POOL_2D", lower, "Pool2DOptions", (sample,)),
    Registration("MAX_POOL_2D", lower, "Pool2DOptions"),
)
