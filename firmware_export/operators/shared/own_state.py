"""States of operators that keep them in a variable tensor of their own: SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

import math

import numpy as np

from firmware_export.ir import Layout, State
from firmware_export.operators.shared.context import Context, Unsupported
from kws_tfmot.tflite.graph import Operator, Tensor

_BYTES = {"int8": 1, "int16": 2}


def state_of(context: Context, operator: Operator, position: int, role: str) -> tuple[Tensor, int]:
    """The variable tensor at an input of ``operator`` and its state, which begins as its zero point.

    Raises:
        Unsupported: If it is no variable, not of int8 or int16, or another operator has it too.
    """
    tensor = context.operand(operator, position, role)
    if not tensor.is_variable:
        raise Unsupported(f"{role} (tensor {tensor.index} {tensor.name!r}) is no variable")
    if tensor.dtype not in _BYTES:
        raise Unsupported(f"{role} must be int8 or int16. Received: {tensor.dtype}")
    if tensor.index in context.value_of:
        raise Unsupported(f"{role} belongs to another operator too")
    scale, zero_point = scale_of(tensor, role)
    layout = Layout(1, 1, math.prod(tensor.shape) * _BYTES[tensor.dtype])
    value = context.program.add_value(tensor.name, layout, scale, zero_point)
    context.value_of[tensor.index] = value
    context.program.states.append(State(value, np.int8(zero_point).tobytes()))
    return tensor, value


def scale_of(tensor: Tensor, role: str) -> tuple[float, int]:
    """One scale, in single precision, and zero point of a tensor of any type; of 16 bits the zero point must be 0.

    Raises:
        Unsupported: Where it has not one of each, or another zero point.
    """
    quantization = tensor.quantization
    if quantization is None or len(quantization.scales) != 1 or len(quantization.zero_points) > 1:
        raise Unsupported(f"{role} must have one scale and one zero point")
    scale, zero = float(quantization.scales[0]), int(quantization.zero_points[0]) if quantization.zero_points else 0
    if not (math.isfinite(scale) and scale > 0) or not -128 <= zero <= 127 or (tensor.dtype != "int8" and zero):
        raise Unsupported(f"{role} has scale {scale} and zero point {zero}")
    return scale, zero
