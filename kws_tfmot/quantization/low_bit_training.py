"""Training weights of few bits by the straight-through estimator (Bengio et al. 2013, arXiv 1308.3432)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kws_tfmot.keras import keras, tf
from kws_tfmot.quantization.batch_statistics import estimate_statistics
from kws_tfmot.quantization.grids import Grid
from kws_tfmot.quantization.integer_kernels import GridKernel
from kws_tfmot.quantization.low_bit_layers import LowBitLayer, kernels_of


class LowBitTraining(keras.callbacks.Callback):
    """Keeps the kernels of an ordinary network on their grids while it trains.

    The network holds and computes with ``Q(W) = step * level(W / step)``; ``W`` are the latent weights. What the
    optimiser does to ``Q(W)`` is done to ``W``: the gradient passes the rounding as if it were not there, also beyond
    the last level (as in Peter et al. 2020, arXiv 2012.10138). Then the step follows, ``step = sum W l / sum l^2``
    over the weights that share it, and ``Q(W)`` is written into the kernel. Weights that were exactly zero stay zero.

    Give :meth:`after_step` to the training loop as a hook, and the object itself as a callback.

    Args:
        network: The float model to train; its kernels are rounded here already.
        layers: The grid of each layer, see :func:`~kws_tfmot.quantization.low_bit_layers.low_bit_layers`.
        fit: ``least_squares`` lets the steps follow the weights; ``range`` leaves them where they began.
        statistics: Training inputs float32 [N, ...] from which batch norm's statistics are estimated anew before every
            validation; ``None`` leaves them to its moving averages.
    """

    def __init__(
        self, network: keras.Model, layers: list[LowBitLayer], fit: str, statistics: np.ndarray | None = None
    ) -> None:
        super().__init__()
        self._network, self._statistics = network, statistics
        self._layers, self._follow = layers, fit == "least_squares"
        self._kernels = kernels_of(network)
        values = {name: kernel.numpy() for name, kernel in self._kernels.items()}
        steps = {layer.name: layer.steps(values[layer.name], fit) for layer in layers}
        self._latent = {name: _held(value, name, "latent") for name, value in values.items()}
        self._masks = {name: _held((value != 0).astype(np.float32), name, "mask") for name, value in values.items()}
        self._steps = {name: _held(step, name, "steps") for name, step in steps.items()}
        self._past: dict[str, list[np.ndarray]] = {layer.name: [] for layer in layers}  # steps after each epoch
        for layer in layers:
            self._kernels[layer.name].assign(self._quantized(layer))

    def after_step(self, optimizer: keras.optimizers.Optimizer) -> None:
        """In the graph: move the latent weights by what the optimiser did, let the steps follow, round again."""
        for layer in self._layers:
            kernel, latent = self._kernels[layer.name], self._latent[layer.name]
            levels = self._levels(layer)
            latent.assign_add((kernel - self._steps[layer.name] * levels) * self._masks[layer.name])
            if self._follow:
                self._steps[layer.name].assign(self._fitted(layer))
            kernel.assign(self._quantized(layer))

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Validation judges the network with statistics that belong to its weights."""
        if self._statistics is not None:
            estimate_statistics(self._network, self._statistics)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Note the steps: the weights of any epoch may be those that are kept."""
        for name, past in self._past.items():
            del past[epoch:]
            past.append(self._steps[name].numpy())

    def kernels(self, epoch: int) -> dict[str, GridKernel]:
        """Levels and steps of the network's kernels, which are those that ``epoch`` (from 0) ended with."""
        found = {}
        for layer in self._layers:
            steps = self._past[layer.name][epoch]
            levels = np.rint(self._kernels[layer.name].numpy() / steps).astype(np.int16)
            found[layer.name] = GridKernel(layer.grid.bits, layer.grid.zero, levels, steps)
        return found

    def get_state(self) -> dict[str, np.ndarray]:
        """Everything that a resumed training needs besides the weights."""
        groups = {"latent": self._latent, "mask": self._masks, "steps": self._steps}
        state = {f"{group}/{name}": v.numpy() for group, members in groups.items() for name, v in members.items()}
        return state | {f"past/{name}": np.stack(past) for name, past in self._past.items() if past}

    def set_state(self, stored: Mapping[str, np.ndarray]) -> None:
        """Take back what :meth:`get_state` gave."""
        groups = {"latent": self._latent, "mask": self._masks, "steps": self._steps}
        for key, value in stored.items():
            group, _, name = key.partition("/")
            if group == "past":
                self._past[name] = list(value)
            else:
                groups[group][name].assign(value)

    def _levels(self, layer: LowBitLayer) -> tf.Tensor:
        ratios = self._latent[layer.name] / self._steps[layer.name]
        return nearest_levels_in_graph(ratios, layer.grid) * self._masks[layer.name]

    def _quantized(self, layer: LowBitLayer) -> tf.Tensor:
        return self._steps[layer.name] * self._levels(layer)

    def _fitted(self, layer: LowBitLayer) -> tf.Tensor:
        """The step of least squares under the present levels; as it was where all are zero."""
        levels, old = self._levels(layer), self._steps[layer.name]
        weight = tf.reduce_sum(levels**2, axis=layer.axes, keepdims=True)
        product = tf.reduce_sum(self._latent[layer.name] * levels, axis=layer.axes, keepdims=True)
        return tf.where((weight > 0) & (product > 0), product / tf.maximum(weight, 1.0), old)


def nearest_levels_in_graph(ratios: tf.Tensor, grid: Grid) -> tf.Tensor:
    """:func:`kws_tfmot.quantization.grids.nearest_levels` in TensorFlow."""
    top = float(grid.top)
    if grid.zero:
        return tf.clip_by_value(tf.round(ratios), -top, top)
    return tf.clip_by_value(2.0 * tf.round((ratios + top) / 2.0) - top, -top, top)


def _held(value: np.ndarray, name: str, kind: str) -> tf.Variable:
    return tf.Variable(value.astype(np.float32), trainable=False, name=f"{name}_{kind}")
