"""SOFTMAX."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Layout, Operation, Value
from firmware_export.operators.kernels.wide import wide_layout
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.tflite_arithmetic import softmax_parameters
from kws_tfmot.tflite.graph import Operator


@dataclass(frozen=True)
class Softmax(Operation):
    """Softmax over channels."""

    multiplier: int
    shift: int
    smallest: int

    def works_in_place(self, source: Layout, target: Layout) -> bool:
        """A pixel's sum is known before its first output."""
        return source == target

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_softmax_rows``."""
        layout = writer.source().layout
        members: list[object] = [layout.channels, layout.plane, layout.pixels]
        members += [self.multiplier, self.shift, self.smallest]
        return writer.call("kws_softmax_rows", writer.struct("kws_softmax", members), writer.input(), writer.output)


@dataclass(frozen=True)
class SoftmaxWide(Operation):
    """Softmax over the channels of one pixel, to int16."""

    multiplier: int
    shift: int
    smallest: int

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_softmax_wide``."""
        channels = writer.source().layout.channels
        members: list[object] = [channels, 1, 1, self.multiplier, self.shift, self.smallest]
        return writer.call("kws_softmax_wide", writer.struct("kws_softmax", members), writer.input(), writer.output)


def lower(context: Context, operator: Operator) -> None:
    """SOFTMAX over the last dimension."""
    if len(operator.outputs) == 1 and context.tensor(operator.outputs[0], "the output").dtype == "int16":
        _wide(context, operator)
        return
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    beta = float(operator.options.get("beta", 1.0))
    if out.zero_point != -128 or out.scale != 1 / 256 or value.layout != out.layout:
        raise Unsupported("the output must have scale 1/256, zero point -128 and the input's shape")
    multiplier, shift, smallest = _parameters(value, beta)
    context.add(context.label(operator), Softmax(multiplier, shift, smallest), (source,), target)


def _wide(context: Context, operator: Operator) -> None:
    """To int16 probabilities, of which nothing but a QUANTIZE and the model's output can be made."""
    source, index = context.input_value(operator), operator.outputs[0]
    value = context.program.values[source]
    scale, zero_point = context.quantization(index, dtype="int16")
    if zero_point != -(1 << 15) or abs(scale * 65536 - 1) > 0.001 or value.layout.pixels != 1:
        raise Unsupported("int16 probabilities must be of one row, with scale 1/65536 and zero point -32768")
    target = context.program.add_value("probabilities", wide_layout(value.layout.channels, "int16"), scale, zero_point)
    context.value_of[index] = target
    multiplier, shift, smallest = _parameters(value, float(operator.options.get("beta", 1.0)))
    context.add(context.label(operator), SoftmaxWide(multiplier, shift, smallest), (source,), target)


def _parameters(value: Value, beta: float) -> tuple[int, int, int]:
    """Multiplier, shift and smallest difference of logits."""
    if not 0 < beta * value.scale * (1 << 26) < 1 << 62 or beta * value.scale * (1 << 26) <= 1:
        raise Unsupported(f"beta {beta} and scale {value.scale} are out of range")
    if value.layout.channels > 4096:
        raise Unsupported(f"softmax over {value.layout.channels} classes; at most 4096 fit the reference's sum")
    multiplier, shift, smallest = softmax_parameters(value.scale, beta)
    return multiplier, shift, max(smallest, -32768)


def sample(m: RandomModel) -> None:
    """Over the last dimension."""
    source, shape = m.last, m.shape
    out = m.activation(shape, 1 / 256, -128)
    m.writer.operator("SOFTMAX", [source], [out], beta=float(m.choose.pick((1.0, 0.5))))


OPERATORS = (Registration("SOFTMAX", lower, "SoftmaxOptions"),)
