"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: windows, folded biases and requantisation."""

from __future__ import annotations

import math

import numpy as np

from firmware_export.ir import Convolution, Depthwise, Layout, Requant, Reshape, Window
from firmware_export.lowering.constant_rows import Sums, fit_short, settle_constants
from firmware_export.lowering.context import MAX_SCALE, MAX_SIDE, Context, Unsupported
from firmware_export.lowering.tflite_arithmetic import activation_range, quantize_multiplier
from kws_tfmot.tflite.graph import Operator, Tensor

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
MAX_PADDED_FC = 1.25  # a matrix may grow by this factor to read a padded plane as it stands


def activation_of(operator: Operator) -> str:
    """The fused activation, checked."""
    name = str(operator.options.get("fused_activation_function", "NONE"))
    if name not in ACTIVATIONS:
        raise Unsupported(f"fused activation {name} is not supported. Allowed: {', '.join(ACTIVATIONS)}")
    return name


def window_of(operator: Operator, source: Layout, target: Layout, height: int, width: int, zero_point: int) -> Window:
    """The window of a convolution or pooling, with TensorFlow's SAME and VALID padding."""
    option = operator.options
    numbers = [int(option.get(key, 1)) for key in ("stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor")]
    if min(height, width, *numbers) < 1 or max(height, width, *numbers) > 255:
        raise Unsupported(f"window {height}x{width}, strides and dilations {numbers} must be from 1 to 255")
    firsts = []
    axes = ((source.height, target.height, height, *numbers[0::2]), (source.width, target.width, width, *numbers[1::2]))
    for size, out, taps, stride, dilation in axes:
        reach = (taps - 1) * dilation + 1
        if option.get("padding") == "SAME":
            expected = -(-size // stride)
        elif option.get("padding") == "VALID":
            expected = (size - reach) // stride + 1
        else:
            raise Unsupported(f"padding {option.get('padding')!r} is not supported. Allowed: SAME, VALID")
        if out != expected or out < 1:
            raise Unsupported(f"the output has {out} rows or columns where {expected} are computed")
        firsts.append(-(max((out - 1) * stride + reach - size, 0) // 2))
    if max(abs(first) for first in firsts) > 32767:
        raise Unsupported("the padding is too large")
    stride_y, stride_x, dilation_y, dilation_x = numbers
    return Window(
        source, target, height, width, stride_y, stride_x, dilation_y, dilation_x, firsts[0], firsts[1], zero_point
    )


def weight_scales(tensor: Tensor, axis: int, channels: int) -> list[float]:
    """One scale for each output channel; the zero points must be zero."""
    quantization = tensor.quantization
    where = f"weights {tensor.index} {tensor.name!r}"
    if quantization is None or not quantization.scales:
        raise Unsupported(f"{where} are not quantised")
    if any(zero_point != 0 for zero_point in quantization.zero_points):
        raise Unsupported(f"{where} have a zero point other than 0")
    scales = [float(scale) for scale in quantization.scales]
    if any(not math.isfinite(scale) or not 0 <= scale <= MAX_SCALE for scale in scales):
        raise Unsupported(f"{where} have a scale that is negative, not finite or above {MAX_SCALE:g}")
    if len(scales) == 1:
        return scales * channels
    if len(scales) != channels or quantization.axis != axis:
        raise Unsupported(f"{where} have {len(scales)} scales along axis {quantization.axis}; expected {channels}")
    return scales


def weights_of(context: Context, operator: Operator, rank: int) -> tuple[Tensor, np.ndarray]:
    """The constant int8 weights of an operator."""
    tensor, data = context.constant(operator, 1, "weights")
    if tensor.dtype not in ("int8", "int4") or len(tensor.shape) != rank or data.size == 0:
        raise Unsupported(
            f"weights {tensor.index} must be int8 of rank {rank}. Received: {tensor.dtype} {tensor.shape}"
        )
    return tensor, np.asarray(data, np.int8).reshape(tensor.shape)


def bias_of(context: Context, operator: Operator, channels: int) -> np.ndarray:
    """The biases as int64, zeros where there are none."""
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return np.zeros(channels, np.int64)
    tensor, data = context.constant(operator, 2, "biases")
    if tensor.dtype != "int32" or data.size != channels:
        raise Unsupported(f"biases {tensor.index} must be {channels} int32. Received: {data.size} {tensor.dtype}")
    return np.asarray(data).astype(np.int64).reshape(-1)


def requantised(
    context: Context,
    operator: Operator,
    rows: np.ndarray,
    ratios: list[float],
    bias: np.ndarray,
    in_zero: int,
    out: int,
) -> tuple[np.ndarray, Requant]:
    """Fold the input zero point into the biases and choose the short arithmetic where it is exact.

    ``ratios`` are input scale * weight scale / output scale. Rows whose output is one and the same come back as zeros:
    a single one with a minute scale would else cost all of them the short arithmetic.
    """
    value = context.program.values[out]
    pairs = [quantize_multiplier(ratio) for ratio in ratios]
    multiplier = np.array([pair[0] for pair in pairs], np.int64)
    shift = np.array([pair[1] for pair in pairs], np.int64)
    if shift.max() > 30:
        raise Unsupported(f"the output scale is too small: a factor of 2^{shift.max()}")
    minimum, maximum = activation_range(activation_of(operator), value.scale, value.zero_point)
    maximum = max(minimum, maximum)
    sums = settle_constants(Sums(rows, bias, multiplier, shift), in_zero, value.zero_point, minimum, maximum)
    folded = sums.bias - in_zero * sums.rows.astype(np.int64).sum(axis=1)
    short = bool(fit_short(sums, in_zero).all())
    wrapped = (folded + (1 << 31)) % (1 << 32) - (1 << 31)
    return sums.rows, Requant(wrapped, sums.multiplier, sums.shift, value.zero_point, minimum, maximum, short)


def convolution_ratios(in_scale: float, scales: list[float], out_scale: float) -> list[float]:
    """Effective scales as the reference computes them: doubles from single-precision scales."""
    i, o = float(np.float32(in_scale)), float(np.float32(out_scale))
    return [i * float(np.float32(scale)) / o for scale in scales]


def lower_convolution(context: Context, operator: Operator) -> None:
    """CONV_2D; weights are [out, height, width, in]."""
    source = context.input_value(operator)
    tensor, weights = weights_of(context, operator, 4)
    target = context.output_value(operator)
    value = context.program.values[source]
    channels, height, width, depth = weights.shape
    if value.layout.channels != depth or context.layout(target).channels != channels:
        raise Unsupported(f"weights {weights.shape} do not fit {value.layout} (grouped convolutions are not supported)")
    window = window_of(operator, value.layout, context.layout(target), height, width, value.zero_point)
    rows = weights.transpose(0, 3, 1, 2).reshape(channels, -1)
    if rows.shape[1] > MAX_SIDE:
        raise Unsupported(f"{rows.shape[1]} weights an output are too many; at most {MAX_SIDE}")
    ratios = convolution_ratios(value.scale, weight_scales(tensor, 0, channels), context.program.values[target].scale)
    bias = bias_of(context, operator, channels)
    rows, requant = requantised(context, operator, rows, ratios, bias, value.zero_point, target)
    vector = window.pointwise and value.layout.pixels == 1
    if not vector and _sees_everything(window) and value.layout.bytes <= min(rows.shape[1] * MAX_PADDED_FC, MAX_SIDE):
        # one output pixel from the whole input: matrix times vector, instead of seven idle pixels of a block
        planes = np.zeros((channels, depth, value.layout.plane), np.int8)
        planes[:, :, : value.layout.pixels] = rows.reshape(channels, depth, -1)
        rows, vector = planes.reshape(channels, -1), True
        window = Window(Layout(1, 1, value.layout.bytes), window.output, zero_point=value.zero_point)
    context.add(context.label(operator), Convolution(window, rows, requant, vector), (source,), target)


def _sees_everything(window: Window) -> bool:
    spread = max(window.dilation_y if window.height > 1 else 1, window.dilation_x if window.width > 1 else 1)
    whole = spread == 1 and (window.height, window.width) == (window.input.height, window.input.width)
    return whole and window.output.pixels == 1 and (window.first_y, window.first_x) == (0, 0)


def lower_depthwise(context: Context, operator: Operator) -> None:
    """DEPTHWISE_CONV_2D; weights are [1, height, width, out]."""
    source = context.input_value(operator)
    tensor, weights = weights_of(context, operator, 4)
    target = context.output_value(operator)
    value = context.program.values[source]
    _, height, width, channels = weights.shape
    multiplier, rest = divmod(channels, value.layout.channels)
    if weights.shape[0] != 1 or rest or multiplier < 1 or multiplier > 255:
        raise Unsupported(f"weights {weights.shape} do not fit {value.layout}")
    if context.layout(target).channels != channels:
        raise Unsupported(f"the output has {context.layout(target).channels} channels; the weights give {channels}")
    window = window_of(operator, value.layout, context.layout(target), height, width, value.zero_point)
    rows = weights[0].transpose(2, 0, 1).reshape(channels, -1)
    ratios = convolution_ratios(value.scale, weight_scales(tensor, 3, channels), context.program.values[target].scale)
    bias = bias_of(context, operator, channels)
    rows, requant = requantised(context, operator, rows, ratios, bias, value.zero_point, target)
    context.add(context.label(operator), Depthwise(window, rows, requant, multiplier), (source,), target)


def lower_fully_connected(context: Context, operator: Operator) -> None:
    """FULLY_CONNECTED; weights are [out, in]. Several input rows become the pixels of a pointwise convolution."""
    if operator.options.get("weights_format", "DEFAULT") != "DEFAULT":
        raise Unsupported(f"weights format {operator.options['weights_format']} is not supported")
    source = context.input_value(operator)
    tensor, weights = weights_of(context, operator, 2)
    target = context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    channels, depth = weights.shape
    rows = value.layout.elements // depth
    if rows * depth != value.layout.elements or out.layout.channels != channels or out.layout.pixels != rows:
        raise Unsupported(f"weights {weights.shape} do not fit {value.layout} and {out.layout}")
    if depth > MAX_SIDE:
        raise Unsupported(f"{depth} weights an output are too many; at most {MAX_SIDE}")
    ratios = _fully_connected_ratios(context, operator, tensor, channels, value.scale, out.scale)
    bias = bias_of(context, operator, channels)
    weights, requant = requantised(context, operator, weights, ratios, bias, value.zero_point, target)
    matrix, entry = weights, Layout(1, rows, depth)
    if rows == 1 and value.layout.plane * value.layout.channels <= min(depth * MAX_PADDED_FC, MAX_SIDE):
        matrix, entry = _planar_columns(weights, value.layout), Layout(1, 1, value.layout.bytes)
    elif (value.layout.pixels, value.layout.channels) != (rows, depth):
        flat = context.new_like(source, entry, f"{value.name} as rows")
        context.add(f"{operator.index} RESHAPE for FULLY_CONNECTED", Reshape(), (source,), flat)
        source = flat
    window = Window(entry, out.layout, zero_point=value.zero_point)
    context.add(context.label(operator), Convolution(window, matrix, requant, rows == 1), (source,), target)


def _planar_columns(weights: np.ndarray, layout: Layout) -> np.ndarray:
    """Reorder a matrix's columns so that it can read a planar activation; padding is multiplied by zero."""
    if layout.flat and layout.plane == layout.pixels:
        return weights
    planes = np.zeros((weights.shape[0], layout.channels, layout.plane), np.int8)
    planes[:, :, : layout.pixels] = weights.reshape(-1, layout.pixels, layout.channels).transpose(0, 2, 1)
    return planes.reshape(weights.shape[0], -1)


def _fully_connected_ratios(
    context: Context, operator: Operator, tensor: Tensor, channels: int, in_scale: float, out_scale: float
) -> list[float]:
    """As for convolutions where there are several scales; one scale is first multiplied in single precision.

    The reference also refuses a bias whose scale is off: |input * weight - bias scale| > 0.02 output scales.
    """
    scales = weight_scales(tensor, 0, channels)
    if tensor.quantization is not None and tensor.quantization.per_channel:
        return convolution_ratios(in_scale, scales, out_scale)
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        bias = context.graph.tensor(operator.inputs[2])
        bias_scale = float(bias.quantization.scales[0]) if bias.quantization and bias.quantization.scales else 0.0
        if abs(in_scale * scales[0] - bias_scale) / out_scale > 0.02:
            raise Unsupported(f"the bias has scale {bias_scale:g}; expected {in_scale * scales[0]:g}")
    product = float(np.float32(in_scale) * np.float32(scales[0]))
    return [product / float(np.float32(out_scale))] * channels


WEIGHTED = {
    "CONV_2D": lower_convolution,
    "DEPTHWISE_CONV_2D": lower_depthwise,
    "FULLY_CONNECTED": lower_fully_connected,
}
