"""The Keras side of every method of ours: when to update, and holding the zeros between updates."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from kws_tfmot.keras import keras, tf
from kws_tfmot.sparsity.coverage import kernels
from kws_tfmot.sparsity.method import Inputs, Kernels, SparseMethod, SparseState
from kws_tfmot.sparsity.patterns import Matrix
from kws_tfmot.sparsity.schedules import Ramp
from kws_tfmot.sparsity.shrink.zeroing import zeroing_factors


class MaskedTraining(keras.callbacks.Callback):
    """Runs a :class:`~kws_tfmot.sparsity.method.SparseMethod` inside the training loop.

    Before the steps that ``ramp`` names, kernels and masks go through the method's pure ``update``. After every step
    :meth:`after_step`, part of the training graph, applies the L1 norm's proximal step and multiplies with the masks.
    For methods whose weights may return, what the optimiser does to masked weights is kept beside the
    kernel: the network computes with ``W * M``, and ``W`` trains by the straight-through estimator.

    Args:
        network: The model in training; its kernels are changed in place.
        layers: Names of the layers to prune, as of :func:`~kws_tfmot.sparsity.coverage.kernels`.
        method: What decides.
        ramp: When.
        inputs: Gives samples of the layers' inputs for a step; needed if the method uses them.
        zero_dead: From the final masks on, keep units that died at exactly zero where their constant could not be
            folded (see :mod:`~kws_tfmot.sparsity.shrink.zeroing`).
    """

    def __init__(
        self,
        network: keras.Model,
        layers: list[str],
        method: SparseMethod,
        ramp: Ramp,
        inputs: Callable[[int], Inputs] | None = None,
        zero_dead: bool = False,
    ) -> None:
        super().__init__()
        self._network = network
        found = kernels(network)
        self._kernels = {name: found[name] for name in layers}
        self._method, self._ramp, self._inputs = method, ramp, inputs
        # All weights, where masked ones go on training
        self._latent = {
            name: tf.Variable(kernel.numpy(), trainable=False, name=f"{name}_latent")
            for name, kernel in (self._kernels.items() if method.returns else ())
        }
        self._state = method.init(self._matrices())
        self._masks = {
            name: tf.Variable(tf.ones(kernel.shape), trainable=False, name=f"{name}_mask")
            for name, kernel in self._kernels.items()
        }
        # gamma, beta or bias -> what it is multiplied with after each step
        self._zeroed = _zeroable(network) if zero_dead else []
        # 1 while weights are still being chosen
        self._choosing = tf.Variable(1.0, trainable=False, name="choosing")
        self._step = 0

    @property
    def state(self) -> SparseState:
        """The method's state."""
        return self._state

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Know the step, also after an interruption."""
        self._step = epoch * self.params["steps"]

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Update kernels and masks if this step is due."""
        moment = self._ramp.at(self._step)
        if moment is not None:
            inputs = self._inputs(self._step) if self._inputs and self._method.uses_inputs else None
            kernels, self._state = self._method.update(self._matrices(), self._state, moment, inputs)
            self._assign(kernels, self._state.masks)
            if moment.final:
                self._choosing.assign(0.0)
                self._zero_dead()
        self._step += 1

    def after_step(self, optimizer: keras.optimizers.Optimizer) -> None:
        """In the graph: ``W <- sign(W) max(|W| - l1 * learning rate, 0) * M``, shrunk until the masks are final."""
        rate = tf.cast(optimizer.learning_rate, tf.float32)
        threshold = self._method.l1 * rate * self._choosing
        for name, kernel in self._kernels.items():
            mask, latent = self._masks[name], self._latent.get(name)
            weights = kernel if latent is None else kernel + (1.0 - mask) * latent
            if self._method.l1:
                weights = tf.sign(weights) * tf.maximum(tf.abs(weights) - threshold, 0.0)
            if latent is not None:
                latent.assign(weights * (1.0 - self._method.decay * rate * (1.0 - mask)))
            kernel.assign(weights * mask)
        for variable, factor in self._zeroed:
            variable.assign(variable * factor)

    def get_state(self) -> dict[str, np.ndarray]:
        """Everything that a resumed training needs besides the weights."""
        masks = {f"mask/{name}": mask for name, mask in self._state.masks.items()}
        statistics = {f"statistic/{name}": value for name, value in self._state.statistics.items()}
        held = {f"held/{name}": mask.numpy() for name, mask in self._masks.items()}
        latent = {f"latent/{name}": all_of.numpy() for name, all_of in self._latent.items()}
        zeroed = {f"zeroed/{i}": factor.numpy() for i, (_, factor) in enumerate(self._zeroed)}
        return masks | statistics | held | latent | zeroed | {"choosing": self._choosing.numpy()}

    def set_state(self, stored: Mapping[str, np.ndarray]) -> None:
        """Take back what :meth:`get_state` gave."""
        kinds = ("mask", "statistic", "held", "latent", "zeroed")
        groups: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in kinds}
        for key, value in stored.items():
            group, _, name = key.partition("/")
            if name:
                groups[group][name] = value
        self._state = SparseState(groups["mask"], groups["statistic"])
        for name, values in groups["held"].items():
            self._masks[name].assign(values)
        for name, values in groups["latent"].items():
            self._latent[name].assign(values)
        for number, values in groups["zeroed"].items():
            self._zeroed[int(number)][1].assign(values)
        self._choosing.assign(float(stored["choosing"]))

    def _zero_dead(self) -> None:
        if self._zeroed:
            factors = {variable.ref(): values for variable, values in zeroing_factors(self._network)}
            for variable, factor in self._zeroed:
                factor.assign(factors.get(variable.ref(), np.ones(variable.shape)))

    def _matrices(self) -> dict[str, Matrix]:
        everything = {name: self._latent.get(name, kernel) for name, kernel in self._kernels.items()}
        return {name: weights.numpy().reshape(-1, weights.shape[-1]) for name, weights in everything.items()}

    def _assign(self, kernels: Kernels, masks: Mapping[str, np.ndarray]) -> None:
        for name, matrix in kernels.items():
            kernel, latent = self._kernels[name], self._latent.get(name)
            mask = masks[name].astype(np.float32)
            kernel.assign((matrix * mask).reshape(kernel.shape))
            self._masks[name].assign(mask.reshape(kernel.shape))
            if latent is not None:
                latent.assign(matrix.reshape(kernel.shape))


def _zeroable(network: keras.Model) -> list[tuple[tf.Variable, tf.Variable]]:
    """Every bias, gamma and beta of ``network`` with a factor of one."""
    owned = [layer for layer in network.layers if layer.trainable_weights]
    found = [w for layer in owned for w in layer.trainable_weights if len(w.shape) == 1]
    return [(variable, tf.Variable(tf.ones(variable.shape), trainable=False)) for variable in found]
