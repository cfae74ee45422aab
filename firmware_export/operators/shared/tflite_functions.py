"""Functions of one int8 value as TFLM computes them, each as a table of all 256 inputs indexed by the unsigned byte.

The sources are the reference kernels of TensorFlow Lite Micro and the fixed-point functions of gemmlowp; the tests
compare every table with TFLM's interpreter.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from firmware_export.operators.shared.tflite_arithmetic import (
    INT32_MAX,
    INT32_MIN,
    divide_by_power,
    high_multiply,
    input_radius,
    quantize_multiplier,
    rescale,
    round_half_away,
)


def table_of(function: Callable[[int], int]) -> np.ndarray:
    """``function`` of each int8 value, limited to int8.

    >>> table_of(lambda x: 2 * x)[[1, 100, 255]].tolist()
    [2, 127, -2]
    """
    table = np.zeros(256, np.int8)
    for value in range(-128, 128):
        table[value & 255] = min(max(function(value), -128), 127)
    return table


def logistic_table(scale: float, zero_point: int) -> np.ndarray:
    """The int8 logistic function (output scale 1/256, zero point -128) of every input, indexed by the unsigned byte.

    >>> table = logistic_table(0.05, 0)
    >>> [int(table[x]) for x in (0, 20, 256 - 20, 127)]
    [0, 59, -59, 127]
    """
    fraction, shift = math.frexp(float(np.float32(scale)) * (1 << 27))
    multiplier = round_half_away(fraction * (1 << 31))
    radius = input_radius(4, shift)

    def logistic(value: int) -> int:
        """The output byte of an input byte: sigmoid in Q4.27, output scale 1/256, zero point -128."""
        centred = value - zero_point
        if abs(centred) >= radius:
            return 127 if centred > 0 else -128
        return divide_by_power(_logistic_q4(rescale(centred, multiplier, shift)), 23) - 128

    return table_of(logistic)


def tanh_table(scale: float, zero_point: int) -> np.ndarray:
    """The hyperbolic tangent, output scale 1/128 and zero point 0.

    >>> table = tanh_table(0.05, 0)
    >>> [int(table[x]) for x in (0, 20, 256 - 20, 127)]
    [0, 97, -97, 127]
    """
    fraction, shift = math.frexp(float(np.float32(scale)) * (1 << 27))
    multiplier = round_half_away(fraction * (1 << 31))
    radius = input_radius(4, shift)

    def tanh(value: int) -> int:
        """The output byte of an input byte: tanh in Q4.27, output scale 1/128, zero point 0."""
        centred = value - zero_point
        if abs(centred) >= radius:
            return 127 if centred > 0 else -128
        return divide_by_power(_tanh_q4(rescale(centred, multiplier, shift)), 24)

    return table_of(tanh)


def hard_swish_table(scale: float, zero_point: int, out_scale: float, out_zero_point: int) -> np.ndarray:
    """``x * relu6(x + 3) / 6`` in 16-bit fixed point; the input is first taken 128 times finer.

    >>> table = hard_swish_table(0.05, 0, 0.05, 0)
    >>> [int(table[x]) for x in (0, 100, 256 - 100)]
    [0, 100, 0]
    """
    fine = np.float32(1.0 / 128.0) * np.float32(scale)
    to_output, output_shift = quantize_multiplier(float(fine / np.float32(out_scale)))
    to_gate, gate_shift = quantize_multiplier(float(fine / np.float32(3.0 / 32768.0)))
    to_output, to_gate = _narrowed(to_output), _narrowed(to_gate)

    def hard_swish(value: int) -> int:
        """The output byte of an input byte: ``x * relu6(x + 3) / 6`` in 16-bit products, as TFLite's kernel."""
        x = (value - zero_point) * 128
        scaled, gate = _high_multiply_16(x, to_output), x
        if gate_shift > 0:
            gate = _saturate_16(gate << (gate_shift - 1))
        gate = _high_multiply_16(gate, to_gate)
        if gate_shift > 0:
            gate = _saturate_16(gate << 1)
        elif gate_shift < 0:
            gate = divide_by_power(gate, -gate_shift)
        gate = (gate + (1 << 15)) >> 1
        return divide_by_power(_truncate(gate * scaled, 15), -output_shift) + out_zero_point

    return table_of(hard_swish)


def leaky_relu_table(alpha: float, scale: float, zero_point: int, out_scale: float, out_zero_point: int) -> np.ndarray:
    """``x`` where it is not negative, else ``alpha * x``, each rescaled to the output.

    >>> table = leaky_relu_table(0.25, 0.1, 0, 0.1, 0)
    >>> [int(table[x]) for x in (40, 256 - 40)]
    [40, -10]
    """
    ratio = float(np.float32(scale)) / float(np.float32(out_scale))
    slope = float(np.float32(scale)) * float(np.float32(alpha)) / float(np.float32(out_scale))  # in double precision
    positive, negative = quantize_multiplier(ratio), quantize_multiplier(slope)

    def leaky_relu(value: int) -> int:
        """The output byte of an input byte: rescaled by one multiplier above zero, by another below."""
        centred = value - zero_point
        return rescale(centred, *(positive if centred >= 0 else negative)) + out_zero_point

    return table_of(leaky_relu)


def _tanh_q4(x: int) -> int:
    """Of a number with four integer bits, as Q0.31: (1 - e) / (1 + e) with e = exp(-2 |x|)."""
    if x == 0:
        return 0
    half = (_exp(-abs(x), 5) + INT32_MAX + 1) // 2
    positive = _saturate((_reciprocal_q2(half) - (1 << 29)) << 2)
    return positive if x > 0 else -positive


def _narrowed(multiplier: int) -> int:
    """A Q31 multiplier as Q15."""
    return 32767 if multiplier >= INT32_MAX - (1 << 15) else (multiplier + (1 << 15)) >> 16


def _high_multiply_16(a: int, b: int) -> int:
    """``round(a * b / 2**15)``, saturated; ties upwards."""
    return min((a * b + (1 << 14)) >> 15, 32767)


def _truncate(x: int, exponent: int) -> int:
    return -(-x >> exponent) if x < 0 else x >> exponent


def _saturate_16(x: int) -> int:
    return min(max(x, -32768), 32767)


def _logistic_q4(x: int) -> int:
    if x == 0:
        return 1 << 30
    positive = _reciprocal_q0(_exp(-abs(x), 4))
    return positive if x > 0 else INT32_MAX - positive


def _exp(x: int, integer_bits: int) -> int:
    """``exp(x)`` as Q0.31 of a negative fixed-point number with that many integer bits."""
    if x == 0:
        return INT32_MAX
    fractional = 31 - integer_bits
    quarter = 1 << (fractional - 2)
    part = (x & (quarter - 1)) - quarter
    y = (part << integer_bits) + (1 << 28)
    y2 = high_multiply(y, y)
    y3 = high_multiply(y2, y)
    y4 = divide_by_power(high_multiply(y2, y2), 2)
    tail = divide_by_power(high_multiply(y4 + y3, 715827883) + y2, 1)
    result = 1895147668 + high_multiply(1895147668, y + tail)
    factors = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    for i, factor in enumerate(factors):
        if i - 2 < integer_bits and (part - x) & (1 << (fractional - 2 + i)):
            result = high_multiply(result, factor)
    return result


def _reciprocal_q0(x: int) -> int:
    """``1 / (1 + x)`` of a Q0.31 number in [0, 1)."""
    return _saturate(_reciprocal_q2((x + INT32_MAX + 1) // 2) << 1)


def _reciprocal_q2(half: int) -> int:
    """``1 / (2 half)`` of a Q0.31 number in [0.5, 1] with two integer bits, by Newton's method."""
    r = 1515870810 + high_multiply(half, -1010580540)
    for _ in range(3):
        error = (1 << 29) - high_multiply(half, r)
        r += _saturate(high_multiply(r, error) << 2)
    return r


def _saturate(x: int) -> int:
    return min(max(x, INT32_MIN), INT32_MAX)
