"""QUANTIZE."""

from __future__ import annotations

from typing import Any

import numpy as np

from firmware_export.operators.kernels.lookup import Lookup
from firmware_export.operators.kernels.reshape_tensor import Reshape
from firmware_export.operators.kernels.wide import ITEM_BYTES, RescaleWide, wide_layout
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported, layout_of
from firmware_export.operators.shared.random_model import RandomModel
from firmware_export.operators.shared.tflite_arithmetic import quantize_multiplier, rescale_table
from kws_tfmot.tflite.graph import Operator


def lower(context: Context, operator: Operator) -> None:
    """QUANTIZE: at a float input it is left to the caller; between bytes it is a table."""
    tensor = context.operand(operator, 0, "input")
    graph = context.graph
    if len(operator.outputs) != 1:
        raise Unsupported(f"expected one output. Received: {len(operator.outputs)}")
    if tensor.dtype == "float32":
        if tensor.index != graph.inputs[0]:
            raise Unsupported("float values are only possible at the model's input")
        index = operator.outputs[0]
        scale, zero_point = context.quantization(index)
        context.enter(index, scale, zero_point)
        return
    if tensor.dtype == "int16":
        _rescale_wide(context, operator)
        return
    target_dtype = context.tensor(operator.outputs[0], "the output").dtype
    if target_dtype not in ("int8", "uint8"):
        raise Unsupported(f"{tensor.dtype} numbers can become int8 or uint8. Received: {target_dtype}")
    arguments: dict[str, Any] = {}
    if tensor.dtype == "uint8":
        source = context.value(tensor.index)
        in_zero, in_scale = context.program.input_zero_point, context.program.input_scale
        arguments["unsigned_in"] = True
    else:
        source = context.input_value(operator)
        in_zero, in_scale = context.program.values[source].zero_point, context.program.values[source].scale
    out_scale, out_zero = context.quantization(operator.outputs[0], dtype=target_dtype)
    if target_dtype == "uint8" and operator.outputs[0] != graph.outputs[0]:
        raise Unsupported("uint8 is only possible at the model's output")
    low, high = (0, 255) if target_dtype == "uint8" else (-128, 127)
    ratio = float(np.float32(in_scale)) / float(np.float32(out_scale))
    unsigned_out = target_dtype == "uint8"
    table = rescale_table(ratio, in_zero, out_zero, low, high, unsigned_out=unsigned_out, **arguments).view(np.int8)
    layout = layout_of(context.graph.tensor(operator.outputs[0]).shape)
    if layout != context.layout(source) and layout.elements != context.layout(source).elements:
        raise Unsupported("input and output differ in shape")
    target = context.program.add_value("quantised", context.layout(source), out_scale, out_zero)
    context.value_of[operator.outputs[0]] = target
    context.add(context.label(operator), Lookup(table), (source,), target)


def _rescale_wide(context: Context, operator: Operator) -> None:
    """From int16 at the model's input, or of a softmax at its output, to int8 or int32."""
    index = operator.outputs[0]
    source = context.value(operator.inputs[0])
    tensor, target = context.tensor(operator.inputs[0], "the input"), context.tensor(index, "the output")
    if target.dtype not in ("int8", "int32") or (target.dtype == "int32" and index != context.graph.outputs[0]):
        raise Unsupported(f"int16 numbers can become int8, or int32 at the model's output. Received: {target.dtype}")
    in_scale, in_zero = context.quantization(tensor.index, dtype="int16")
    out_scale, out_zero = context.quantization(index, dtype=target.dtype)
    ratio = float(np.float32(in_scale)) / float(np.float32(out_scale))
    operation = RescaleWide(*quantize_multiplier(ratio), in_zero, out_zero, ITEM_BYTES[target.dtype])
    layout = layout_of(target.shape)
    if 2 * layout.elements != context.layout(source).elements:
        raise Unsupported("input and output differ in size")
    flat = wide_layout(layout.elements, target.dtype)
    value = context.program.add_value("quantised", flat, out_scale, out_zero)
    context.add(context.label(operator), operation, (source,), value)
    if target.dtype == "int8" and not layout.flat:
        reordered = context.program.add_value(target.name, layout, out_scale, out_zero)
        context.add("CHW input", Reshape(), (value,), reordered)
        value = reordered
    context.value_of[index] = value


def sample(m: RandomModel) -> None:
    """QUANTIZE from int8 to int8."""
    source, shape = m.last, m.shape
    out = m.activation(shape, m.scale * m.choose.pick((1.0, 0.5, 1.7)), m.zero_point())
    m.writer.operator("QUANTIZE", [source], [out])


OPERATORS = (Registration("QUANTIZE", lower, samples=(sample,)),)
