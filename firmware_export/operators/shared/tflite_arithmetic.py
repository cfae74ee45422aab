"""TensorFlow Lite's fixed-point arithmetic on Python integers: what the code generator computes ahead of time.

The rounding is that of TensorFlow Lite Micro's build with double rounding: a product is rounded to 32 bits and then
rounded again by the shift. Source: Jacob et al. 2017, arXiv 1712.05877, and the behaviour of the reference kernels.
"""

from __future__ import annotations

import math

import numpy as np

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return ``(multiplier, shift)`` with ``real ~ multiplier * 2**(shift - 31)`` and the multiplier a Q31 number.

    >>> quantize_multiplier(0.5)
    (1073741824, 0)
    >>> quantize_multiplier(1.0)
    (1073741824, 1)
    >>> quantize_multiplier(0.0)
    (0, 0)
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = round_half_away(fraction * (1 << 31))
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    if shift < -31:
        return 0, 0
    return multiplier, shift


def round_half_away(value: float) -> int:
    """The nearest integer, ties away from zero."""
    return math.floor(abs(value) + 0.5) * (-1 if value < 0 else 1)


def high_multiply(a: int, b: int) -> int:
    """``round(a * b / 2**31)``, ties upwards, saturated.

    >>> high_multiply(1 << 30, 3), high_multiply(-(1 << 30), 3)
    (2, -1)
    """
    return min((a * b + (1 << 30)) >> 31, INT32_MAX)


def divide_by_power(x: int, exponent: int) -> int:
    """``round(x / 2**exponent)``, ties away from zero.

    >>> divide_by_power(3, 1), divide_by_power(-3, 1), divide_by_power(5, 2)
    (2, -2, 1)
    """
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def rescale(x: int, multiplier: int, shift: int) -> int:
    """``x * multiplier * 2**(shift - 31)`` with double rounding.

    >>> rescale(100, *quantize_multiplier(0.125))
    13
    """
    return divide_by_power(high_multiply(x << max(shift, 0), multiplier), max(-shift, 0))


def activation_range(activation: str, scale: float, zero_point: int) -> tuple[int, int]:
    """Smallest and largest int8 output a fused activation lets through.

    >>> activation_range("RELU6", 0.05, -128), activation_range("NONE", 0.1, 3)
    ((-128, -8), (-128, 127))
    """

    def quantize(real: float) -> int:
        """``zero_point + round(real / scale)`` in float32, halves away from zero, as TFLite rounds."""
        ratio = float(np.float32(real) / np.float32(scale))
        return zero_point + round_half_away(ratio)

    low, high = -128, 127
    if activation in ("RELU", "RELU6"):
        low = max(low, quantize(0.0))
    if activation == "RELU6":
        high = min(high, quantize(6.0))
    if activation == "RELU_N1_TO_1":
        low, high = max(low, quantize(-1.0)), min(high, quantize(1.0))
    return low, high


def input_radius(integer_bits: int, shift: int, total_bits: int = 31) -> int:
    """Largest difference that does not overflow after scaling by ``2**shift``.

    >>> input_radius(5, 23)
    248
    """
    value = 1.0 * ((1 << integer_bits) - 1) * (1 << (total_bits - integer_bits)) / (1 << shift)
    return math.floor(value)


def softmax_parameters(scale: float, beta: float) -> tuple[int, int, int]:
    """``(multiplier, shift, smallest difference)`` of an int8 softmax; exponents are Q5.26.

    >>> softmax_parameters(0.1, 1.0)
    (1717986944, 23, -248)
    """
    real = min(float(np.float32(beta)) * float(np.float32(scale)) * (1 << 26), float((1 << 31) - 1))
    multiplier, shift = quantize_multiplier(real)
    return multiplier, shift, -input_radius(5, shift)


def rescale_table(
    ratio: float,
    in_zero: int,
    out_zero: int,
    low: int,
    high: int,
    *,
    unsigned_in: bool = False,
    unsigned_out: bool = False,
) -> np.ndarray:
    """``clip(rescale(x - in_zero) + out_zero, low, high)`` of every byte: requantisation and the separate ReLU.

    Args:
        ratio: Input scale divided by output scale.
        in_zero: Zero point of the input.
        out_zero: Zero point of the output.
        low: Smallest output.
        high: Largest output.
        unsigned_in: The byte is a uint8.
        unsigned_out: The result is a uint8.

    >>> rescale_table(1.0, 0, 0, 0, 127)[[5, 250]].tolist()
    [5, 0]
    """
    multiplier, shift = quantize_multiplier(ratio)
    table = np.zeros(256, np.uint8)
    for byte in range(256):
        value = byte if unsigned_in or byte < 128 else byte - 256
        result = min(max(rescale(value - in_zero, multiplier, shift) + out_zero, low), high)
        table[byte] = result & 255
    return table if unsigned_out else table.view(np.int8)
