"""Operators without weights: pooling, elementwise arithmetic, moving data, tables and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from firmware_export.ir import Clamp, Elementwise, Fill, Layout, Lookup, Mean, Place, Pool, Reshape, Softmax
from firmware_export.lowering.context import Context, Unsupported, layout_of
from firmware_export.lowering.tflite_arithmetic import (
    activation_range,
    logistic_table,
    quantize_multiplier,
    rescale_table,
    softmax_parameters,
)
from firmware_export.lowering.weighted import activation_of, window_of
from kws_tfmot.tflite.graph import Operator


def _same_quantization(context: Context, a: int, b: int) -> bool:
    x, y = context.program.values[a], context.program.values[b]
    return abs(x.scale - y.scale) <= 1e-6 and x.zero_point == y.zero_point


def lower_pool(context: Context, operator: Operator) -> None:
    """AVERAGE_POOL_2D and MAX_POOL_2D: input and output share scale and zero point."""
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if not _same_quantization(context, source, target):
        raise Unsupported("input and output must have the same scale and zero point")
    if value.layout.channels != out.layout.channels:
        raise Unsupported(f"{value.layout} does not pool to {out.layout}")
    height, width = int(operator.options.get("filter_height", 0)), int(operator.options.get("filter_width", 0))
    window = window_of(operator, value.layout, out.layout, height, width, value.zero_point)
    low, high = activation_range(activation_of(operator), out.scale, out.zero_point)
    average = operator.code == "AVERAGE_POOL_2D"
    context.add(context.label(operator), Pool(window, average, low, max(low, high)), (source,), target)


def lower_mean(context: Context, operator: Operator) -> None:
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


def _strides(layout: Layout, out: Layout) -> tuple[int, int, int]:
    """Steps of one elementwise input along (channel, row, column); zero where it repeats."""
    for size, full in ((layout.channels, out.channels), (layout.height, out.height), (layout.width, out.width)):
        if size not in (1, full):
            raise Unsupported(f"{layout} does not broadcast to {out}")
    return (
        layout.plane if layout.channels > 1 else 0,
        layout.width if layout.height > 1 else 0,
        1 if layout.width > 1 else 0,
    )


def lower_elementwise(context: Context, operator: Operator) -> None:
    """ADD and MUL with broadcasting."""
    a, b = context.input_value(operator, 0), context.input_value(operator, 1)
    target = context.output_value(operator)
    x, y, out = (context.program.values[i] for i in (a, b, target))
    low, high = activation_range(activation_of(operator), out.scale, out.zero_point)
    sx, sy, so = (float(np.float32(v.scale)) for v in (x, y, out))
    if operator.code == "ADD":
        twice = 2 * max(sx, sy)
        ratios = (sx / twice, sy / twice, twice / ((1 << 20) * so))
        if ratios[2] >= 1:
            raise Unsupported("the output scale is too small for the reference's arithmetic")
    else:
        ratios = (0.0, 0.0, sx * sy / so)
    pairs = [quantize_multiplier(ratio) for ratio in ratios]
    if pairs[2][1] > 15:
        raise Unsupported("the output scale is too small")
    strides = (_strides(x.layout, out.layout), _strides(y.layout, out.layout))
    operation = Elementwise(
        operator.code == "ADD",
        strides,
        (x.zero_point, y.zero_point, out.zero_point),
        (pairs[0][0], pairs[1][0], pairs[2][0]),
        (pairs[0][1], pairs[1][1], pairs[2][1]),
        low,
        max(low, high),
    )
    context.add(context.label(operator), operation, (a, b), target)


def _start(out: Layout, y: int, x: int, channel: int) -> int:
    return channel * out.plane + y * out.width + x


def lower_concatenation(context: Context, operator: Operator) -> None:
    """CONCATENATION along rows, columns or channels; all parts share the output's quantisation."""
    if activation_of(operator) != "NONE":
        raise Unsupported("a fused activation is not supported")
    sources = [context.input_value(operator, i) for i in range(len(operator.inputs))]
    target = context.output_value(operator)
    out = context.program.values[target]
    rank = len(context.graph.tensor(operator.outputs[0]).shape)
    axis = int(operator.options.get("axis", 0))
    axis += 4 - rank if axis >= 0 else 4
    if axis not in (1, 2, 3):
        raise Unsupported(f"axis {operator.options.get('axis')} is not rows, columns or channels")
    at = [0, 0, 0]
    for source in sources:
        value = context.program.values[source]
        sizes = [value.layout.height, value.layout.width, value.layout.channels]
        full = [out.layout.height, out.layout.width, out.layout.channels]
        if (value.scale, value.zero_point) != (out.scale, out.zero_point):
            raise Unsupported(f"{value.name!r} must have the output's scale and zero point")
        if (
            any(sizes[i] != full[i] for i in range(3) if i != axis - 1)
            or at[axis - 1] + sizes[axis - 1] > full[axis - 1]
        ):
            raise Unsupported(f"{value.layout} does not fit into {out.layout}")
        context.add(context.label(operator), Place(_start(out.layout, *at)), (source,), target)
        at[axis - 1] += sizes[axis - 1]
    if at[axis - 1] != (out.layout.height, out.layout.width, out.layout.channels)[axis - 1]:
        raise Unsupported(f"the parts do not fill {out.layout}")


def lower_pad(context: Context, operator: Operator) -> None:
    """PAD and PADV2 with the output's zero point or a constant."""
    source = context.input_value(operator)
    table = context.integers(operator, 1, "paddings")
    target = context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if table.size % 2:
        raise Unsupported(f"the paddings are {table.size} numbers")
    pads = table.reshape(-1, 2)
    if pads.shape[0] > 4 or pads.shape[0] != len(context.operand(operator, 0, "input").shape):
        raise Unsupported(f"the paddings have {pads.shape[0]} rows")
    before = [0] * (4 - pads.shape[0]) + [int(p) for p in pads[:, 0]]
    after = [0] * (4 - pads.shape[0]) + [int(p) for p in pads[:, 1]]
    sizes = (1, value.layout.height, value.layout.width, value.layout.channels)
    full = (1, out.layout.height, out.layout.width, out.layout.channels)
    if min(*before, *after) < 0 or any(sizes[i] + before[i] + after[i] != full[i] for i in range(4)):
        raise Unsupported(f"paddings {pads.tolist()} do not lead from {value.layout} to {out.layout}")
    fill = out.zero_point
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        tensor, data = context.constant(operator, 2, "the padding value")
        if tensor.dtype != "int8" or data.size != 1:
            raise Unsupported("the padding value must be one int8")
        if context.quantization(tensor.index) != (out.scale, out.zero_point):
            raise Unsupported("the padding value must have the output's scale and zero point")
        fill = int(np.asarray(data).reshape(-1)[0])
    context.add(context.label(operator), Fill(fill), (), target)
    context.add(context.label(operator), Place(_start(out.layout, *before[1:])), (source,), target)


def lower_reshape(context: Context, operator: Operator) -> None:
    """RESHAPE, SQUEEZE and EXPAND_DIMS: a copy of bytes, and not even that where layout and quantisation stay."""
    source = context.input_value(operator)
    tensor = context.tensor(operator.outputs[0], "the output")
    scale_and_zero = context.quantization(tensor.index)
    layout, before = layout_of(tensor.shape), context.layout(source)
    if layout.elements != before.elements:
        raise Unsupported(f"{before} cannot become {layout}")
    value = context.program.values[source]
    if layout == before and (value.scale, value.zero_point) == scale_and_zero:
        context.value_of[tensor.index] = source
        return
    target = context.output_value(operator)
    context.add(context.label(operator), Reshape(), (source,), target)


def lower_relu(context: Context, operator: Operator) -> None:
    """RELU rescales where the scales differ; RELU6 only limits, as in the reference."""
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if value.layout != out.layout:
        raise Unsupported(f"{value.layout} is not {out.layout}")
    if operator.code == "RELU6":
        low, high = activation_range("RELU6", value.scale, value.zero_point)
        context.add(context.label(operator), Clamp(low, max(low, high)), (source,), target)
        return
    ratio = float(np.float32(value.scale) / np.float32(out.scale))
    if ratio == 1.0 and value.zero_point == out.zero_point:
        context.add(context.label(operator), Clamp(out.zero_point, 127), (source,), target)
        return
    table = rescale_table(ratio, value.zero_point, out.zero_point, out.zero_point, 127)
    context.add(context.label(operator), Lookup(table), (source,), target)


def lower_logistic(context: Context, operator: Operator) -> None:
    """LOGISTIC as a table of 256 bytes."""
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    if out.zero_point != -128 or value.layout != out.layout:
        raise Unsupported("the output must have zero point -128 and the input's shape")
    table = logistic_table(value.scale, value.zero_point)
    context.add(context.label(operator), Lookup(table), (source,), target)


def lower_softmax(context: Context, operator: Operator) -> None:
    """SOFTMAX over the last dimension."""
    source, target = context.input_value(operator), context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    beta = float(operator.options.get("beta", 1.0))
    if out.zero_point != -128 or out.scale != 1 / 256 or value.layout != out.layout:
        raise Unsupported("the output must have scale 1/256, zero point -128 and the input's shape")
    if not 0 < beta * value.scale * (1 << 26) < 1 << 62 or beta * value.scale * (1 << 26) <= 1:
        raise Unsupported(f"beta {beta} and scale {value.scale} are out of range")
    if value.layout.channels > 4096:
        raise Unsupported(f"softmax over {value.layout.channels} classes; at most 4096 fit the reference's sum")
    multiplier, shift, smallest = softmax_parameters(value.scale, beta)
    context.add(context.label(operator), Softmax(multiplier, shift, max(smallest, -32768)), (source,), target)


def lower_quantize(context: Context, operator: Operator) -> None:
    """QUANTIZE: at a float input it is left to the caller; between integers it is a table."""
    tensor = context.operand(operator, 0, "input")
    graph = context.graph
    if tensor.dtype == "float32":
        if tensor.index != graph.inputs[0]:
            raise Unsupported("float values are only possible at the model's input")
        index = operator.outputs[0]
        scale, zero_point = context.quantization(index)
        context.enter(index, scale, zero_point)
        return
    target_dtype = context.tensor(operator.outputs[0], "the output").dtype
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


def lower_dequantize(context: Context, operator: Operator) -> None:
    """DEQUANTIZE at the output is left to the caller: the engine gives int8, its header scale and zero point."""
    if operator.outputs[0] != context.graph.outputs[0]:
        raise Unsupported("float values are only possible at the model's output")
    context.value_of[operator.outputs[0]] = context.input_value(operator)


SIMPLE = {
    "ADD": lower_elementwise,
    "AVERAGE_POOL_2D": lower_pool,
    "CONCATENATION": lower_concatenation,
    "DEQUANTIZE": lower_dequantize,
    "EXPAND_DIMS": lower_reshape,
    "LOGISTIC": lower_logistic,
    "MAX_POOL_2D": lower_pool,
    "MEAN": lower_mean,
    "MUL": lower_elementwise,
    "PAD": lower_pad,
    "PADV2": lower_pad,
    "QUANTIZE": lower_quantize,
    "RELU": lower_relu,
    "RELU6": lower_relu,
    "RESHAPE": lower_reshape,
    "SOFTMAX": lower_softmax,
    "SQUEEZE": lower_reshape,
}
