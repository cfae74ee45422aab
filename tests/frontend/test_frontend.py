"""C and NumPy give the same bytes, streams the same as clips; refusals; the fallback."""

import pickle
import warnings

import numpy as np
import pytest
from frontend_signals import SETTINGS
from hypothesis import given, settings, strategies

from kws_tfmot.errors import DataError, RecipeError, ToolchainError
from kws_tfmot.frontend import Frontend, FrontendSettings, native
from kws_tfmot.frontend import frontend as frontend_module

FRONTENDS = {name: (Frontend(kind, "c"), Frontend(kind, "numpy")) for name, kind in SETTINGS.items()}


@pytest.mark.parametrize("name", SETTINGS)
def test_c_equals_numpy_on_extremes(name: str, extremes: dict[str, np.ndarray]) -> None:
    clips = np.array(list(extremes.values()))[:, : SETTINGS[name].clip_samples]
    compiled, definition = FRONTENDS[name]
    np.testing.assert_array_equal(compiled.features(clips), definition.features(clips))


@given(
    name=strategies.sampled_from(sorted(SETTINGS)),
    parts=strategies.lists(
        strategies.tuples(strategies.integers(0, 2**32 - 1), strategies.floats(0, 5), strategies.integers(1, 900)),
        min_size=1,
        max_size=5,
    ),
)
@settings(max_examples=150, deadline=None)
def test_c_equals_numpy_and_stream_equals_clip(name: str, parts: list[tuple[int, float, int]]) -> None:
    """Noise of any level, in pieces of any length, as clip and as stream, by both paths."""
    pieces = [
        np.clip(np.random.default_rng(seed).standard_normal(count) * 10**level, -32768, 32767).astype(np.int16)
        for seed, level, count in parts
    ]
    clip = np.concatenate(pieces)
    kind = SETTINGS[name]
    expected = np.zeros((0, kind.features_per_frame), np.int8)
    if len(clip) >= kind.window_samples:
        compiled, definition = FRONTENDS[name]
        expected = compiled.features(clip)
        np.testing.assert_array_equal(definition.features(clip), expected)
    for frontend in FRONTENDS[name]:
        stream = frontend.stream()
        stream.push(np.full(100, 1234, np.int16))
        stream.reset()
        np.testing.assert_array_equal(np.concatenate([stream.push(piece) for piece in pieces]), expected)


def test_streams_of_one_frontend_are_independent() -> None:
    clip = np.random.default_rng(0).integers(-3000, 3000, 1600).astype(np.int16)
    for frontend in FRONTENDS["default"]:
        one, two = frontend.stream(), frontend.stream()
        one.push(clip[:333])
        two.push(clip[:600])
        assert np.array_equal(two.push(clip[600:]), frontend.features(clip)[1:])
        assert np.array_equal(one.push(clip[333:]), frontend.features(clip))


def test_threads_share_the_clips_and_out_is_filled() -> None:
    clips = np.random.default_rng(1).integers(-9000, 9000, (23, 16000)).astype(np.int16)
    frontend = Frontend()
    expected = frontend.features(clips)
    out = np.zeros((23, 49, 10), np.int8)
    assert frontend.features(clips, out=out, threads=4) is not None
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(frontend.features(clips[3], out=out[0]), expected[3])
    np.testing.assert_array_equal(frontend.features(clips[:, ::2]), frontend.features(clips[:, ::2].copy()))
    assert frontend.features(clips[:0]).shape == (0, 49, 10)


def test_travels_to_another_process() -> None:
    clip = np.random.default_rng(3).integers(-900, 900, 1600).astype(np.int16)
    for frontend in FRONTENDS["log_mel"]:
        twin = pickle.loads(pickle.dumps(frontend))
        assert (twin.backend, twin.settings) == (frontend.backend, frontend.settings)
        np.testing.assert_array_equal(twin.features(clip), frontend.features(clip))


@pytest.mark.parametrize(
    "clips",
    [np.zeros(16000, np.float32), np.zeros((1, 1, 16000), np.int16), np.zeros(479, np.int16), [0] * 16000],
    ids=["float", "three axes", "too short", "list"],
)
def test_unusable_clips_are_refused(clips: np.ndarray) -> None:
    with pytest.raises(DataError, match="Received"):
        Frontend().features(clips)


@pytest.mark.parametrize(
    "out", [np.zeros((1, 49, 9), np.int8), np.zeros((1, 49, 10)), np.zeros((1, 49, 20), np.int8)[:, :, ::2]]
)
def test_unusable_outputs_are_refused(out: np.ndarray) -> None:
    with pytest.raises(DataError, match="writeable, C-contiguous int8"):
        Frontend().features(np.zeros((1, 16000), np.int16), out=out)


def test_unusable_stream_input_and_backend_are_refused() -> None:
    for frontend in FRONTENDS["default"]:
        with pytest.raises(DataError, match="expected int16 samples"):
            frontend.stream().push(np.zeros(10))
    with pytest.raises(RecipeError, match="auto, c, numpy"):
        Frontend(backend="cuda")  # type: ignore[arg-type]


def test_without_a_compiler_numpy_takes_over_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    native.load_library.cache_clear()
    frontend_module._note_slow_path.cache_clear()
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    try:
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            backends = [Frontend().backend, Frontend().backend]
        assert backends == ["numpy", "numpy"]
        assert len(noted) == 1
        assert "no C compiler found" in str(noted[0].message)
        with pytest.raises(ToolchainError, match="Install gcc"):
            Frontend(backend="c")
    finally:
        native.load_library.cache_clear()
    assert frontend_module.Frontend(FrontendSettings()).backend in ("c", "numpy")


def test_real_speech_uses_the_range_and_hardly_clips(speech: np.ndarray) -> None:
    """Constants are fixed, not fitted: here is what they give."""
    for kind, spread in ((FrontendSettings(), (20, 40)), (FrontendSettings(kind="log_mel"), (20, 64))):
        features = Frontend(kind).features(speech)
        deviation = features.std(axis=(0, 1))
        assert spread[0] <= deviation.min()
        assert deviation.max() <= spread[1]
        clipped = np.mean((features == -128) | (features == 127))
        assert clipped < 0.001


def test_error_against_float64_on_real_speech(speech: np.ndarray) -> None:
    from kws_tfmot.frontend.reference import reference_features

    for kind in (FrontendSettings(), FrontendSettings(kind="log_mel"), FrontendSettings(window_ms=40)):
        exact = np.array([reference_features(kind, clip) for clip in speech[::6]])
        error = Frontend(kind).features(speech[::6]) - np.clip(exact, -128, 127)
        # Rounding alone: 0.5 at most, 0.289 rms.
        assert np.abs(error).max() <= 0.75
        assert np.sqrt(np.mean(error**2)) <= 0.30
        assert abs(error.mean()) <= 0.02
