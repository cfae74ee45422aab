"""Each integer stage against NumPy's float64, and the features against the float64 reference."""

import numpy as np
import pytest
from frontend_signals import SETTINGS, extreme_signals
from hypothesis import given, settings, strategies

from kws_tfmot.frontend import Frontend, FrontendSettings
from kws_tfmot.frontend import fixed_point as stages
from kws_tfmot.frontend.reference import reference_energies, reference_features
from kws_tfmot.frontend.tables import energy_unit_octaves, make_tables

DEFAULT_TABLES = make_tables(FrontendSettings())


def frames_of(kind: FrontendSettings, clip: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(clip, kind.window_samples)[:: kind.hop_samples]


@pytest.mark.parametrize("name", ["default", "40_ms", "shortest_fft", "longest_fft"])
def test_fft_is_a_fourier_transform(name: str) -> None:
    tables = make_tables(SETTINGS[name])
    for signal in extreme_signals(4096).values():
        pairs = stages.window_pairs(tables, frames_of(SETTINGS[name], signal))
        real, imag = stages.fft(tables, pairs)
        expected = np.fft.fft(pairs[0] + 1j * pairs[1], axis=1)
        # Twiddles of 16 bits: 2**-14 of the loudest bin; cut products: 2 steps a stage, summed like noise.
        bound = np.abs(expected).max() * 2.0**-14 + 2 * 8 * np.sqrt(real.shape[1])
        assert np.abs(real + 1j * imag - expected).max() <= bound
        assert max(np.abs(real).max(), np.abs(imag).max()) <= 2**30


@given(exponent=strategies.integers(0, 63), data=strategies.data())
@settings(max_examples=150, deadline=None)
def test_log2_is_within_two_thousandths_of_an_octave(exponent: int, data: strategies.DataObject) -> None:
    tables = DEFAULT_TABLES
    value = data.draw(strategies.integers(2**exponent, 2 ** (exponent + 1) - 1))
    if value < tables.floor:
        value += tables.floor
    energies = np.array([[value - tables.floor]], np.uint64)
    octaves = (int(stages.log2_energies(tables, energies)[0, 0]) + tables.log_offset / 32) / 1024
    assert abs(octaves - np.log2(float(value))) <= 0.5 / 1024 + 2e-4


@pytest.mark.parametrize("name", SETTINGS)
def test_energies_against_float64_on_extremes(name: str, extremes: dict[str, np.ndarray]) -> None:
    """0.4 % of the band, 69 dB below the loudest band of the frame, or a hundredth of the smallest floor."""
    kind = SETTINGS[name]
    tables = make_tables(kind)
    for signal_name, signal in extremes.items():
        frames = frames_of(kind, signal[: kind.clip_samples])
        power = stages.power_spectrum(tables, *stages.fft(tables, stages.window_pairs(tables, frames)))
        measured = stages.mel_energies(tables, power) / 2 ** energy_unit_octaves(kind)
        exact = reference_energies(kind, signal[: kind.clip_samples])
        bound = 4e-3 * exact + exact.max(axis=1, keepdims=True) * 2.0**-23 + 2.0**-6
        assert (np.abs(measured - exact) <= bound).all(), signal_name


@pytest.mark.parametrize("name", [name for name, kind in SETTINGS.items() if kind.noise_floor >= 0])
def test_error_against_float64_on_extremes(name: str, extremes: dict[str, np.ndarray]) -> None:
    """Above the default floor no band is so quiet beside a loud one that the FFT's rounding shows."""
    kind = SETTINGS[name]
    for signal_name, signal in extremes.items():
        clip = signal[: kind.clip_samples]
        error = np.abs(Frontend(kind).features(clip) - np.clip(reference_features(kind, clip), -128, 127))
        assert error.max() <= 2.0, (signal_name, error.max())


@given(level=strategies.floats(-1, 4.5), tilt=strategies.floats(-0.98, 0.98), seed=strategies.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_error_against_float64_on_coloured_noise(level: float, tilt: float, seed: int) -> None:
    """Whatever the loudness and slope of the spectrum: the error stays near that of rounding, half a step."""
    white = np.random.default_rng(seed).standard_normal(8192)
    slope = 1 / (1 - tilt * np.exp(2j * np.pi * np.fft.rfftfreq(8192)))
    noise = np.fft.irfft(np.fft.rfft(white) * slope)[:4000]
    clip = np.clip(np.rint(noise / noise.std() * 10**level), -32768, 32767).astype(np.int16)
    for kind in (FrontendSettings(), FrontendSettings(kind="log_mel")):
        error = Frontend(kind).features(clip) - np.clip(reference_features(kind, clip), -128, 127)
        assert np.abs(error).max() <= 1.0


def test_digital_silence_is_the_floor_in_every_kind() -> None:
    silence = np.zeros(16000, np.int16)
    assert (Frontend(FrontendSettings(kind="log_mel")).features(silence) == -80).all()
    mfcc = Frontend(FrontendSettings()).features(silence)
    assert (mfcc == [-63, 0, 0, 0, 0, 0, 0, 0, 0, 0]).all()


@pytest.mark.parametrize("floor", [-6, 0, 6])
def test_noise_floor_moves_silence_by_eight_steps_an_octave(floor: int) -> None:
    kind = FrontendSettings(kind="log_mel", noise_floor=floor)
    assert (Frontend(kind).features(np.zeros(480, np.int16)) == -80 + 8 * floor).all()


def test_six_decibels_are_sixteen_log_mel_steps() -> None:
    rng = np.random.default_rng(5)
    noise = np.clip(rng.standard_normal(16000) * 1500, -16000, 16000).astype(np.int16)
    frontend = Frontend(FrontendSettings(kind="log_mel"))
    difference = frontend.features((2 * noise).astype(np.int16)).astype(int) - frontend.features(noise)
    assert set(np.unique(difference)) <= {15, 16, 17}
