"""The search in the training loop: warm-up, choices, determinism and resuming."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.errors import DataError
from kws_tfmot.keras import seed_everything, tf
from kws_tfmot.models import ModelSettings
from kws_tfmot.search.cells.cell_search_settings import CellSearchSettings
from kws_tfmot.search.cells.cell_space import CellSpace
from kws_tfmot.search.cells.cell_training import ChoiceSteps, PathTraining
from kws_tfmot.search.cells.choices import CostTarget
from kws_tfmot.search.cells.mixed_cell import build_mixed
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.epoch_features import ArraySource
from kws_tfmot.training.loop import Plugins, train
from tests.resuming import copies

SPACE = CellSpace(width=4, mix=6, cells=2, input_shape=(9, 4), classes=3, kernels=(3, 5), expansions=(1, 2))
# What is searched here: a choice of two a cell, and none in the second, so that less is traced.
SMALL = dataclasses.replace(SPACE, kernels=(3,))
SEARCH = CellSearchSettings(
    cells=2, kernels=(3,), expansions=(1, 2), warmup=1, epochs=3, every=2, batch_size=10, learning_rate=0.5,
    beta=2.0,
)  # fmt: skip


def source(seed: int, clips: int = 40) -> ArraySource:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, clips)
    features = rng.normal(size=(clips, *SPACE.input_shape, 1)) + labels[:, None, None, None]
    return ArraySource(features.astype(np.float32), np.eye(3, dtype=np.float32)[labels], seed)


def search(
    settings: CellSearchSettings = SEARCH,
    state: Path | None = None,
    held: int = 20,
    target: float = 0.7 * SMALL.macs().most(),
) -> tuple[list[np.ndarray], list[dict[str, float]]]:
    """Weights (choices included) and history; ``half.npz`` keeps the ``state`` after three epochs."""
    seed_everything(4)
    network = build_mixed(ModelSettings(name="mbconv", width=4, mix=6), SMALL, shared=True)
    steps = ChoiceSteps(network, source(2, held), [CostTarget(SMALL.macs(), target)], settings)
    epochs = settings.warmup + settings.epochs
    plugins = Plugins(callbacks=(steps,), shell=lambda net, losses, hooks: PathTraining(net, 5, losses, hooks))
    validation = source(3)
    keep = None if state is None else copies(state, state.with_name("half.npz"), epoch=2)
    result = train(
        network, source(1), (validation.features, validation.targets),
        TrainSettings(epochs=epochs, batch_size=10, warmup_epochs=0, select="last"),
        plugins=plugins, run_key="k", state_path=state, save_seconds=0, on_epoch=keep,
    )  # fmt: skip
    return network.get_weights(), result.history


@pytest.fixture(scope="module", autouse=True)
def eagerly() -> Iterator[None]:
    """Few steps cost less one by one than a graph to trace; tests/pipelines/test_search.py trains in a graph."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("search") / "state.npz"


@pytest.fixture(scope="module")
def whole(stored: Path) -> tuple[list[np.ndarray], list[dict[str, float]]]:
    return search(state=stored)


def test_a_search_is_a_function_of_its_seeds_and_resumes_bit_for_bit(whole, stored: Path) -> None:
    half = stored.with_name("half.npz")
    weights, history = search(state=half)
    assert history == whole[1] and not half.exists()  # it is removed at the end
    for found, expected in zip(weights, whole[0], strict=True):
        np.testing.assert_array_equal(found, expected)


def test_choices_rest_in_the_warm_up_and_move_after_it(whole) -> None:
    history = whole[1]
    assert history[0]["entropy"] > 0.9999 and "choice_loss" not in history[0]
    assert history[-1]["entropy"] < history[1]["entropy"] < history[0]["entropy"]
    assert all("choice_loss" in row for row in history[1:])


def test_every_epoch_tells_the_expected_cost(whole) -> None:
    for row in whole[1]:
        assert SMALL.macs().least() < row["expected_macs"] < SMALL.macs().most()


@pytest.mark.slow
def test_under_projection_every_epoch_after_the_warm_up_meets_the_budget() -> None:
    costs = SMALL.macs()
    even = costs.expected([np.full(len(row), 1 / len(row)) for row in costs.cells])[0]
    target = (costs.least() + even) / 2
    history = search(SEARCH.model_copy(update={"constraint": "projection"}), target=target)[1]
    found = [row["expected_macs"] for row in history]
    assert found[0] > target
    assert all(cost <= target * (1 + 1e-5) for cost in found[SEARCH.warmup :])


def test_the_loss_of_a_candidate_is_that_of_its_path() -> None:
    seed_everything(4)
    network = build_mixed(ModelSettings(name="mbconv", width=4, mix=6), SPACE, shared=True)
    held = source(2, 20)
    steps = ChoiceSteps(network, held, [CostTarget(SPACE.macs(), 1e6)], SEARCH)
    first, second = steps.losses_of([(0, 1), (3, 4)])
    again = steps.losses_of([(3, 4)])
    features, labels = held.epoch_features(SEARCH.epochs - 1)
    for cell, operation in zip(steps.probe.cells, (0, 1), strict=True):
        cell.chosen.assign(operation)
    by_hand = []
    for place in (0, 10):
        probabilities = network(features[place : place + 10], training=False).numpy()
        by_hand.append(-np.mean(np.log((probabilities * labels[place : place + 10]).sum(axis=1))))
    assert first == pytest.approx(np.mean(by_hand), rel=1e-5)
    assert again == [second] and first != second


def test_too_few_held_out_clips_are_refused() -> None:
    with pytest.raises(DataError, match=r"search\.batch_size=10"):
        search(SEARCH.model_copy(update={"warmup": 0}), held=8)  # refused as soon as the choices are due
