"""Every constant of the front end, computed once in float64 and rounded to nearest even.

The same numbers go to the NumPy path, to the host library and, as C constants, to the firmware: no device
computes a table, so none can differ by a rounding of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws_tfmot.frontend.frontend_settings import FrontendSettings, hz_to_mel

WINDOW_SHIFT = 8
"""Right shift after ``sample * window``."""
SPECTRUM_SHIFT = 6
"""Right shift from the FFT's int32 to the 25-bit values that are squared."""
LOG_BITS = 10
"""Fraction bits of log2 mel energies (int16)."""
LOG_CENTRE = 10
"""Octaves subtracted from log2 energies: digital silence at the default floor is -10, full scale about +19."""
LOG_LIMIT = 22 << LOG_BITS
"""No log2 mel energy less the centre is larger: the floor is at -16 or above, full scale at 20.6."""
LOG_MEL_SHIFT = 7
"""``log_mel`` only: from 2**-10 octave to the int8 step of 1/8 octave."""
LOG_TABLE_BITS = 5
"""The logarithm's table has ``2**5 + 1`` entries, Q15, linearly interpolated."""


@dataclass(frozen=True)
class FrontendTables:
    """Constants of one :class:`FrontendSettings`.

    ================  =======================================================================================
    ``window``        int16 [window], ``sin(pi (n + 1/2) / window)**2 * 2**window_bits``
    ``twiddles``      int16 [k, 2], ``(-cos, -sin)(2 pi k / fft) * 2**15``; the minus makes 1.0 exact
    ``bins``          uint16 [mels + 2], first FFT bin at or above each band edge
    ``rise``          uint16 [bins], Q15: how far a bin lies (in mel) between the edge below and the one above
    ``log2``          uint16 [33], ``log2(1 + i / 32) * 2**15``
    ``dct``           int16 [coefficients, mels], orthonormal DCT-II times the coefficient's gain, Q``dct_shift``
    ``log_offset``    subtracted from log2 (Q15) of an energy as the integer code has it
    ``floor``         uint64 added to an energy before the logarithm
    ================  =======================================================================================
    """

    settings: FrontendSettings
    window: npt.NDArray[np.int16]
    twiddles: npt.NDArray[np.int16]
    bins: npt.NDArray[np.uint16]
    rise: npt.NDArray[np.uint16]
    log2: npt.NDArray[np.uint16]
    dct: npt.NDArray[np.int16]
    window_bits: int
    dct_shift: int
    log_offset: int
    floor: int


def make_tables(settings: FrontendSettings) -> FrontendTables:
    """Compute the tables of ``settings`` (of kind ``mfcc`` or ``log_mel``)."""
    gain_bits = fft_gain_bits(settings)
    bins, rise = _mel_filters(settings)
    dct, dct_shift = _dct(settings) if settings.kind == "mfcc" else (np.zeros((0, settings.mels), np.int16), 0)
    unit = energy_unit_octaves(settings)
    log_offset = round((unit + LOG_CENTRE) * 2**15)
    return FrontendTables(
        settings=settings,
        window=_window(settings.window_samples, WINDOW_SHIFT + gain_bits),
        twiddles=_twiddles(settings.fft_points),
        bins=bins,
        rise=rise,
        log2=np.rint(np.log2(1 + np.arange(2**LOG_TABLE_BITS + 1) / 2**LOG_TABLE_BITS) * 2**15).astype(np.uint16),
        dct=dct,
        window_bits=WINDOW_SHIFT + gain_bits,
        dct_shift=dct_shift,
        log_offset=log_offset,
        floor=max(1, round(2.0 ** (settings.noise_floor + unit))),
    )


def fft_gain_bits(settings: FrontendSettings) -> int:
    """Fraction bits of windowed samples: 7 up to 512 samples, one less for each doubling.

    ``|FFT| <= sum |x w| 2**gain <= 2**15 * window / 2 * 2**gain <= 2**30``, so that no int32 overflows
    anywhere in the transform, whatever the samples; and ``window_bits = 8 + gain`` fits int16. All powers
    together are at most (Parseval) ``fft / 2 * sum (x w)**2``, which must stay below 2**49 after the shift of the
    spectrum: one bit less where the FFT is padded to four times the window.
    """
    window, points = settings.window_samples, settings.fft_points
    gain = min(7, 15 - (window // 2 - 1).bit_length())
    while points / 2 * (3 / 8 * window) * 4.0 ** (15 + gain - SPECTRUM_SHIFT) > 2.0**48.9:
        gain -= 1
    return gain


def energy_unit_octaves(settings: FrontendSettings) -> float:
    """log2 of the integer that represents energy 1.0.

    Energy is ``sum_k r_k |X_k / (window / 2)|**2`` with X the FFT of int16 steps (the window's sum is
    ``window / 2``); the integer code has X scaled by ``2**(gain - 6)`` and r by ``2**15``.
    """
    return 15 + 2 * (fft_gain_bits(settings) - SPECTRUM_SHIFT) + 2 * np.log2(settings.window_samples / 2)


def coefficient_gains(settings: FrontendSettings) -> npt.NDArray[np.float64]:
    """Int8 steps per octave of each cepstral coefficient: ``(1 + 5 i / 4) sqrt(40 / mels)``.

    Real speech has cepstra that fall about as 1/i; this line brings every coefficient to a standard deviation
    of 24-34 steps, with less than 0.05 % clipped among 10 coefficients, 0.2 % among 40. It is fixed, not fitted.
    """
    return (1 + 1.25 * np.arange(settings.coefficients)) * np.sqrt(40 / settings.mels)


def _window(length: int, bits: int) -> npt.NDArray[np.int16]:
    hann = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
    return np.minimum(np.rint(hann * 2**bits), 32767).astype(np.int16)


def _twiddles(points: int) -> npt.NDArray[np.int16]:
    """The angles that the radix-4 stages (up to 3/8 of ``2 * points``) and the real split ask for."""
    count = 3 * points // 4 - 5
    angle = 2 * np.pi * np.arange(count) / points
    pairs = np.stack([-np.cos(angle), -np.sin(angle)], axis=1)
    return np.clip(np.rint(pairs * 2**15), -32768, 32767).astype(np.int16)


def _mel_filters(settings: FrontendSettings) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Triangles that sum to one between the outer centres.

    A bin between edges s and s + 1 belongs with weight ``r`` to the band that rises there and with ``1 - r``
    to the one that falls, so one weight a bin suffices.
    """
    edges = np.linspace(hz_to_mel(settings.low_hz), hz_to_mel(settings.high_hz), settings.mels + 2)
    # Bins 0 and fft/2 can only lie on the outer edges, where the weight is zero.
    bin_mel = hz_to_mel(np.arange(1, settings.fft_points // 2) * settings.sample_rate / settings.fft_points)
    bins = np.searchsorted(bin_mel, edges) + 1
    inside = bin_mel[bins[0] - 1 : bins[-1] - 1]
    segment = np.clip(np.searchsorted(edges, inside, side="right") - 1, 0, settings.mels)
    rise = (inside - edges[segment]) / (edges[segment + 1] - edges[segment])
    return bins.astype(np.uint16), np.rint(np.clip(rise, 0, 1) * 2**15).astype(np.uint16)


def _dct(settings: FrontendSettings) -> tuple[npt.NDArray[np.int16], int]:
    """The scaled DCT and its fraction bits: the most for which neither int16 nor the int32 sum can overflow."""
    band = np.arange(settings.mels) + 0.5
    order = np.arange(settings.coefficients)[:, None]
    dct = np.sqrt(2 / settings.mels) * np.cos(np.pi / settings.mels * order * band)
    dct[0] /= np.sqrt(2)
    dct *= coefficient_gains(settings)[:, None]
    for bits in range(15, -1, -1):
        table = _rounded_rows(dct * 2**bits)
        if np.abs(table).max() <= 32767 and np.abs(table).sum(axis=1).max() * LOG_LIMIT < 2**31 - 2**25:
            break
    return table.astype(np.int16), bits


def _rounded_rows(exact: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Round, carrying each entry's error over to its neighbour.

    Every row keeps its sum, so a flat spectrum, silence above all, gives cepstra of exactly zero from c1 on; and
    the errors alternate, while log spectra are smooth.

    >>> _rounded_rows(np.array([[0.4, 0.4, 0.4, 0.4, 0.4]])).tolist()
    [[0.0, 1.0, 0.0, 1.0, 0.0]]
    """
    return np.diff(np.rint(np.cumsum(exact, axis=1)), axis=1, prepend=0)
