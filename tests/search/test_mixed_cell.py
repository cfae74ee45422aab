"""The over-parameterised network is the concrete one along any path, and its gates have the gradient they should."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.keras import keras, seed_everything, tf
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.search.cells.cell_space import CellSpace
from kws_tfmot.search.cells.cell_training import GateProbe
from kws_tfmot.search.cells.mixed_cell import MixedCell, build_mixed, mixed_cells

SPACE = CellSpace(width=4, mix=6, cells=2, input_shape=(11, 6), classes=3, kernels=(3, 7), expansions=(1, 2))
SETTINGS = ModelSettings(name="mbconv", width=4, mix=6)
CLIPS = 8


def mixed(shared: bool) -> keras.Model:
    seed_everything(1)
    network = build_mixed(SETTINGS, SPACE, shared)
    rng = np.random.default_rng(2)
    for weight in network.trainable_variables:
        if "gamma" in weight.name or "beta" in weight.name:
            weight.assign(weight + rng.normal(0, 0.3, weight.shape))
    return network


def batch() -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(3)
    targets = np.eye(3, dtype=np.float32)[rng.integers(0, 3, CLIPS)]
    return tf.constant(rng.normal(size=(CLIPS, *SPACE.input_shape, 1)), tf.float32), tf.constant(targets)


def concrete(network: keras.Model, choice: tuple[int, ...]) -> keras.Model:
    """The network of a choice with the weights of its path."""
    model = build_model(SETTINGS.model_copy(update={"cells": SPACE.texts(choice)}), SPACE.input_shape, SPACE.classes)
    for name in ("conv", "conv_bn", "mix", "mix_bn", "classifier"):
        model.get_layer(name).set_weights(network.get_layer(name).get_weights())
    for i, (cell, j) in enumerate(zip(mixed_cells(network), choice, strict=True), start=1):
        if j == len(cell.paths):
            continue
        row, kernel = 0 if cell.shared else j, cell.paths[j].kernel
        inner = 4 * cell.paths[j].expansion
        edge = (cell.window - kernel) // 2
        parts = {
            "depthwise": cell.depthwise[row][edge : edge + kernel, edge : edge + kernel, :inner, None],
            "project": cell.project[row][None, None, :inner],
        }
        norms = {
            "depthwise": [v[row][:inner] for v in cell.depthwise_norm],
            "project": [v[j] for v in cell.project_norm],
        }
        if cell.paths[j].expansion > 1:
            parts["expand"] = cell.expand[row][None, None, :, :inner]
            norms["expand"] = [v[row][:inner] for v in cell.expand_norm]
        for part, kernel_values in parts.items():
            model.get_layer(f"cell{i}_{part}").set_weights([kernel_values.numpy()])
            norm = model.get_layer(f"cell{i}_{part}_bn")
            norm.set_weights([*(v.numpy() for v in norms[part]), *norm.get_weights()[2:]])
    return model


@pytest.mark.parametrize("shared", [True, False])
def test_every_path_computes_what_the_concrete_network_does(shared: bool) -> None:
    network, (features, _) = mixed(shared), batch()
    for choice in ((0, 1), (3, 2), (1, 4), (2, 3)):
        for cell, j in zip(mixed_cells(network), choice, strict=True):
            cell.chosen.assign(j)
        expected = concrete(network, choice)(features, training=True)
        found = network(features, training=False)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=str(choice))


def test_gates_have_the_gradient_of_finite_differences() -> None:
    """L(g) with y = sum_j g_j o_j(x) in one cell, all else as chosen; g moves away from the one-hot choice."""
    network, (features, targets) = mixed(shared=True), batch()
    probe, chosen = GateProbe(network), (2, 1)
    _, gates = probe.run(features, targets, tf.constant(chosen, tf.int32))
    cells = mixed_cells(network)
    for i, cell in enumerate(cells):
        for j in range(len(cell.operations)):
            moved = [loss_with_gate(network, cells, features, targets, (i, j, step)) for step in (1e-3, -1e-3)]
            assert (moved[0] - moved[1]) / 2e-3 == pytest.approx(float(gates[i][j]), rel=2e-2, abs=5e-4)


def loss_with_gate(
    network: keras.Model, cells: list[MixedCell], features: tf.Tensor, targets: tf.Tensor, gate: tuple[int, int, float]
) -> float:
    i, j, step = gate
    x = network.get_layer("conv_relu")(network.get_layer("conv_bn")(network.get_layer("conv")(features)))
    for number, cell in enumerate(cells):
        y = cell(x)
        if number == i and j < len(cell.paths):
            y += step * cell.run_path(x, tf.constant(j))
        x = y
    for name in ("mix", "mix_bn", "mix_relu", "pool", "flatten", "classifier"):
        x = network.get_layer(name)(x)
    return float(tf.reduce_mean(keras.losses.categorical_crossentropy(targets, x)))


def test_a_step_trains_the_drawn_path_alone_and_nothing_is_traced_again() -> None:
    network, (features, targets) = mixed(shared=False), batch()
    cells = mixed_cells(network)

    @tf.function
    def gradients(chosen: tf.Tensor) -> list[tf.Tensor]:
        for i, cell in enumerate(cells):
            cell.chosen.assign(chosen[i])
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(targets, network(features, training=True)))
        return [tf.convert_to_tensor(g) for g in tape.gradient(loss, [c.depthwise for c in cells])]

    for choice in ((0, 1), (3, 4), (2, 0), (1, 3)):
        found = gradients(tf.constant(choice, tf.int32))
        for gradient, cell, j in zip(found, cells, choice, strict=True):
            rows = np.abs(gradient.numpy()).sum(axis=(1, 2, 3))
            assert [bool(value) for value in rows] == [row == j for row in range(len(cell.paths))]
    assert gradients.experimental_get_tracing_count() == 1


def test_the_probe_is_traced_once() -> None:
    network, (features, targets) = mixed(shared=True), batch()
    probe = GateProbe(network)
    for choice in ((0, 0), (3, 4), (1, 2)):
        probe.run(features, targets, tf.constant(choice, tf.int32))
    assert probe.run.experimental_get_tracing_count() == 1
