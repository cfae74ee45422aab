"""Constants of kind ``microfrontend``: those of TFLM's microfrontend library, for any window, hop and channels.

TFLM computes them in single precision at start-up; here each elementary function is taken in double precision and
rounded to single, which gives the same integers. Source of the algorithm: tensorflow/tflite-micro,
tensorflow/lite/experimental/microfrontend/lib, and Wang et al. 2017, arXiv:1607.05666, for the gain control.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_tfmot.frontend.frontend_settings import FrontendSettings

WINDOW_BITS = 12
WEIGHT_BITS = 12
SMOOTHING_BITS = 10
"""Fraction bits of the noise estimate."""
RATIO_BITS = 14
"""Fraction bits of the three shares below."""
EVEN_SMOOTHING, ODD_SMOOTHING, MIN_SIGNAL_REMAINING = (int(share * 2**RATIO_BITS) for share in (0.025, 0.06, 0.05))
"""Weight of the new frame in the noise estimate of even and odd channels; the least share of a signal that is kept."""
GAIN_STRENGTH, GAIN_OFFSET, GAIN_BITS = 0.95, 80.0, 21
SNR_BITS, SNR_OUTPUT_BITS = 12, 6
LOG_SEGMENT_BITS = 7
LOG_SCALE_SHIFT = 6
LOG_COEFFICIENT = 45426
"""``ln(2)`` in Q16."""


@dataclass(frozen=True)
class MicroTables:
    """Constants of one :class:`FrontendSettings` of kind ``microfrontend``.

    ==================  =====================================================================================
    ``window``          int16 [window], Hann, Q12
    ``twiddles``        int16 [fft/2, 2], ``(cos, -sin)(2 pi k / (fft / 2))``, scaled by 32767
    ``split``           int16 [fft/4, 2], twiddles of the step from complex to real, of bins 1 ... fft/4
    ``bins``            uint16 [mels + 2], first FFT bin of each channel's falling side; the last is one beyond
    ``weights``         uint16 [bins, 2], Q12: how much of a bin goes to the channel below and to the one above
    ``gains``           int16 [32, 3], quadratic pieces of the gain by octaves of the noise estimate
    ``log2``            uint16 [129], ``(log2(1 + i / 128) - i / 128) * 2**16``
    ``correction_bits``  by how much the scaled FFT's values are shifted up before the logarithm
    ``snr_shift``       from signal times gain to the ratio in Q12
    ==================  =====================================================================================
    """

    settings: FrontendSettings
    window: npt.NDArray[np.int16]
    twiddles: npt.NDArray[np.int16]
    split: npt.NDArray[np.int16]
    bins: npt.NDArray[np.uint16]
    weights: npt.NDArray[np.uint16]
    gains: npt.NDArray[np.int16]
    log2: npt.NDArray[np.uint16]
    correction_bits: int
    snr_shift: int


def make_micro_tables(settings: FrontendSettings) -> MicroTables:
    """Compute the tables of ``settings``, which must be of kind ``microfrontend``."""
    pairs = settings.fft_points // 2
    correction = settings.fft_points.bit_length() - 1 - WEIGHT_BITS // 2
    bins, weights = _filterbank(settings)
    segments = np.arange(2**LOG_SEGMENT_BITS + 1) / 2**LOG_SEGMENT_BITS
    return MicroTables(
        settings=settings,
        window=_window(settings.window_samples),
        twiddles=_turns(2 * np.pi * np.arange(pairs) / pairs),
        split=_turns(np.pi * (np.arange(1, pairs // 2 + 1) / pairs + 0.5)),
        bins=bins,
        weights=weights,
        gains=_gains(SMOOTHING_BITS - correction),
        log2=np.rint((np.log2(1 + segments) - segments) * 2**16).astype(np.uint16),
        correction_bits=correction,
        snr_shift=GAIN_BITS - correction - SNR_BITS,
    )


def _window(length: int) -> npt.NDArray[np.int16]:
    step = np.float32(np.float32(np.pi) * np.float32(2.0) / np.float32(length))
    angle = step * (np.arange(length, dtype=np.float32) + np.float32(0.5))
    cosine = np.cos(angle.astype(np.float64)).astype(np.float32)
    value = np.float32(0.5) - np.float32(0.5) * cosine
    return np.floor(value * np.float32(2**WINDOW_BITS) + np.float32(0.5)).astype(np.int16)


def _turns(angle: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    """``exp(-i angle)`` as rounded pairs; 32767 represents one."""
    pairs = np.stack([np.cos(-angle), np.sin(-angle)], axis=1)
    return np.floor(0.5 + 32767 * pairs).astype(np.int16)


def _mel(hz: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.float32(1127.0) * _log1p(np.asarray(hz, np.float32) / np.float32(700.0))


_LOG1P = np.array([0.66666669, 0.40000001, 0.2857143, 0.22222199, 0.18183573, 0.15313838, 0.14798199], np.float32)
_LN2_HIGH, _LN2_LOW = np.float32(0.69313812), np.float32(9.0580006e-06)


def _log1p(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """``ln(1 + x)``, x >= 0, to the last bit as the C libraries of devices compute it (FreeBSD msun's method).

    Rounding exactly instead would move the weights of two bins by one step.
    """
    one, half = np.float32(1), np.float32(0.5)
    total = one + x
    mantissa, exponent = np.frexp(total)
    large = mantissa >= np.float32(0.70710677)
    reduced = np.where(large, mantissa, 2 * mantissa)
    octaves = np.where(large, exponent, exponent - 1).astype(np.float32)
    lost = np.where(exponent > 1, one - (total - x), x - (total - one)) / total
    small = x < np.float32(0.41421354)
    f = np.where(small, x, reduced - one).astype(np.float32)
    octaves, lost = np.where(small, np.float32(0), octaves), np.where(small, np.float32(0), lost)
    square = half * f * f
    s = f / (2 + f)
    z = s * s
    series = np.zeros_like(z)
    for coefficient in _LOG1P[::-1]:
        series = z * (coefficient + series)
    curve = s * (square + series)
    near = f - (square - curve)
    far = octaves * _LN2_HIGH - ((square - (curve + (octaves * _LN2_LOW + lost))) - f)
    return np.where(octaves == 0, near, far).astype(np.float32)


def _filterbank(settings: FrontendSettings) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Bins of each channel's falling side, and both weights of every bin between the outer edges."""
    mels, spectrum = settings.mels, settings.fft_points // 2 + 1
    low, high = _mel(np.array([settings.low_hz, settings.high_hz], np.float32))
    spacing = np.float32(high - low) / np.float32(mels + 1)
    centres = low + spacing * np.arange(1, mels + 2, dtype=np.float32)
    hz_per_bin = np.float32(0.5) * np.float32(settings.sample_rate) / (np.float32(spectrum) - np.float32(1))
    first = int(np.float32(1.5) + np.float32(settings.low_hz) / hz_per_bin)
    bin_mel = _mel(np.arange(spectrum + 1, dtype=np.float32) * hz_per_bin)
    bins = [first]
    for centre in centres:
        at = bins[-1]
        while at < spectrum and bin_mel[at] <= centre:
            at += 1
        bins.append(at)
    below = np.concatenate([[low], centres[:-1]])
    weights = np.zeros((bins[-1] - first, 2), np.uint16)
    for channel, (start, end) in enumerate(itertools.pairwise(bins)):
        falling = (centres[channel] - bin_mel[start:end]) / np.float32(centres[channel] - below[channel])
        both = np.stack([falling, np.float32(1.0) - falling], axis=1)
        rounded = np.floor(both * np.float32(2**WEIGHT_BITS) + np.float32(0.5))
        weights[start - first : end - first] = rounded
    return np.array(bins, np.uint16), weights


def _gains(input_bits: int) -> npt.NDArray[np.int16]:
    """Row i holds ``y0, a1, a2`` of the octave of values with i + 1 bits; row 0 the gains of 0 and 1."""

    def gain(value: int) -> int:
        """PCAN's gain ``2^GAIN_BITS (value / 2^input_bits + offset)^-strength`` in float32, at most 32767."""
        real = np.float32(value) / np.float32(2**input_bits)
        power = np.float32(np.float64(real + np.float32(GAIN_OFFSET)) ** np.float64(-np.float32(GAIN_STRENGTH)))
        scaled = np.float32(2**GAIN_BITS) * power
        return 32767 if scaled > 32767 else int(scaled + np.float32(0.5))

    rows = [(gain(0), gain(1), 0)]
    for bits in range(2, 33):
        start = 1 << (bits - 1)
        middle, end = start + start // 2, 2 * start if bits < 32 else 2 * start - 1
        first, second = gain(middle) - gain(start), gain(end) - gain(start)
        rows.append((gain(start), 4 * first - second, 2 * second - 4 * first))
    return np.array(rows, np.int64).astype(np.int16)
