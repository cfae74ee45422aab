"""Masked training step by step, without a training: when a method is asked, and what each step leaves of a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.sparsity.layer_inputs import LayerInputs
from kws_tfmot.sparsity.masked_training import MaskedTraining
from kws_tfmot.sparsity.method import Inputs, Kernels, SparseState, initial_masks
from kws_tfmot.sparsity.schedules import Moment, Ramp

LAYERS = ["dense1", "classifier"]
RATE = 0.25


def network() -> keras.Model:
    seed_everything(1)
    return build_model(ModelSettings(name="dnn", width=6, blocks=1), (4, 3), 4)


@dataclass
class Halves:
    """A method that doubles kernels, masks every second weight, and notes what it was asked."""

    l1: float = 0.0
    decay: float = 0.0
    returns: bool = False
    uses_inputs: bool = False
    asked: list[tuple[Moment, Inputs | None]] = field(default_factory=list)

    def init(self, kernels: Kernels) -> SparseState:
        return SparseState(initial_masks(kernels), {})

    def update(
        self, kernels: Kernels, state: SparseState, moment: Moment, inputs: Inputs | None
    ) -> tuple[dict[str, np.ndarray], SparseState]:
        self.asked.append((moment, inputs))
        masks = {name: (np.arange(w.size) % 2 == 0).reshape(w.shape) for name, w in kernels.items()}
        statistics = {name: np.full(3, len(self.asked), np.float32) for name in kernels}
        return {name: 2 * w for name, w in kernels.items()}, SparseState(masks, statistics)


def started(method: Halves, ramp: Ramp, **options) -> tuple[keras.Model, MaskedTraining]:
    model = network()
    training = MaskedTraining(model, LAYERS, method, ramp, **options)
    training.set_params({"steps": 4, "epochs": 9})
    return model, training


def values(model: keras.Model) -> dict[str, np.ndarray]:
    return {name: model.get_layer(name).kernel.numpy() for name in LAYERS}


def test_the_method_is_asked_when_the_ramp_says_and_by_the_step_of_the_whole_training() -> None:
    method = Halves(uses_inputs=True)
    ramp = Ramp(2, 8, 3, 0.6)
    _, training = started(method, ramp, inputs=lambda step: {"step": np.array([step])})
    for epoch in range(3):
        training.on_epoch_begin(epoch)
        for batch in range(4):
            training.on_train_batch_begin(batch)
    assert [moment for moment, _ in method.asked] == [ramp.at(step) for step in (2, 5, 8)]
    assert [int(seen["step"][0]) for _, seen in method.asked if seen is not None] == [2, 5, 8]
    later, resumed = Halves(uses_inputs=False), None
    _, resumed = started(later, ramp, inputs=lambda step: {})
    resumed.on_epoch_begin(2)  # step 8, as after an interruption
    resumed.on_train_batch_begin(0)
    assert later.asked == [(ramp.at(8), None)]


@pytest.mark.parametrize("returns", [False, True])
def test_an_update_writes_the_kernels_masked(returns: bool) -> None:
    model, training = started(Halves(returns=returns), Ramp(0, 4, 2, 0.5))
    before = values(model)
    training.on_epoch_begin(0)
    training.on_train_batch_begin(0)
    stored = training.get_state()
    for name, kernel in values(model).items():
        mask = (np.arange(kernel.size) % 2 == 0).reshape(kernel.shape)
        np.testing.assert_allclose(kernel, 2 * before[name] * mask)
        np.testing.assert_array_equal(stored[f"held/{name}"], mask)
        np.testing.assert_array_equal(stored[f"mask/{name}"], mask)
        np.testing.assert_array_equal(training.state.masks[name], mask)
        assert (f"latent/{name}" in stored) == returns
        if returns:
            np.testing.assert_allclose(stored[f"latent/{name}"], 2 * before[name])
    assert set(training.state.statistics) == set(LAYERS)


def step_by_hand(kernel, latent, mask, l1: float, decay: float, returns: bool) -> tuple[np.ndarray, np.ndarray]:
    """``W <- sign(W) max(|W| - l1 rate, 0)``, what is masked shrinks by ``decay rate``, the network has ``W M``."""
    weights = np.where(mask, kernel, kernel + latent) if returns else kernel
    if l1:
        weights = np.sign(weights) * np.maximum(np.abs(weights) - l1 * RATE, 0)
    return weights * mask, np.where(mask, weights, weights * (1 - decay * RATE))


@pytest.mark.parametrize(("l1", "decay", "returns"), [(0, 0, False), (0.2, 0, False), (0.2, 0.5, True), (0, 1, True)])
@pytest.mark.parametrize("final", [False, True])
def test_a_step_shrinks_decays_and_masks(l1: float, decay: float, returns: bool, final: bool) -> None:
    model, training = started(Halves(l1, decay, returns), Ramp(0, 0 if final else 4, 1, 0.5))
    training.on_epoch_begin(0)
    training.on_train_batch_begin(0)
    stored, rng = training.get_state(), np.random.default_rng(0)
    assert stored["choosing"] == (0.0 if final else 1.0)
    moved = {name: kernel + rng.normal(0, 0.2, kernel.shape) for name, kernel in values(model).items()}
    for name, kernel in moved.items():  # what an optimiser would do, to masked weights too
        model.get_layer(name).kernel.assign(kernel)
    training.after_step(keras.optimizers.SGD(RATE))
    after = training.get_state()
    for name, kernel in moved.items():
        latent = stored.get(f"latent/{name}", np.zeros(()))
        shrink = 0 if final else l1
        expected, hidden = step_by_hand(kernel, latent, stored[f"held/{name}"] > 0, shrink, decay, returns)
        np.testing.assert_allclose(values(model)[name], expected, atol=1e-6)
        if returns:
            np.testing.assert_allclose(after[f"latent/{name}"], hidden, atol=1e-6)


def test_what_was_stored_is_taken_back_whole() -> None:
    _, training = started(Halves(returns=True), Ramp(0, 0, 1, 0.5), zero_dead=True)
    training.on_epoch_begin(0)
    training.on_train_batch_begin(0)
    stored = {key: np.array(value) for key, value in training.get_state().items()}
    rng = np.random.default_rng(0)
    for key in stored:
        if key.startswith(("latent", "zeroed", "statistic")):
            stored[key] = rng.normal(size=stored[key].shape).astype(np.float32)
    assert {key.split("/")[0] for key in stored} == {"mask", "statistic", "held", "latent", "zeroed", "choosing"}
    _, other = started(Halves(returns=True), Ramp(0, 0, 1, 0.5), zero_dead=True)
    assert other.get_state()["choosing"] == 1.0
    other.set_state(stored)
    found: Mapping[str, np.ndarray] = other.get_state()
    assert found.keys() == stored.keys()
    for key, value in stored.items():
        np.testing.assert_array_equal(found[key], value)


def test_units_that_died_are_kept_at_zero_from_the_final_masks_on() -> None:
    class First(Halves):
        def update(self, kernels, state, moment, inputs):
            """The first channel loses its inputs; zero padding reads it, so its constant cannot be folded."""
            masks = {name: np.ones(w.shape, bool) for name, w in kernels.items()}
            masks["conv"][:, 0] = False
            return dict(kernels), SparseState(masks, {})

    model = build_model(ModelSettings(name="ds_cnn", width=6, blocks=1), (12, 8), 4)
    training = MaskedTraining(model, ["conv"], First(), Ramp(0, 0, 1, 0.5), zero_dead=True)
    training.set_params({"steps": 4, "epochs": 9})
    norm = model.get_layer("conv_bn")
    norm.beta.assign(np.arange(6, dtype=np.float32) + 1)
    training.after_step(keras.optimizers.SGD(RATE))
    assert norm.beta.numpy()[0] == 1  # not yet
    training.on_epoch_begin(0)
    training.on_train_batch_begin(0)
    training.after_step(keras.optimizers.SGD(RATE))
    assert norm.beta.numpy().tolist() == [0, 2, 3, 4, 5, 6] and norm.gamma.numpy().tolist() == [0, 1, 1, 1, 1, 1]
    held = [value for key, value in training.get_state().items() if key.startswith("zeroed/")]
    assert sum(value.tolist() == [0, 1, 1, 1, 1, 1] for value in held) == 2 and all(len(v.shape) == 1 for v in held)


CONVOLUTIONS = {
    "valid": keras.layers.Conv2D(4, (3, 2), use_bias=False, name="seen"),
    "same": keras.layers.Conv2D(4, (3, 2), padding="same", use_bias=False, name="seen"),
    "strided": keras.layers.Conv2D(4, 3, strides=(2, 1), padding="same", use_bias=False, name="seen"),
    "strided point": keras.layers.Conv2D(4, 1, strides=2, use_bias=False, name="seen"),
    "point": keras.layers.Conv2D(4, 1, use_bias=False, name="seen"),
    "dilated": keras.layers.Conv2D(4, (3, 2), dilation_rate=2, use_bias=False, name="seen"),
}


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_rows_times_the_kernel_are_the_layer_s_outputs(kind: str) -> None:
    entry = keras.Input((9, 7, 3))
    output = CONVOLUTIONS[kind](entry)
    model = keras.Model(entry, output)
    x = np.random.default_rng(0).normal(size=(3, 9, 7, 3)).astype(np.float32)
    rows = LayerInputs(model, ["seen"], x, 3, 0).sample(0)["seen"]  # every clip, so in their order
    kernel = model.get_layer("seen").kernel.numpy().reshape(-1, 4)
    np.testing.assert_allclose(rows @ kernel, model(x).numpy().reshape(-1, 4), atol=1e-4)


def test_samples_are_some_clips_and_rows_by_seed_and_moment() -> None:
    entry = keras.Input((50, 1, 1))
    model = keras.Model(entry, keras.layers.Conv2D(1, 1, name="seen")(entry))
    clips = np.repeat(np.arange(100, dtype=np.float32), 50).reshape(100, 50, 1, 1)

    def sample(number: int, seed: int = 0, moment: int = 0) -> np.ndarray:
        return LayerInputs(model, ["seen"], clips, number, seed).sample(moment)["seen"][:, 0]

    assert sample(7).size == 350 and len(set(sample(7))) == 7
    assert sample(40).size == 2000 and len(set(sample(60))) <= 60 and sample(60).size == 2000
    assert sample(1000).size == 2000
    np.testing.assert_array_equal(sample(7), sample(7))
    assert set(sample(7)) != set(sample(7, seed=1)) and set(sample(7)) != set(sample(7, moment=1))
    assert sorted(sample(60)) != sample(60).tolist()  # rows are drawn over all clips
