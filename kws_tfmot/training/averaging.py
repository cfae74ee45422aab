"""Moving average of the weights over the steps of a training (Polyak and Juditsky 1992): what is judged and kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kws_tfmot.keras import keras, tf

_START = 10.0


class AveragedWeights(keras.callbacks.Callback):
    """Trains with the weights as they are, but validates and leaves their moving average.

    ``m <- k m + (1 - k) w`` after every step, ``k = min(decay, n / (n + start))`` at step ``n`` (from 0) since
    the average began, so that it never holds on to the first weights. Weights are what the optimiser trains and batch
    norm's statistics; what else a network holds (masks, counters, ranges) is never averaged. A weight that is zero now
    is zero in the average, so pruned weights stay pruned.

    :meth:`after_step` belongs into the training graph. From the validation of an epoch until the next one begins, and
    after the training, the network holds the average. It must be the first of the callbacks that look at weights.

    Args:
        network: The network in training.
        decay: The largest ``k``.
        begin_epoch: The average begins anew with this epoch (its masks are final), and with the first.
        start: As ``k`` grows, the average reaches back over about ``n / start`` steps.
    """

    def __init__(self, network: keras.Model, decay: float, begin_epoch: int = 0, start: float = _START) -> None:
        super().__init__()
        self._start = start
        trained = {id(weight) for weight in network.trainable_weights}
        self._decay, self._begin_epoch = decay, begin_epoch
        self._weights = [w for w in network.weights if id(w) in trained or w.name.split(":")[0].endswith(_STATISTICS)]
        self._means = [tf.Variable(weight, trainable=False) for weight in self._weights]
        self._steps = tf.Variable(0.0, trainable=False, name="averaged_steps")
        self._trained: list[np.ndarray] | None = None  # the weights as they are, while the average replaces them

    def after_step(self, _: keras.optimizers.Optimizer) -> None:
        """In the graph: take the weights into the average."""
        keep = tf.minimum(self._decay, self._steps / (self._steps + self._start))
        self._steps.assign_add(1.0)
        for mean, weight in zip(self._means, self._weights, strict=True):
            mean.assign(keep * mean + (1.0 - keep) * weight)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Go on with the weights as they were, and begin a new average if this is the epoch for it."""
        self._restore()
        if epoch == self._begin_epoch:
            self._steps.assign(0.0)

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Put the average in place of the weights."""
        if self._trained is None and float(self._steps) > 0:
            self._trained = [weight.numpy() for weight in self._weights]
            for weight, mean, own in zip(self._weights, self._means, self._trained, strict=True):
                weight.assign(np.where(own == 0, 0, mean.numpy()))

    def get_state(self) -> dict[str, np.ndarray]:
        """The average, and the weights that it replaces."""
        now = self._trained or [weight.numpy() for weight in self._weights]
        means = {f"mean/{i}": mean.numpy() for i, mean in enumerate(self._means)}
        return means | {f"weight/{i}": weight for i, weight in enumerate(now)} | {"steps": self._steps.numpy()}

    def set_state(self, stored: Mapping[str, np.ndarray]) -> None:
        """Take back what :meth:`get_state` gave."""
        for i, (mean, weight) in enumerate(zip(self._means, self._weights, strict=True)):
            mean.assign(stored[f"mean/{i}"])
            weight.assign(stored[f"weight/{i}"])
        self._steps.assign(float(stored["steps"]))

    def _restore(self) -> None:
        if self._trained is not None:
            for weight, own in zip(self._weights, self._trained, strict=True):
                weight.assign(own)
            self._trained = None


_STATISTICS = ("moving_mean", "moving_variance")
