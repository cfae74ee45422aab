"""What settings are accepted, what they derive, and what a refusal says."""

import json

import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.frontend import FrontendSettings


@pytest.mark.parametrize(
    ("values", "shape", "fft"),
    [
        ({}, (49, 10), 512),
        ({"kind": "log_mel"}, (49, 40), 512),
        ({"window_ms": 40}, (49, 10), 1024),
        ({"window_ms": 25, "hop_ms": 10}, (98, 10), 512),
        ({"window_ms": 32, "hop_ms": 16}, (61, 10), 512),
        ({"fft_size": 1024}, (49, 10), 1024),
        ({"clip_ms": 30}, (1, 10), 512),
        ({"kind": "microfrontend"}, (98, 40), 512),
        ({"kind": "microfrontend", "hop_ms": 20, "mels": 32}, (49, 32), 512),
    ],
)
def test_derived_sizes(values: dict, shape: tuple[int, int], fft: int) -> None:
    settings = FrontendSettings.parse(values)
    assert settings.feature_shape == shape
    assert settings.fft_points == fft


def test_one_fixed_power_of_two_scale() -> None:
    settings = FrontendSettings()
    assert settings.scale == 2.0**-5
    assert settings.zero_point == 0


def test_settings_survive_json() -> None:
    settings = FrontendSettings(kind="log_mel", mels=32, window_ms=40)
    assert FrontendSettings.parse(json.loads(json.dumps(settings.model_dump(mode="json")))) == settings
    fixed = FrontendSettings(kind="microfrontend")
    assert FrontendSettings.parse(fixed.model_dump(mode="json")) == fixed


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"kind": "mfc"}, "'mfcc', 'log_mel' or 'microfrontend'"),
        ({"window": 30}, "Did you mean 'window_ms'?"),
        ({"sample_rate": 11025}, "no whole number of samples"),
        ({"sample_rate": 15000, "window_ms": 1001}, "window_ms"),
        ({"sample_rate": 5000, "window_ms": 5, "high_hz": 2500}, "even number of samples"),
        ({"hop_ms": 40}, "hop_ms <= window_ms"),
        ({"clip_ms": 20}, "clip_ms >= window_ms"),
        ({"fft_size": 10**400}, "expected fft_size to be one of"),
        ({"fft_size": 500}, "expected fft_size to be one of [64, 128, 256, 512, 1024, 2048]"),
        ({"fft_size": 256}, "fft_size >= the window's 480 samples"),
        ({"sample_rate": 8000}, "low_hz < high_hz <= 4000"),
        ({"low_hz": 5000, "high_hz": 4000}, "low_hz < high_hz"),
        ({"coefficients": 41}, "coefficients <= mels"),
        ({"mels": 128}, "holds no FFT bin"),
        ({"noise_floor": -7}, "noise_floor"),
        ({"kind": "microfrontend", "fft_size": 1024}, "fft_size, 512: 1024"),
        ({"kind": "microfrontend", "high_hz": 8000}, "below half the rate, 8000"),
    ],
)
def test_refusals_name_the_way_out(values: dict, says: str) -> None:
    with pytest.raises(RecipeError) as refused:
        FrontendSettings.parse(values, "frontend")
    assert says in str(refused.value)
