"""The tables are what their formulas say, and cannot make the integer code overflow."""

import numpy as np
import pytest
from frontend_signals import SETTINGS

from kws_tfmot.frontend import FrontendSettings
from kws_tfmot.frontend.tables import LOG_BITS, LOG_CENTRE, LOG_LIMIT, energy_unit_octaves, fft_gain_bits, make_tables

every_settings = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


@every_settings
def test_window_cannot_overflow_the_fft(settings: FrontendSettings) -> None:
    tables = make_tables(settings)
    window = tables.window.astype(np.int64)
    assert (window == window[::-1]).all()
    assert abs(window / 2**tables.window_bits - np.hanning(2 * len(window) + 1)[1::2]).max() <= 2.0**-tables.window_bits
    largest_sum = (32768 * window >> 8).sum()
    assert largest_sum <= 2**30


@every_settings
def test_mel_weights_sum_to_one_inside(settings: FrontendSettings) -> None:
    tables = make_tables(settings)
    assert tables.bins[0] >= 1
    assert tables.bins[-1] <= settings.fft_points // 2
    assert (np.diff(tables.bins.astype(int)) >= 0).all()
    assert len(tables.rise) == int(tables.bins[-1]) - int(tables.bins[0])
    # In each segment the weights rise.
    for first, last in zip(tables.bins[:-1], tables.bins[1:], strict=True):
        segment = tables.rise[first - tables.bins[0] : last - tables.bins[0]].astype(int)
        assert (np.diff(segment) > 0).all()
        assert (segment <= 2**15).all()


@every_settings
def test_energy_fits_64_bits_and_its_logarithm_16(settings: FrontendSettings) -> None:
    tables = make_tables(settings)
    loudest = (32768 * tables.window.astype(np.int64) >> 8) / 2**6
    largest = settings.fft_points / 2 * (loudest**2).sum() * 2**15  # Parseval, all of it in one band
    assert largest + tables.floor < 2**64
    unit = energy_unit_octaves(settings) + LOG_CENTRE
    assert np.log2(largest) - unit <= LOG_LIMIT >> LOG_BITS
    assert np.log2(tables.floor) - unit >= -16 - 1e-6


@pytest.mark.parametrize("mels", [10, 23, 40, 41, 64])
def test_dct_of_a_flat_spectrum_is_exactly_zero_beyond_c0(mels: int) -> None:
    settings = FrontendSettings(mels=mels, coefficients=mels, fft_size=2048)
    table = make_tables(settings).dct.astype(np.int64)
    assert (table[1:].sum(axis=1) == 0).all()
    assert np.abs(table).sum(axis=1).max() * LOG_LIMIT < 2**31 - 2**25


def test_dct_rows_are_orthogonal_with_the_documented_gains() -> None:
    settings = FrontendSettings(coefficients=40)
    tables = make_tables(settings)
    table = tables.dct / 2.0**tables.dct_shift
    gram = table @ table.T
    gains = 1 + 1.25 * np.arange(40)
    np.testing.assert_allclose(np.sqrt(np.diag(gram)), gains, rtol=4e-3)
    cosines = gram / np.outer(gains, gains)
    assert abs(cosines - np.diag(np.diag(cosines))).max() < 1.5e-2


@pytest.mark.parametrize(("window_ms", "bits"), [(4, 7), (16, 7), (30, 7), (32, 7), (40, 6), (64, 6), (128, 5)])
def test_fraction_bits_of_the_fft(window_ms: int, bits: int) -> None:
    settings = FrontendSettings(window_ms=window_ms, hop_ms=2, mels=4, coefficients=4)
    assert fft_gain_bits(settings) == bits
