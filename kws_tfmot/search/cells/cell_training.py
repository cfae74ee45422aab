"""ProxylessNAS over cells, inside the one training loop: weights on training clips, choices on held-out ones.

A weight step draws an operation for each cell (evenly in the warm-up, then with softmax(alpha)) and trains that
network. Every few of them a batch of held-out clips gives dCE/dg of the gates for another drawn network, and the
choices take a step (:mod:`kws_tfmot.search.cells.choices`). Following the authors of arXiv 2012.10138, a cell whose
drawn operation leaves it out keeps its logits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kws_tfmot.data.large_arrays import Rows
from kws_tfmot.errors import DataError
from kws_tfmot.keras import keras, tf
from kws_tfmot.search.cells.cell_search_settings import CellSearchSettings
from kws_tfmot.search.cells.choices import (
    ChoiceOptimizer,
    CostTarget,
    Float64,
    entropy,
    loss_gradients,
    rising_rate,
    softmax,
    within,
)
from kws_tfmot.search.cells.mixed_cell import MixedCell, mixed_cells
from kws_tfmot.training.epoch_features import EpochSource
from kws_tfmot.training.trainer import LossTerm, StepHook, TrainedModel


class PathTraining(TrainedModel):
    """The training shell whose every step trains one drawn path.

    Args:
        network: Made by :func:`kws_tfmot.search.cells.mixed_cell.build_mixed`.
        seed: Of the draws; the network of step t is a function of the seed, t and the choices.
        loss_terms: As in :class:`~kws_tfmot.training.trainer.TrainedModel`.
        after_step: As there.
    """

    def __init__(
        self, network: keras.Model, seed: int, loss_terms: Sequence[LossTerm] = (), after_step: Sequence[StepHook] = ()
    ) -> None:
        super().__init__(network, loss_terms, after_step)
        self._seed = seed % (1 << 30)  # with the numbers added to it within 32 bits
        self.searching = tf.Variable(False, trainable=False)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Draw the operations of this step, then train them."""
        step = tf.cast(self.optimizer.iterations, tf.int32)
        for i, cell in enumerate(mixed_cells(self.network)):
            logits = tf.where(self.searching, cell.alpha, tf.zeros_like(cell.alpha))
            seed = [self._seed + 7919 * i, step]
            drawn = tf.random.stateless_categorical(logits[None], 1, seed=seed, dtype=tf.int32)
            cell.chosen.assign(drawn[0, 0])
        return super().train_step(data)


class GateProbe:
    """CE of a network under given choices, and dCE/dg of every cell's gates."""

    def __init__(self, network: keras.Model) -> None:
        self.cells: list[MixedCell] = mixed_cells(network)
        ends = [[cell.input for cell in self.cells], [cell.output for cell in self.cells], network.outputs[0]]
        self._inside = keras.Model(network.inputs, ends)
        self._network = network
        self.run = tf.function(self._run, reduce_retracing=True)
        self.loss = tf.function(self._loss, reduce_retracing=True)

    def _choose(self, chosen: tf.Tensor) -> None:
        for i, cell in enumerate(self.cells):
            cell.chosen.assign(chosen[i])

    def _loss(self, features: tf.Tensor, targets: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        self._choose(chosen)
        probabilities = self._network(features, training=False)
        return tf.reduce_mean(keras.losses.categorical_crossentropy(targets, probabilities))

    def _run(self, features: tf.Tensor, targets: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        self._choose(chosen)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(features)
            inputs, outputs, probabilities = self._inside(features, training=False)
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(targets, probabilities))
        gradients = tape.gradient(loss, outputs)
        found = zip(self.cells, inputs, gradients, strict=True)
        return loss, [cell.gate_gradients(x, gradient) for cell, x, gradient in found]


class ChoiceSteps(keras.callbacks.Callback):
    """Learns the choices between the steps of the weights, and tells how decided they are.

    Adds to every epoch's figures: ``entropy`` (1 to 0), ``expected_UNIT`` for each target, and ``choice_loss``, the
    mean log J of the epoch's steps.

    Args:
        network: The over-parameterised network.
        held: Held-out clips, epoch by epoch; the weights must not be trained on them.
        targets: The budgeted costs.
        settings: How the search is done.

    Raises:
        DataError: When an epoch of ``held`` is smaller than a batch.
    """

    def __init__(
        self, network: keras.Model, held: EpochSource, targets: Sequence[CostTarget], settings: CellSearchSettings
    ) -> None:
        super().__init__()
        self.probe = GateProbe(network)
        self._cells, self._held, self._targets, self._settings = self.probe.cells, held, tuple(targets), settings
        self._priced = self._targets if settings.constraint == "loss" else ()
        self._optimizer = ChoiceOptimizer([np.zeros(len(cell.operations)) for cell in self._cells])
        self._epoch, self._losses = 0, [0.0]
        self._features: Rows = np.zeros(0, np.float32)
        self._labels: Rows = self._features

    @property
    def alphas(self) -> list[Float64]:
        """The logits of every cell."""
        return [cell.alpha.numpy().astype(np.float64) for cell in self._cells]

    @property
    def searching(self) -> bool:
        """Whether the warm-up is over."""
        return self._epoch >= self._settings.warmup

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draw the held-out clips of the epoch; the warm-up needs none."""
        self._epoch, self._losses = epoch, []
        self.model.searching.assign(self.searching)
        if self.searching:
            self._keep_within()
            self._features, self._labels = self._held.epoch_features(epoch - self._settings.warmup)
            if len(self._features) < self._settings.batch_size:
                raise DataError(
                    f"{len(self._features)} held-out clips are fewer than a batch of search.batch_size="
                    f"{self._settings.batch_size}.",
                    "Give more clips, hold out more (search.held) or use a smaller search.batch_size.",
                )

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Take a step of the choices when one is due."""
        every = self._settings.every
        if self.searching and batch % every == every - 1:
            done = (self._epoch - self._settings.warmup + (batch + 1) / self.params["steps"]) / self._settings.epochs
            self._losses.append(self.step(batch // every, rising_rate(self._settings.learning_rate, done)))

    def step(self, number: int, rate: float) -> float:
        """The ``number``-th step of the choices in this epoch; returns log J."""
        size = self._settings.batch_size
        place = number % (len(self._features) // size) * size
        alphas = self.alphas
        probabilities = [softmax(alpha) for alpha in alphas]
        rng = np.random.default_rng([self._settings.seed, self._epoch, number])
        chosen = [int(rng.choice(len(p), p=p)) for p in probabilities]
        rows = slice(place, place + size)
        tensors = (tf.constant(self._features[rows]), tf.constant(self._labels[rows]), tf.constant(chosen, tf.int32))
        loss, gates = self.probe.run(*tensors)
        gradients_of_gates = [gate.numpy() for gate in gates]
        value, gradients = loss_gradients(alphas, float(loss), gradients_of_gates, self._priced, self._settings.beta)
        for i, (cell, gradient) in enumerate(zip(self._cells, gradients, strict=True)):
            if chosen[i] < len(cell.paths):
                cell.alpha.assign(self._optimizer.update(i, alphas[i], gradient, rate))
        self._keep_within()
        return value

    def losses_of(self, choices: Sequence[Sequence[int]]) -> list[float]:
        """Cross-entropy on the held-out clips, drawn once for all, of networks with the weights of the search."""
        features, labels = self._held.epoch_features(self._settings.epochs - 1)
        size = self._settings.batch_size
        batches = [
            (tf.constant(features[place : place + size]), tf.constant(labels[place : place + size]))
            for place in range(0, len(features) - size + 1, size)
        ]
        found = []
        for choice in choices:
            chosen = tf.constant(choice, tf.int32)
            found.append(float(np.mean([float(self.probe.loss(x, y, chosen)) for x, y in batches])))
        return found

    def _keep_within(self) -> None:
        if self._settings.constraint == "projection":
            for cell, alpha in zip(self._cells, within(self.alphas, self._targets), strict=True):
                cell.alpha.assign(alpha)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add the figures."""
        if logs is None:
            return
        probabilities = [softmax(alpha) for alpha in self.alphas]
        logs["entropy"] = entropy(probabilities)
        for target in self._targets:
            logs[f"expected_{target.costs.unit}"] = target.costs.expected(probabilities)[0]
        if self._losses:
            logs["choice_loss"] = float(np.mean(self._losses))

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Judge the network that the search would end with now."""
        for cell, alpha in zip(self._cells, self.alphas, strict=True):
            cell.chosen.assign(int(alpha.argmax()))

    def get_state(self) -> dict[str, np.ndarray]:
        """Squares and steps of the optimiser."""
        state = {f"squares{i}": values for i, values in enumerate(self._optimizer.squares)}
        return state | {"steps": np.array(self._optimizer.steps)}

    def set_state(self, stored: Mapping[str, np.ndarray]) -> None:
        """Take back what :meth:`get_state` gave."""
        squares = [stored[f"squares{i}"] for i in range(len(self._cells))]
        self._optimizer = ChoiceOptimizer(squares, stored["steps"].tolist())


def progress_note(logs: Mapping[str, float]) -> str:
    """What is shown beside an epoch.

    >>> progress_note({"entropy": 0.5, "expected_macs": 2.7e6})
    'entropy 0.50  macs 2,700,000'
    """
    costs = [f"{key.removeprefix('expected_')} {value:,.0f}" for key, value in logs.items() if "expected_" in key]
    return "  ".join([f"entropy {logs['entropy']:.2f}", *costs]) if "entropy" in logs else ""
