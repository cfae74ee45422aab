"""A supernet: what a step trains, and that it does so exactly, cheaply and reproducibly."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras, tf
from kws_tfmot.search import OmniSettings
from kws_tfmot.search.omni.masked_kernels import MaskedKernels, kept_weights, matrix_shape, space_of
from kws_tfmot.search.omni.subnetwork import Subnetworks
from kws_tfmot.search.omni.supernet import Supernet
from kws_tfmot.sparsity.patterns import Pattern, select
from kws_tfmot.training.loop import train
from tests.search.conftest import BATCH, make_network, train_settings, train_supernet

GRID = (0.0, 0.5, 0.75, 0.9)
OMNI = OmniSettings(grid=GRID, refresh=3, growth=0.0, uniform_share=0.5, reach=None, decay=0.0)


def compiled(omni: OmniSettings, seed: int = 5, rate: float = 0.1, dropout: float = 0.0) -> Supernet:
    shell = Supernet(make_network(dropout=dropout), omni, seed, 100, 10)
    shell.compile(optimizer=keras.optimizers.SGD(rate), loss="categorical_crossentropy", metrics=["accuracy"])
    return shell


def batch(task) -> tuple[tf.Tensor, tf.Tensor]:
    source, _ = task
    return tf.constant(source.features[:BATCH]), tf.constant(source.targets[:BATCH])


@pytest.mark.parametrize("pattern", ["unstructured", "1x4", "2x2", "2:4"])
def test_masks_are_those_of_select_and_nested(pattern: str) -> None:
    network, parsed = make_network(), Pattern.parse(pattern)
    grid = (0.0, 0.25, 0.4, 0.5) if parsed.kept else GRID
    space = space_of(network, OmniSettings(grid=grid, pattern=pattern))
    masked = MaskedKernels(network, space, parsed)
    masked.refresh()
    kept = kept_weights(space, parsed)
    before = None
    for level in range(len(grid)):
        masks = [mask.numpy().astype(bool) for mask in masked.masks(tf.fill([len(space.layers)], level))]
        for i, (mask, name) in enumerate(zip(masks, space.layers, strict=True)):
            layer = network.get_layer(name)
            scores = np.abs(layer.kernel.numpy()).reshape(matrix_shape(layer))
            np.testing.assert_array_equal(
                mask.reshape(scores.shape), select(scores, int(kept[i, level]), parsed), err_msg=name
            )
            assert before is None or not np.any(mask & ~before[i])
        before = masks


def test_depthwise_and_skipped_layers_stay_dense() -> None:
    space = space_of(make_network(), OmniSettings(grid=GRID, skip=("classifier",)))
    assert space.layers == ("conv", "block1_pointwise")
    with pytest.raises(RecipeError, match=r"'clasifier'.*Did you mean 'classifier'"):
        space_of(make_network(), OmniSettings(skip=("clasifier",)))


def test_the_sub_network_of_a_step_depends_on_seed_and_step_alone() -> None:
    one, other, third = compiled(OMNI), compiled(OMNI), compiled(OMNI, seed=6)
    drawn = [tuple(one.levels_of_step(tf.constant(t)).numpy()) for t in range(200)]
    assert drawn == [tuple(other.levels_of_step(tf.constant(t)).numpy()) for t in range(200)]
    assert drawn != [tuple(third.levels_of_step(tf.constant(t)).numpy()) for t in range(200)]
    assert set(drawn[:10]) == {(0, 0, 0)}  # the warm-up: a tenth of 100 steps
    later = drawn[10:]
    shares = [later.count((level,) * 3) / len(later) for level in (0, 3)]
    # a fifth each by themselves, and 2/5 * 3/5 / 4 of random ones that happen to be these
    assert all(0.15 < share < 0.4 for share in shares)
    assert {level for levels in later for level in levels} == {0, 1, 2, 3}


def test_the_sparsest_level_grows_as_in_gradual_pruning() -> None:
    shell = compiled(OMNI.model_copy(update={"growth": 0.6, "dense_share": 0.0, "sparsest_share": 0.5}))
    drawn = [max(shell.levels_of_step(tf.constant(t)).numpy()) for t in range(100)]
    limit = [int(shell.sparsest_of_step(tf.constant(t))) for t in range(100)]
    assert drawn[:10] == [0] * 10
    assert limit[10] == 1
    assert limit[69] == 3  # the growth ends 60 steps after the warm-up
    assert limit == sorted(limit)
    assert all(a <= b for a, b in zip(drawn, limit, strict=True))
    assert all(level in drawn[10:] for level in (1, 2, 3))


def test_reach_keeps_the_layers_of_a_sub_network_near_each_other() -> None:
    omni = OMNI.model_copy(update={"reach": 1, "uniform_share": 0.0, "dense_share": 0.0, "sparsest_share": 0.0})
    shell = compiled(omni)
    drawn = [shell.levels_of_step(tf.constant(t)).numpy() for t in range(10, 200)]
    assert all(max(levels) - min(levels) <= 2 for levels in drawn)
    assert {max(levels) - min(levels) for levels in drawn} == {0, 1, 2}
    assert {int(level) for levels in drawn for level in levels} == {0, 1, 2, 3}


def test_warm_up_and_growth_must_leave_room_for_each_other() -> None:
    with pytest.raises(RecipeError, match=r"warmup \+ growth of at most 1, got 0\.5 \+ 0\.6"):
        OmniSettings.parse({"warmup": 0.5, "growth": 0.6})


def test_masked_weights_get_no_gradient_unless_asked(task) -> None:
    for gradient in ("masked", "straight_through"):
        omni = OMNI.model_copy(update={"gradient": gradient, "warmup": 0.0, "sparsest_share": 1.0, "dense_share": 0.0})
        shell = compiled(omni)
        kernel = shell.network.get_layer("block1_pointwise").kernel
        before = kernel.numpy()
        threshold = np.sort(np.abs(before).ravel())[-round(0.1 * before.size)]
        masked = np.abs(before) < threshold
        shell.train_step(batch(task))
        moved = kernel.numpy() != before
        assert moved[~masked].any()
        assert moved[masked].any() == (gradient == "straight_through")


def test_decay_shrinks_masked_weights_only(task) -> None:
    shares = {"warmup": 0.0, "sparsest_share": 1.0, "dense_share": 0.0}
    baseline = compiled(OMNI.model_copy(update=shares))
    decayed = compiled(OMNI.model_copy(update=shares | {"decay": 0.5}))
    before = baseline.network.get_layer("conv").kernel.numpy()
    masked = np.abs(before) < np.sort(np.abs(before).ravel())[-round(0.1 * before.size)]
    for shell in (baseline, decayed):
        shell.train_step(batch(task))
    a, b = (shell.network.get_layer("conv").kernel.numpy() for shell in (baseline, decayed))
    np.testing.assert_allclose(b[masked], before[masked] * (1 - 0.1 * 0.5), rtol=1e-5)
    np.testing.assert_allclose(a[~masked], b[~masked], atol=1e-7)


@pytest.mark.parametrize("regime", ["one_pass", pytest.param("sandwich", marks=pytest.mark.slow)])
def test_one_trace_serves_all_sub_networks(task, regime: str) -> None:
    shell = compiled(OMNI.model_copy(update={"regime": regime, "warmup": 0.0}))
    shell.optimizer.build(shell.trainable_variables)
    shell.make_metrics(task[1][1])
    step = tf.function(lambda data: shell.train_step(data))
    for _ in range(12):
        step(batch(task))
    assert step.experimental_get_tracing_count() == 1
    assert int(shell.optimizer.iterations) == 12


@pytest.mark.slow
def test_a_supernet_that_only_trains_the_dense_network_is_a_dense_training(task) -> None:
    baseline, super_ = make_network(), make_network()
    train(baseline, *task, train_settings(epochs=1))
    always = OmniSettings(grid=GRID, warmup=0.0, dense_share=1.0, sparsest_share=0.0)
    train_supernet(super_, task, always, settings=train_settings(epochs=1))
    for a, b in zip(baseline.get_weights(), super_.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-5)


class KeepHalf(keras.callbacks.Callback):
    """Copies the state that is stored after the first epoch."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        self.state = state

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if epoch == 1:
            shutil.copyfile(self.state, self.state.with_name("half.npz"))


@pytest.mark.parametrize("regime", ["one_pass", pytest.param("sandwich", marks=pytest.mark.slow)])
def test_a_resumed_supernet_equals_an_uninterrupted_one(task, tmp_path, regime: str) -> None:
    omni = OMNI.model_copy(update={"regime": regime, "random": 1})
    whole, state = make_network(), tmp_path / "state.npz"
    options = {"run_key": "k", "save_seconds": 0, "settings": train_settings(epochs=2)}
    expected = train_supernet(whole, task, omni, callbacks=[KeepHalf(state)], state_path=state, **options)
    resumed = make_network(seed=99)  # its own initial weights must not matter
    result = train_supernet(resumed, task, omni, state_path=tmp_path / "half.npz", **options)
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert result.history == expected.history


@pytest.mark.slow
@pytest.mark.parametrize("regime", ["one_pass", "sandwich"])
def test_sparse_sub_networks_are_better_than_those_of_a_dense_training(task, regime: str) -> None:
    omni = OMNI.model_copy(update={"regime": regime, "random": 1})
    settings = train_settings(epochs=12 if regime == "one_pass" else 6)
    baseline, super_ = make_network(), make_network()
    train(baseline, *task, settings)
    train_supernet(super_, task, omni, settings=settings)
    space = space_of(baseline, omni)
    accuracies = []
    for network in (baseline, super_):
        subnets = Subnetworks(network, space, Pattern.parse("unstructured"), task[0].features, task[1])
        accuracies.append([subnets.score(space.uniform(level)).accuracy for level in range(len(GRID))])
    dense, trained = accuracies
    assert trained[-1] > dense[-1] + 0.03
    assert trained[0] > 0.8


def test_dropout_is_scaled_by_what_is_kept(task) -> None:
    shares = {"warmup": 0.0, "sparsest_share": 1.0, "dense_share": 0.0, "scale_dropout": True}
    shell = compiled(OMNI.model_copy(update=shares), dropout=0.5)
    layer = shell.network.get_layer("dropout")
    rates = []

    def record(inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        rates.append(float(layer.rate))
        return inputs

    object.__setattr__(layer, "call", record)
    shell.run_eagerly = True
    shell.train_step(batch(task))
    assert rates == [pytest.approx(0.5 * 0.1, abs=1e-3)]
    assert layer.rate == 0.5
