"""Sliding windows with TensorFlow's padding, and fused activations."""

from __future__ import annotations

from firmware_export.ir import Layout, Window
from firmware_export.operators.shared.context import Unsupported
from kws_tfmot.tflite.graph import Operator

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


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
