"""Training on streams: it goes on where it was interrupted, and hears again what it got wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.array_files import write_arrays
from kws_tfmot.data.stretch_features import Stretches, StretchJob
from kws_tfmot.data.stretch_settings import StretchSettings
from kws_tfmot.errors import ModelError
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.sparsity.sparsity_settings import DistillationSettings, MaskRegrowth
from kws_tfmot.training.stream_judge import threshold_for
from kws_tfmot.training.stream_settings import StreamTrainSettings, WindowSettings, WordClassSettings
from kws_tfmot.training.stream_state import Snapshot, StreamState

_FRONTEND = FrontendSettings(kind="microfrontend", clip_ms=700, mels=8)
_JOB = StretchJob(StretchSettings(seconds=3.0), _FRONTEND, 3, 3, (20, 280), 120)
_SETTINGS = StreamTrainSettings(epochs=3, fresh=32, replayed=32, batch_size=16, negative_weights=(3.0,))
_WINDOWS = WindowSettings(steps=4, batch_size=12, listened=20)


@pytest.fixture(scope="module", autouse=True)
def eagerly() -> Iterator[None]:
    """A dozen steps cost less one by one than a graph to trace; tests/pipelines/test_wake_word.py trains in a graph."""
    from kws_tfmot.keras import tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


class _Made:
    """Stretches of random features in place of composed ones; stops after so many epochs."""

    def __init__(self, epochs: int = 99) -> None:
        self._left = epochs

    def draw(self, seed: list[int], count: int) -> Stretches:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        rng = np.random.default_rng(seed)
        features = rng.integers(-128, 128, (count, _JOB.frames, 8)).astype(np.int8)
        targets = rng.integers(-1, 3, (count, _JOB.decisions)).astype(np.int8)
        return Stretches(features, targets, rng.integers(-1, 4, targets.shape).astype(np.int16))


class _Keeping(StreamState):
    """Copies what is there after two epochs: all that is left of a training that ends there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "k")
        self._whole, self.half = folder, folder.with_name("half")

    def save(self, snapshot: Snapshot, fresh: Stretches) -> None:
        super().save(snapshot, fresh)
        if len(snapshot.history) == 2:
            shutil.copytree(self._whole, self.half)


def _train(made: _Made, state: StreamState | None, settings: StreamTrainSettings = _SETTINGS) -> list[np.ndarray]:
    from kws_tfmot.keras import seed_everything
    from kws_tfmot.models.model_settings import ModelSettings
    from kws_tfmot.models.streaming_cnn import build
    from kws_tfmot.training.stream_training import train_on_streams

    seed_everything(1)
    network = build(ModelSettings(name="streaming_cnn", width=8, dropout=0.3), (_FRONTEND.frames, 8), 3)
    held_out = _Made().draw([9], 20)
    train_on_streams(network, made, held_out, _JOB, settings, 1, 5, state=state, words=4)  # type: ignore[arg-type]
    return list(network.get_weights())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[np.ndarray], Path]:
    """Weights of a training by :data:`_SETTINGS`, and its state after two epochs."""
    keeping = _Keeping(tmp_path_factory.mktemp("stream") / "state")
    return _train(_Made(), keeping), keeping.half


def test_an_interrupted_training_ends_as_one_that_was_not(whole: tuple[list[np.ndarray], Path]) -> None:
    weights, state = whole
    check_resumed(weights, Path(shutil.copytree(state, state.with_name("resumed"))), _SETTINGS)


def test_a_state_of_another_network_is_refused(whole: tuple[list[np.ndarray], Path], tmp_path: Path) -> None:
    state = Path(shutil.copytree(whole[1], tmp_path / "state"))
    with np.load(state / "state.npz") as stored:
        other = {**stored, "variable1": np.zeros((2, 2), np.float32)}
    write_arrays(state / "state.npz", **other)  # sealed by whoever changed it
    with pytest.raises(ModelError, match="Remove it: the training begins anew"):
        _train(_Made(1), StreamState(state, "k"))


@pytest.mark.slow
def test_an_interrupted_training_on_windows_ends_as_one_that_was_not(tmp_path: Path) -> None:
    settings = _SETTINGS.model_copy(update={"windows": _WINDOWS})
    keeping = _Keeping(tmp_path / "state")
    check_resumed(_train(_Made(), keeping, settings), keeping.half, settings)


@pytest.mark.parametrize("windows", [pytest.param(None, marks=pytest.mark.slow), _WINDOWS])
def test_an_interrupted_training_with_classes_of_words_ends_as_one_that_was_not(
    tmp_path: Path, whole: tuple[list[np.ndarray], Path], windows: WindowSettings | None
) -> None:
    settings = _SETTINGS.model_copy(update={"word_classes": WordClassSettings(units=5), "windows": windows})
    keeping = _Keeping(tmp_path / "state")
    weights = _train(_Made(), keeping, settings)
    assert not all(np.array_equal(one, other) for one, other in zip(weights, whole[0], strict=True))
    check_resumed(weights, keeping.half, settings)


def test_the_loss_of_words_is_that_of_the_rows_behind_each_and_none_is_no_loss() -> None:
    from kws_tfmot.keras import tf
    from kws_tfmot.models.model_settings import ModelSettings
    from kws_tfmot.models.streaming_cnn import build, over_stretch
    from kws_tfmot.training.word_head import WordHead

    window = build(ModelSettings(name="streaming_cnn", width=8), (_FRONTEND.frames, 8), 3)
    made = _Made().draw([3], 2)
    head = WordHead(over_stretch(window, _JOB.frames), 4, WordClassSettings(weight=2.0, units=5))
    inputs = tf.constant(made.features[..., None].astype(np.float32) / 128)
    logits, rows = head.network(inputs)
    first, second = (layer.get_weights() for layer in head._layers)
    count = rows.shape[1] - logits.shape[1] + 1
    losses = []
    for stretch, decision in np.argwhere(made.words >= 0):
        seen = rows.numpy()[stretch, decision : decision + count].ravel()
        hidden = np.maximum(seen @ first[0] + first[1], 0) @ second[0] + second[1]
        losses.append(np.log(np.exp(hidden).sum()) - hidden[made.words[stretch, decision]])
    assert float(head.loss(rows, tf.constant(made.words.astype(np.int32)))) == pytest.approx(
        2 * np.mean(losses), rel=1e-5
    )
    assert float(head.loss(rows, tf.constant(np.full_like(made.words, -1, np.int32)))) == 0.0


def check_resumed(whole: list[np.ndarray], state: Path, settings: StreamTrainSettings) -> None:
    found = _train(_Made(1), StreamState(state, "k"), settings)  # only the third epoch draws anew
    assert all(np.array_equal(one, other) for one, other in zip(whole, found, strict=True))
    for damaged in (state / "stretches0.npz", state / "state.npz"):
        sound = damaged.read_bytes()
        damaged.write_bytes(sound[:100])
        with pytest.raises(ModelError, match="Remove it: the training begins anew"):
            StreamState(state, "k").restore()
        damaged.write_bytes(sound)
        with np.load(damaged) as stored:
            np.savez(damaged, **stored)  # whole, but not what was written
        with pytest.raises(ModelError, match="was changed after it was written"):
            StreamState(state, "k").restore()
        damaged.write_bytes(sound)
    assert StreamState(state, "other").restore() is None
    assert not state.exists()


def test_a_temperature_divides_the_classifier_and_nothing_else(whole: tuple[list[np.ndarray], Path]) -> None:
    assert _SETTINGS.temperature == 1.0
    hard, soft = whole[0], _train(_Made(), None, _SETTINGS.model_copy(update={"temperature": 4.0}))
    assert all(np.array_equal(one, other) for one, other in zip(hard[:-2], soft[:-2], strict=True))
    assert all(
        np.allclose(one, 4 * other, rtol=1e-6) and one.any() for one, other in zip(hard[-2:], soft[-2:], strict=True)
    )


def _sparse_training(made: _Made, state: StreamState | None, weight: float = 1.0) -> list[np.ndarray]:
    from kws_tfmot.keras import seed_everything
    from kws_tfmot.models.model_settings import ModelSettings
    from kws_tfmot.models.streaming_cnn import build
    from kws_tfmot.sparsity.method_registry import prepare_training
    from kws_tfmot.training.stream_step import Teacher
    from kws_tfmot.training.stream_training import SparseStreams, epoch_of_step, steps_until, train_on_streams

    seed_everything(1)
    dense = build(ModelSettings(name="streaming_cnn", width=8), (_FRONTEND.frames, 8), 3)
    sparsity = MaskRegrowth(target=0.75, epochs=4, end=0.3, freeze=0.5, frequency=1, decay=2.0)
    settings = _SETTINGS.model_copy(update={"epochs": 4})
    (plan,) = sparsity.plan()
    steps = steps_until(settings, 4) // 4
    training = prepare_training(dense, sparsity, plan, steps)
    teacher = Teacher((dense,), DistillationSettings(weight=weight))
    sparse = SparseStreams(training, epoch_of_step(settings, plan.ramp(steps).final))
    held_out = _Made().draw([9], 20)
    train_on_streams(dense, made, held_out, _JOB, settings, 1, 5, state=state, sparse=sparse,  # type: ignore[arg-type]
                     teacher=teacher)  # fmt: skip
    return list(dense.get_weights())


def test_several_teachers_say_the_mean_of_their_logits() -> None:
    from kws_tfmot.keras import keras, tf
    from kws_tfmot.training.stream_step import Teacher, _divergence

    def constant(logits: tuple[float, ...]) -> keras.Model:
        inputs = keras.Input((1,))
        layer = keras.layers.Dense(3, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(logits))
        return keras.Model(inputs, keras.layers.Reshape((1, 3))(layer(inputs)))

    both = Teacher((constant((4.0, 0.0, -2.0)), constant((0.0, 2.0, 4.0))), DistillationSettings(temperature=2.0))
    said = tf.constant([[[2.0, 1.0, 1.0], [4.0, 0.0, -2.0]]])  # the mean, and what one of them says
    same, other = _divergence(both, tf.zeros((1, 1)), said).numpy()[0]
    assert same == pytest.approx(0.0, abs=1e-6) and other > 1.0


def _zeros(weights: list[np.ndarray]) -> float:
    """Share of zeros in the pointwise kernels."""
    kernels = np.concatenate([kernel.ravel() for kernel in weights if kernel.shape == (1, 1, 8, 8)])
    return float(np.mean(kernels == 0))


def test_a_sparse_training_on_streams_keeps_its_zeros() -> None:
    assert _zeros(_sparse_training(_Made(), None)) > 0.6  # of the averaged weights that were kept


@pytest.mark.slow
def test_a_sparse_training_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    whole = _sparse_training(_Made(), None)
    with pytest.raises(KeyboardInterrupt):
        _sparse_training(_Made(3), StreamState(tmp_path / "state", "k"))
    resumed = _sparse_training(_Made(1), StreamState(tmp_path / "state", "k"))
    assert all(np.array_equal(one, other) for one, other in zip(whole, resumed, strict=True))
    listens = _sparse_training(_Made(), None, weight=50.0)
    assert any(not np.array_equal(one, other) for one, other in zip(whole, listens, strict=True))


def test_a_stretch_that_was_wrongly_accepted_comes_again_more_often() -> None:
    from kws_tfmot.training.stream_batches import epoch_order

    hardness = np.zeros(400, np.float32)
    hardness[:40] = 1.0
    drawn = [epoch_order(hardness, _SETTINGS, np.random.default_rng(k)) for k in range(50)]
    hard = np.mean([np.sum(places < 40) for places in drawn])
    # (1 + 4) * 40 of (1 + 4) * 40 + 360: 36 % of 32, a little less as none comes twice in an epoch.
    assert 9 < hard < 12.5


def test_the_threshold_follows_the_tail_of_the_false_accepts() -> None:
    rng = np.random.default_rng(1)
    logits = -6 + rng.exponential(1.0, (2000, 60))  # one decision a second: 33 h, exponential tail
    posteriors = np.zeros((2000, 60, 3))
    posteriors[..., 0] = 1 / (1 + np.exp(-logits))
    targets = np.ones((2000, 60), int)
    expected = -6 + np.log(3600 / 0.5)  # 3600 peaks an hour; half of one is that high
    found = threshold_for(posteriors, targets, 1, 1.0, 0.5)
    assert abs(np.log(found / (1 - found)) - expected) < 1.0
    assert threshold_for(posteriors, targets, 1, 1.0, 0.1) > found
