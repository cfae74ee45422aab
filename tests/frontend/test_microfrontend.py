"""TFLM's own microfrontend behind the same interface."""

import numpy as np
import pytest

from kws_tfmot.frontend import Frontend, FrontendSettings
from kws_tfmot.frontend.microfrontend import to_int8

package = pytest.importorskip("pymicro_features")


@pytest.fixture(scope="module")
def frontend() -> Frontend:
    return Frontend(FrontendSettings(kind="microfrontend"))


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal((3, 16000)) * [[20], [800], [9000]]).clip(-32768, 32767).astype(np.int16)


def test_shape_and_values_of_the_package(frontend: Frontend, clips: np.ndarray) -> None:
    features = frontend.features(clips)
    assert frontend.backend == "pymicro-features"
    assert features.shape == (3, *frontend.settings.feature_shape) == (3, 98, 40)
    raw = package.MicroFrontend()
    rows = [raw.process_samples(clips[1, at : at + 160].tobytes()).features for at in range(0, 16000, 160)]
    expected = to_int8(np.array([row for row in rows if row]))
    np.testing.assert_array_equal(features[1], expected)


def test_scaling_is_that_of_micro_speech() -> None:
    values = np.arange(0, 700)
    expected = [min(max((value * 256 + 333) // 666 - 128, -128), 127) for value in values]
    np.testing.assert_array_equal(to_int8(values / 25.6), expected)


def test_stream_equals_a_clip_from_a_fresh_state(frontend: Frontend, clips: np.ndarray) -> None:
    stream = frontend.stream()
    stream.push(clips[2])
    stream.reset()
    pieces = np.split(clips[0], [1, 7, 500, 5000, 5001, 15999])
    np.testing.assert_array_equal(np.concatenate([stream.push(piece) for piece in pieces]), frontend.features(clips[0]))


def test_state_carries_over_from_frame_to_frame(frontend: Frontend, clips: np.ndarray) -> None:
    """Documented: the noise estimate makes a frame depend on what came before."""
    stream = frontend.stream()
    stream.push(clips[2])
    assert not np.array_equal(stream.push(clips[0])[-98:], frontend.features(clips[0]))
