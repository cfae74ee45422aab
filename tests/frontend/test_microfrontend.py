"""Kind ``microfrontend``: the C equals the NumPy definition, and both equal TFLM's own library."""

from collections.abc import Callable

import numpy as np
import pytest
from frontend_signals import MICRO_SETTINGS, extreme_signals

from kws_tfmot.frontend import Frontend, FrontendSettings
from kws_tfmot.frontend import micro_fixed_point as stages
from kws_tfmot.frontend.micro_tables import make_micro_tables

DEFAULT = MICRO_SETTINGS["micro"]


@pytest.fixture(scope="module")
def tflm() -> Callable[[np.ndarray], np.ndarray]:
    """TFLM's library through pymicro-features: samples -> int8 [frames, 40], from a fresh state."""
    package = pytest.importorskip("pymicro_features")

    def features(samples: np.ndarray) -> np.ndarray:
        frontend = package.MicroFrontend()
        usable = len(samples) // 160 * 160
        steps = (frontend.process_samples(samples[at : at + 160].tobytes()) for at in range(0, usable, 160))
        rows = np.array([step.features for step in steps if step.features])
        return stages.to_int8(np.rint(rows * 25.6).astype(np.int64))

    return features


@pytest.fixture(scope="module")
def noises() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    levels = (1, 20, 800, 9000, 40000)  # the last clips
    return {f"noise {s}": (rng.standard_normal(8000) * s).clip(-32768, 32767).astype(np.int16) for s in levels}


@pytest.mark.parametrize("name", MICRO_SETTINGS)
def test_c_equals_the_definition(name: str, noises: dict[str, np.ndarray]) -> None:
    settings = MICRO_SETTINGS[name]
    clips = np.stack([*(signal[:8000] for signal in extreme_signals().values()), *noises.values()])
    assert settings.feature_shape[1] == settings.mels
    expected = Frontend(settings, "numpy").features(clips)
    assert len(np.unique(expected)) > 50
    np.testing.assert_array_equal(Frontend(settings, "c").features(clips), expected)


def test_every_extreme_signal_equals_tflm(tflm: Callable, noises: dict[str, np.ndarray]) -> None:
    signals = extreme_signals() | noises
    signals["one after the other"] = np.concatenate(list(signals.values()))
    frontend = Frontend(DEFAULT, "c")
    for name, signal in signals.items():
        np.testing.assert_array_equal(frontend.features(signal), tflm(signal), err_msg=name)


@pytest.mark.recordings
def test_speech_equals_tflm(tflm: Callable, speech: np.ndarray) -> None:
    clips = speech[::20]
    features = Frontend(DEFAULT, "c").features(clips)
    np.testing.assert_array_equal(features, [tflm(clip) for clip in clips])
    np.testing.assert_array_equal(features[:3], Frontend(DEFAULT, "numpy").features(clips[:3]))


@pytest.mark.slow
def test_three_hours_of_stream_equal_tflm(tflm: Callable) -> None:
    """Noise whose level wanders between silence and clipping, pushed in pieces that fit no hop."""
    rng = np.random.default_rng(5)
    stream, expected = Frontend(DEFAULT, "c").stream(), []
    samples = []
    for _ in range(3 * 3600 // 10):
        level = 2.0 ** rng.uniform(-2, 16)
        samples.append((rng.standard_normal(160_000) * level).clip(-32768, 32767).astype(np.int16))
    whole = np.concatenate(samples)
    expected = tflm(whole)
    rows = np.concatenate([stream.push(piece) for piece in np.array_split(whole, 997)])
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(Frontend(DEFAULT, "c").features(whole), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", MICRO_SETTINGS)
def test_other_settings_follow_the_tensorflow_operator(name: str, noises: dict[str, np.ndarray]) -> None:
    """TensorFlow ships the same library with its settings open: other windows, hops, channels and rates.

    Its tables come from another compiler: at the default settings, too, single values differ from pymicro-features.
    """
    from kws_tfmot.keras import tf

    operator = pytest.importorskip("tensorflow.lite.experimental.microfrontend.python.ops.audio_microfrontend_op")
    settings = MICRO_SETTINGS[name]
    signal = np.concatenate([*extreme_signals().values(), *noises.values()])
    expected = operator.audio_microfrontend(
        tf.constant(signal),
        sample_rate=settings.sample_rate,
        window_size=settings.window_ms,
        window_step=settings.hop_ms,
        num_channels=settings.mels,
        upper_band_limit=float(settings.high_hz),
        lower_band_limit=float(settings.low_hz),
    ).numpy()
    apart = np.abs(Frontend(settings, "c").features(signal).astype(int) - stages.to_int8(expected.astype(np.int64)))
    assert (apart > 0).mean() < 0.005


@pytest.mark.parametrize("backend", ["c", "numpy"])
def test_stream_equals_a_clip_from_a_fresh_state(backend: str, noises: dict[str, np.ndarray]) -> None:
    frontend = Frontend(DEFAULT, backend)  # type: ignore[arg-type]
    stream = frontend.stream()
    stream.push(noises["noise 9000"])
    stream.reset()
    clip = noises["noise 800"]
    pieces = np.split(clip, [1, 7, 500, 5000, 5001, 7999])
    np.testing.assert_array_equal(np.concatenate([stream.push(piece) for piece in pieces]), frontend.features(clip))


def test_state_carries_over_from_frame_to_frame(noises: dict[str, np.ndarray]) -> None:
    """Documented: the noise estimate makes a frame depend on what came before."""
    frontend = Frontend(DEFAULT)
    clip = noises["noise 800"]
    stream = frontend.stream()
    stream.push(noises["noise 9000"])
    assert not np.array_equal(stream.push(clip)[-48:], frontend.features(clip))


def test_level_hardly_matters_once_the_estimate_has_settled() -> None:
    """A factor of 30 in level is 10 octaves of power, 80 steps of log_mel; here the median moves by a few steps."""
    rng = np.random.default_rng(2)
    noise = rng.standard_normal(64_000)
    quiet, loud = ((noise * s).astype(np.int16) for s in (200, 6000))
    frontend = Frontend(DEFAULT)
    settled = [np.median(frontend.features(clip)[200:].astype(float)) for clip in (quiet, loud)]
    assert abs(settled[0] - settled[1]) < 16
    baseline = Frontend(FrontendSettings(kind="log_mel"))
    assert abs(np.median(baseline.features(quiet)) - np.median(baseline.features(loud))) > 60


def test_weights_of_a_bin_sum_to_one() -> None:
    for settings in MICRO_SETTINGS.values():
        tables = make_micro_tables(settings)
        assert np.abs(tables.weights.astype(int).sum(axis=1) - 4096).max() <= 1
        assert tables.bins[-1] < settings.fft_points // 2 + 1
