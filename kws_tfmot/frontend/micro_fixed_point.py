"""The definition of kind ``microfrontend``: vectorised NumPy on integers, equal to TFLM's C library.

A frame passes the window, a 16-bit block-scaled FFT, the filterbank and a square root; what follows, noise reduction
and gain, carries one number a channel from frame to frame. The C sources in ``csrc/micro`` compute the same integers.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from kws_tfmot.frontend import micro_tables as micro
from kws_tfmot.frontend.micro_tables import MicroTables

Int = npt.NDArray[np.int64]
WORD = 0xFFFFFFFF


def clip_features(tables: MicroTables, frames: npt.NDArray[np.int16], estimate: Int) -> npt.NDArray[np.int8]:
    """Features of clips: frames int16 [clips, frames, window] -> int8 [clips, frames, mels].

    ``estimate`` int64 [clips, mels], the noise estimate (zero for a fresh state), is carried on in place.
    """
    clips, count, window = frames.shape
    signal = channel_signal(tables, frames.reshape(-1, window)).reshape(clips, count, -1)
    out = np.empty(signal.shape, np.int8)
    for at in range(count):
        reduced = reduce_noise(signal[:, at], estimate)
        out[:, at] = to_int8(log_scale(tables, gain_control(tables, reduced, estimate)))
    return out


def channel_signal(tables: MicroTables, frames: npt.NDArray[np.int16]) -> Int:
    """Root of each channel's energy, without the frame's scaling: int16 [n, window] -> int64 [n, mels]."""
    windowed = (frames.astype(np.int64) * tables.window) >> micro.WINDOW_BITS
    magnitude = _wrap(np.abs(windowed)).max(axis=1, initial=0)  # |-32768| is negative in 16 bits and never the largest
    shift = 15 - _bits(np.maximum(magnitude, 0))
    scaled = _wrap(windowed << shift[:, None])
    padded = np.pad(scaled, ((0, 0), (0, tables.settings.fft_points - scaled.shape[1])))
    energy = bin_energy(tables, *fft(tables, padded[:, 0::2], padded[:, 1::2]))
    return rounded_root(filterbank(tables, energy)) >> shift[:, None]


def fft(tables: MicroTables, real: Int, imag: Int) -> tuple[Int, Int]:
    """Complex FFT of fft/2 points divided by their number, in 16 bits: kissfft's order of stages and rounding.

    Radix 4 from the outside in, radix 2 innermost where the size is no power of four; each stage divides first.
    """
    points = real.shape[1]
    if points == 1:
        return real, imag
    radix = 4 if points % 4 == 0 else 2
    part = points // radix
    step = tables.settings.fft_points // 2 // points
    parts = []
    for branch in range(radix):
        re, im = fft(tables, real[:, branch::radix], imag[:, branch::radix])
        re, im = _divide(re, radix), _divide(im, radix)
        if branch:
            re, im = _turn(re, im, tables.twiddles[branch * step * np.arange(part)])
        parts.append((re, im))
    if radix == 2:
        (ar, ai), (br, bi) = parts
        return _joined(ar + br, ar - br), _joined(ai + bi, ai - bi)
    (ar, ai), (br, bi), (cr, ci), (dr, di) = parts
    sr, si, tr, ti = _wrap(ar + cr), _wrap(ai + ci), _wrap(ar - cr), _wrap(ai - ci)
    ur, ui, vr, vi = _wrap(br + dr), _wrap(bi + di), _wrap(br - dr), _wrap(bi - di)
    return _joined(sr + ur, tr + vi, sr - ur, tr - vi), _joined(si + ui, ti - vr, si - ui, ti + vr)


def bin_energy(tables: MicroTables, real: Int, imag: Int) -> Int:
    """Squared magnitude of each bin of the real signal, [n, fft/2]; bin 0 is left at zero, no channel uses it."""
    points = real.shape[1]
    low = np.arange(1, points // 2 + 1)
    ar, ai, br, bi = (_divide(part, 2) for part in (real[:, low], imag[:, low], real[:, -low], -imag[:, -low]))
    sum_re, sum_im = _wrap(ar + br), _wrap(ai + bi)
    turn_re, turn_im = _turn(_wrap(ar - br), _wrap(ai - bi), tables.split)
    energy = np.zeros((len(real), points), np.int64)
    energy[:, low] = ((sum_re + turn_re) >> 1) ** 2 + ((sum_im + turn_im) >> 1) ** 2
    energy[:, -low] = ((sum_re - turn_re) >> 1) ** 2 + ((turn_im - sum_im) >> 1) ** 2
    return energy


def filterbank(tables: MicroTables, energy: Int) -> Int:
    """Triangles in Q12: [n, fft/2] -> [n, mels]. A channel rises over one stretch of bins and falls over the next."""
    edges = list(itertools.pairwise(tables.bins.astype(np.int64) - int(tables.bins[0])))
    used = energy[:, tables.bins[0] : tables.bins[-1]]
    falling, rising = (
        np.stack([(used[:, a:b] * part[a:b]).sum(axis=1) for a, b in edges], axis=1)
        for part in tables.weights.astype(np.int64).T
    )
    return rising[:, :-1] + falling[:, 1:]


def rounded_root(value: Int) -> Int:
    """Square root rounded to nearest; below 2**32 never above 65535.

    >>> rounded_root(np.array([0, 2, 3, 6, 7, 2**32 - 1, 2**34])).tolist()
    [0, 1, 2, 2, 3, 65535, 131072]
    """
    root = np.sqrt(value.astype(np.float64)).astype(np.int64)
    root -= root * root > value
    root += (root + 1) * (root + 1) <= value
    up = (value - root * root > root) & ((value >> 32 > 0) | (root != 0xFFFF))
    return root + up


def reduce_noise(signal: Int, estimate: Int) -> Int:
    """Subtract the running noise estimate (updated in place), but keep at least 5 % of the signal."""
    smoothing = np.where(np.arange(signal.shape[1]) % 2, micro.ODD_SMOOTHING, micro.EVEN_SMOOTHING)
    scaled = (signal << micro.SMOOTHING_BITS) & WORD
    estimate[:] = (scaled * smoothing + estimate * (2**micro.RATIO_BITS - smoothing)) >> micro.RATIO_BITS
    floor = (signal * micro.MIN_SIGNAL_REMAINING) >> micro.RATIO_BITS
    return np.maximum((scaled - np.minimum(estimate, scaled)) >> micro.SMOOTHING_BITS, floor)


def gain_control(tables: MicroTables, signal: Int, estimate: Int) -> Int:
    """Signal times ``(estimate + 80)**-0.95``, small ratios squared: per-channel amplitude normalisation."""
    ratio = ((signal * _gain(tables, estimate)) >> tables.snr_shift) & WORD
    small = (ratio * ratio) >> (2 + 2 * micro.SNR_BITS - micro.SNR_OUTPUT_BITS)
    large = (ratio >> (micro.SNR_BITS - micro.SNR_OUTPUT_BITS)) - (1 << micro.SNR_OUTPUT_BITS)
    return np.where(ratio < 2 << micro.SNR_BITS, small, large)


def _gain(tables: MicroTables, value: Int) -> Int:
    """The gain of a noise estimate: a quadratic piece an octave."""
    bits = _bits(value)
    row = tables.gains[np.maximum(bits, 1) - 1].astype(np.int64)
    fraction = np.where(bits < 11, value << np.maximum(11 - bits, 0), value >> np.maximum(bits - 11, 0)) & 0x3FF
    slope = ((row[..., 2] * fraction) >> 5) + (row[..., 1] << 5)
    curve = ((slope * fraction + (1 << 14)) >> 15) + row[..., 0]
    ends = np.where(value == 1, tables.gains[0, 1], tables.gains[0, 0])
    return np.where(value <= 1, ends, _wrap(curve))


def log_scale(tables: MicroTables, signal: Int) -> Int:
    """64 ``ln`` of the signal, at most 65535; 0 and 1 give 0."""
    value = (signal << tables.correction_bits) & WORD
    whole = np.maximum(_bits(value) - 1, 0)
    rest = value - (1 << whole)
    fraction = np.where(whole < 16, rest << np.maximum(16 - whole, 0), rest >> np.maximum(whole - 16, 0))
    fraction = np.maximum(fraction, 0)
    segment = fraction >> (16 - micro.LOG_SEGMENT_BITS)
    table = tables.log2.astype(np.int64)
    here = table[segment]
    within = fraction - (segment << (16 - micro.LOG_SEGMENT_BITS))
    log2 = (whole << 16) + fraction + here + (((table[segment + 1] - here) * within) >> 16)
    natural = (micro.LOG_COEFFICIENT * log2 + (1 << 15)) >> 16
    scaled = ((natural << micro.LOG_SCALE_SHIFT) + (1 << 15)) >> 16
    return np.where(value > 1, np.minimum(scaled, 0xFFFF), 0)


def to_int8(values: Int) -> npt.NDArray[np.int8]:
    """Micro_speech's and microWakeWord's int8: ``(256 v + 333) // 666 - 128``, saturated.

    >>> to_int8(np.array([0, 333, 665, 666, 700])).tolist()
    [-128, 0, 127, 127, 127]
    """
    return np.minimum((256 * values + 333) // 666 - 128, 127).astype(np.int8)


def _divide(value: Int, by: int) -> Int:
    return _wrap((_wrap(value) * (32767 // by) + (1 << 14)) >> 15)


def _turn(real: Int, imag: Int, twiddles: npt.NDArray[np.int16]) -> tuple[Int, Int]:
    cos, sin = twiddles.astype(np.int64).T
    return (
        _wrap((real * cos - imag * sin + (1 << 14)) >> 15),
        _wrap((real * sin + imag * cos + (1 << 14)) >> 15),
    )


def _joined(*parts: Int) -> Int:
    return _wrap(np.concatenate(parts, axis=1))


def _wrap(value: Int) -> Int:
    """What is left in 16 bits, signed."""
    return value.astype(np.int16).astype(np.int64)


def _bits(value: Int) -> Int:
    """Bits of a non-negative number below 2**53.

    >>> _bits(np.array([0, 1, 2, 255, 256])).tolist()
    [0, 1, 2, 8, 9]
    """
    return np.frexp(value.astype(np.float64))[1].astype(np.int64)
