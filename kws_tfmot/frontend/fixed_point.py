"""The definition of the features: vectorised NumPy on integers, stage by stage.

The C sources in ``csrc`` compute the same integers; the tests compare the two. Frames are rows throughout.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_tfmot.frontend.tables import (
    LOG_BITS,
    LOG_MEL_SHIFT,
    LOG_TABLE_BITS,
    SPECTRUM_SHIFT,
    WINDOW_SHIFT,
    FrontendTables,
)

Int = npt.NDArray[np.int64]


def frame_features(tables: FrontendTables, frames: npt.NDArray[np.int16]) -> npt.NDArray[np.int8]:
    """Features of whole frames: int16 [n, window] -> int8 [n, features_per_frame]."""
    real, imag = fft(tables, window_pairs(tables, frames))
    energies = mel_energies(tables, power_spectrum(tables, real, imag))
    logs = log2_energies(tables, energies)
    return cepstrum(tables, logs) if tables.settings.kind == "mfcc" else saturate((logs + 64) >> LOG_MEL_SHIFT)


def window_pairs(tables: FrontendTables, frames: npt.NDArray[np.int16]) -> tuple[Int, Int]:
    """``(x w) >> 8``, zero-padded to the FFT; even samples are the real part, odd ones the imaginary part."""
    windowed = (frames.astype(np.int64) * tables.window) >> WINDOW_SHIFT
    padded = np.pad(windowed, ((0, 0), (0, tables.settings.fft_points - windowed.shape[1])))
    return padded[:, 0::2], padded[:, 1::2]


def fft(tables: FrontendTables, pairs: tuple[Int, Int]) -> tuple[Int, Int]:
    """Complex FFT of fft/2 points, unscaled, decimation in time, bit-reversed input.

    Radix-4 butterflies, then one radix-2 stage where the size is no power of four. A product with a twiddle
    is two products of 32 x 16 bits, each with the lower 16 bits cut off, and the halving this brings undone.
    """
    size = pairs[0].shape[1]
    order = _bit_reversed(size)
    real, imag = pairs[0][:, order], pairs[1][:, order]
    part = 1
    while part < size:
        radix = 4 if part * 4 <= size else 2
        real, imag = _stage(tables, real, imag, part, radix)
        part *= radix
    return real, imag


def power_spectrum(tables: FrontendTables, real: Int, imag: Int) -> npt.NDArray[np.uint64]:
    """``|X_k|**2`` of the real signal for bins 1 .. fft/2 - 1; X in 25 bits, its square exact.

    With Z the FFT of the pairs, A = Z_k + conj(Z_-k) and B = Z_k - conj(Z_-k):
    ``X_k = A / 2 - i W**k B / 2`` and ``X_-k = conj(A / 2 + i W**k B / 2)``.
    """
    size = real.shape[1]
    low = np.arange(1, size // 2 + 1)
    high = size - low
    minus_cos, minus_sin = _twiddle(tables, low)
    sum_re, sum_im = real[:, low] + real[:, high], imag[:, low] - imag[:, high]
    diff_re, diff_im = real[:, low] - real[:, high], imag[:, low] + imag[:, high]
    turned_re = _high(diff_re, minus_sin) - _high(diff_im, minus_cos)
    turned_im = _high(diff_re, minus_cos) + _high(diff_im, minus_sin)
    half_re = (sum_re >> 1) + (1 << (SPECTRUM_SHIFT - 1))
    half_im = (sum_im >> 1) + (1 << (SPECTRUM_SHIFT - 1))
    power = np.zeros((real.shape[0], size), np.uint64)
    power[:, high] = _square(half_re - turned_re, half_im - turned_im)
    power[:, low] = _square(half_re + turned_re, half_im + turned_im)
    return power


def mel_energies(tables: FrontendTables, power: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Sums of power under each triangle, Q15, exact in 64 bits: uint64 [n, mels]."""
    first, last = int(tables.bins[0]), int(tables.bins[-1])
    inside = power[:, first:last]
    starts = tables.bins.astype(np.int64) - first
    rising = _segment_sums(inside * tables.rise.astype(np.uint64), starts)
    falling = (_segment_sums(inside, starts) << np.uint64(15)) - rising
    return rising[:, :-1] + falling[:, 1:]


def log2_energies(tables: FrontendTables, energies: npt.NDArray[np.uint64]) -> Int:
    """log2 of energy + floor, octaves in Q10 around the centre.

    Between -16 (the lowest floor) and 21 (full scale), so int16 holds it for all settings.
    """
    value = energies + np.uint64(tables.floor)
    exponent = np.full(value.shape, 63, np.int64)
    top = value.copy()
    for step in (32, 16, 8, 4, 2, 1):
        small = top < (np.uint64(1) << np.uint64(64 - step))
        top = np.where(small, top << np.uint64(step), top)
        exponent -= np.where(small, step, 0)
    mantissa = (top >> np.uint64(32)).astype(np.int64)
    index = (mantissa >> (31 - LOG_TABLE_BITS)) & ((1 << LOG_TABLE_BITS) - 1)
    fraction = (mantissa >> (15 - LOG_TABLE_BITS)) & 0xFFFF
    table = tables.log2.astype(np.int64)
    interpolated = table[index] + (((table[index + 1] - table[index]) * fraction + 0x8000) >> 16)
    octaves = (exponent << 15) + interpolated - tables.log_offset
    return (octaves + (1 << (14 - LOG_BITS))) >> (15 - LOG_BITS)


def cepstrum(tables: FrontendTables, logs: Int) -> npt.NDArray[np.int8]:
    """Scaled DCT-II, rounded half up and saturated."""
    shift = tables.dct_shift + LOG_BITS
    return saturate((logs @ tables.dct.T.astype(np.int64) + (1 << (shift - 1))) >> shift)


def saturate(values: Int) -> npt.NDArray[np.int8]:
    """The nearest int8."""
    return np.clip(values, -128, 127).astype(np.int8)


def _high(value: Int, factor: Int) -> Int:
    return (value * factor) >> 16


def _square(real: Int, imag: Int) -> npt.NDArray[np.uint64]:
    real, imag = real >> SPECTRUM_SHIFT, imag >> SPECTRUM_SHIFT
    return (real * real + imag * imag).astype(np.uint64)


def _segment_sums(values: npt.NDArray[np.uint64], starts: Int) -> npt.NDArray[np.uint64]:
    """Sums of columns ``starts[i]:starts[i + 1]``; differences of cumulative sums are exact modulo 2**64."""
    total = np.pad(np.cumsum(values, axis=1, dtype=np.uint64), ((0, 0), (1, 0)))
    return total[:, starts[1:]] - total[:, starts[:-1]]


def _bit_reversed(size: int) -> Int:
    bits = size.bit_length() - 1
    index = np.arange(size)
    return sum(((index >> bit) & 1) << (bits - 1 - bit) for bit in range(bits))  # type: ignore[return-value]


def _twiddle(tables: FrontendTables, steps: Int) -> tuple[Int, Int]:
    pairs = tables.twiddles[steps].astype(np.int64)
    return pairs[:, 0], pairs[:, 1]


def _turn(tables: FrontendTables, real: Int, imag: Int, steps: Int) -> tuple[Int, Int]:
    """``(real + i imag) * exp(-2 pi i steps / fft)``."""
    minus_cos, minus_sin = _twiddle(tables, steps)
    turned_re = _high(real, minus_cos) + _high(imag, minus_sin)
    turned_im = _high(real, minus_sin) - _high(imag, minus_cos)
    return -2 * turned_re, 2 * turned_im


def _stage(tables: FrontendTables, real: Int, imag: Int, part: int, radix: int) -> tuple[Int, Int]:
    """Join ``radix`` transforms of ``part`` points each into one, all along the rows."""
    rows, size = real.shape
    shape = (rows, size // (radix * part), radix, part)
    parts = [(re, im) for re, im in zip(*(np.moveaxis(x.reshape(shape), 2, 0) for x in (real, imag)), strict=True)]
    step = np.arange(part) * (2 * size // (radix * part))
    # In bit-reversed order the second part of four holds the samples n = 2 (mod 4), the third n = 1.
    turns = [0, 1] if radix == 2 else [0, 2, 1, 3]
    if part > 1:
        parts = [parts[0]] + [_turn(tables, *z, step * turn) for z, turn in zip(parts[1:], turns[1:], strict=True)]
    joined = _butterfly2(parts) if radix == 2 else _butterfly4(parts)
    stacked = [np.stack([z[axis] for z in joined], axis=2).reshape(rows, size) for axis in (0, 1)]
    return stacked[0], stacked[1]


def _butterfly2(parts: list[tuple[Int, Int]]) -> list[tuple[Int, Int]]:
    (ar, ai), (br, bi) = parts
    return [(ar + br, ai + bi), (ar - br, ai - bi)]


def _butterfly4(parts: list[tuple[Int, Int]]) -> list[tuple[Int, Int]]:
    even, odd = _butterfly2(parts[:2]), _butterfly2(parts[2:])
    (sr, si), (dr, di) = even
    (tr, ti), (ur, ui) = odd
    return [(sr + tr, si + ti), (dr + ui, di - ur), (sr - tr, si - ti), (dr - ui, di + ur)]
