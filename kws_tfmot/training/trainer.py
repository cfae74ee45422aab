"""The Keras model that is trained: the network, extra loss terms, and hooks that run after every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kws_tfmot.data.large_arrays import Rows
from kws_tfmot.keras import keras, tf

# (features, targets, probabilities) -> scalar loss, added to the cross-entropy
LossTerm = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
# Called in the graph after the weights were updated (masks, proximal steps)
StepHook = Callable[[keras.optimizers.Optimizer], None]


class TrainedModel(keras.Model):
    """A shell around ``network`` that Keras' own ``fit`` trains; nothing of it is saved or deployed.

    A sparse method plugs in here: ``loss_terms`` join the loss (distillation, penalties), and ``after_step`` hooks
    are traced into the training graph behind the optimiser, so they cost no trip through Python.
    """

    def __init__(
        self, network: keras.Model, loss_terms: Sequence[LossTerm] = (), after_step: Sequence[StepHook] = ()
    ) -> None:
        super().__init__(name="training")
        self.network = network
        self._loss_terms = tuple(loss_terms)
        self._after_step = tuple(after_step)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """The network's probabilities."""
        return self.network(inputs, training=training)

    def make_metrics(self, targets: Rows) -> None:
        """Make the loss and the metrics for ``targets`` [n, classes] before the first step.

        Keras would make their variables within it, and a step that makes variables is traced twice.
        """
        example = tf.zeros_like(targets[:1], tf.float32)
        self.compiled_loss.build(example)
        self.compiled_metrics.build(example, example)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step: gradient of the cross-entropy and every loss term, the optimiser, then the hooks."""
        features, targets = data
        with tf.GradientTape() as tape:
            probabilities = self(features, training=True)
            loss = self.compute_loss(features, targets, probabilities, None)
            for term in self._loss_terms:
                loss += term(features, targets, probabilities)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        for hook in self._after_step:
            hook(self.optimizer)
        return self.compute_metrics(features, targets, probabilities, None)
