"""Constant weights, biases and scales of an operator, and how its sums become int8."""

from __future__ import annotations

import math

import numpy as np

from firmware_export.ir import Requant
from firmware_export.operators.shared.constant_rows import Sums, fit_short, settle_constants
from firmware_export.operators.shared.context import MAX_SCALE, Context, Unsupported
from firmware_export.operators.shared.tflite_arithmetic import activation_range, quantize_multiplier
from firmware_export.operators.shared.windows import activation_of
from kws_tfmot.tflite.graph import Operator, Tensor


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
