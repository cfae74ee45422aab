"""Kernels under masks inside the TensorFlow graph: one ranking of the weights gives the mask of every sparsity.

A weight with rank r (0 is the largest) belongs to the mask of a layer that keeps k weights when r < k. Masks of the
same ranking are nested, exact to the weight, and cost one comparison; the ranking is refreshed every few steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras, tf
from kws_tfmot.search.omni.omni_settings import OmniSettings
from kws_tfmot.search.omni.subnet_space import Space
from kws_tfmot.sparsity.coverage import check_skip
from kws_tfmot.sparsity.patterns import Pattern

_SPARSE = (keras.layers.Conv2D, keras.layers.Dense)


def space_of(model: keras.Model, settings: OmniSettings) -> Space:
    """The layers of ``model`` that can be sparse: convolutions and fully connected ones, but no depthwise ones.

    Raises:
        RecipeError: If ``settings.skip`` names a layer that is not there, or no layer is left.
    """
    check_skip(model, settings.skip, "omni.skip")
    pattern = Pattern.parse(settings.pattern)
    chosen = [
        layer
        for layer in model.layers
        if isinstance(layer, _SPARSE)
        and not isinstance(layer, keras.layers.DepthwiseConv2D)
        and layer.name not in settings.skip
        and pattern.fits(*matrix_shape(layer))
    ]
    if not chosen:
        raise RecipeError(
            f"no layer of the model can be sparse in the pattern {settings.pattern} once omni.skip is left out.",
            "Skip fewer layers, or choose another omni.pattern.",
        )
    weights = tuple(int(np.prod(layer.kernel.shape)) for layer in chosen)
    return Space(tuple(layer.name for layer in chosen), weights, settings.grid)


def matrix_shape(layer: keras.layers.Layer) -> tuple[int, int]:
    """A kernel as ``[fan_in, outputs]``."""
    shape = layer.kernel.shape
    return int(np.prod(shape[:-1])), int(shape[-1])


def kept_weights(space: Space, pattern: Pattern) -> np.ndarray:
    """How many weights each layer keeps at each level, int32 [layers, levels]: whole groups, at least one.

    >>> kept_weights(Space(("a",), (8,), (0.0, 0.5, 0.99)), Pattern.parse("1x4")).tolist()
    [[8, 4, 4]]
    """
    group = pattern.group
    rows = [[max(1, round((1 - s) * n / group)) * group for s in space.grid] for n in space.weights]
    kept = np.array(rows, np.int32)
    if pattern.kept:  # the best N of every M are always kept
        kept = np.maximum(kept, np.array(space.weights)[:, None] * pattern.kept // pattern.inputs)
    return kept.astype(np.int32)


@contextmanager
def replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    """Give ``owner.name`` another value for the length of a block, behind Keras' back.

    Keras tracks what is assigned to a layer and would take the variable for removed; the layer's ``call``, traced
    inside the block, reads the attribute and sees the tensor.
    """
    before = getattr(owner, name)
    object.__setattr__(owner, name, value)
    try:
        yield
    finally:
        object.__setattr__(owner, name, before)


class MaskedKernels:
    """The kernels of a network's sparse layers, their ranking, and the network under any levels.

    Args:
        network: A float model without wrappers.
        space: Its sparse layers.
        pattern: Where zeros may lie.
    """

    def __init__(self, network: keras.Model, space: Space, pattern: Pattern) -> None:
        self.network = network
        self.space = space
        self.pattern = pattern
        self.layers = [network.get_layer(name) for name in space.layers]
        self.kept = tf.constant(kept_weights(space, pattern))
        self.ranks = [tf.Variable(tf.zeros(self._units(layer), tf.int32), trainable=False) for layer in self.layers]

    def _units(self, layer: keras.layers.Layer) -> tuple[int, int]:
        fan_in, outputs = matrix_shape(layer)
        if self.pattern.kept:
            return fan_in, outputs
        return fan_in // self.pattern.inputs, outputs // self.pattern.outputs

    def refresh(self) -> None:
        """Rank the weights as they are now (in the graph or eagerly); ties go to the first, as in ``select``."""
        for layer, rank in zip(self.layers, self.ranks, strict=True):
            order = tf.argsort(-tf.reshape(self._scores(layer), [-1]), stable=True)
            rank.assign(tf.reshape(tf.math.invert_permutation(order), rank.shape))

    def _scores(self, layer: keras.layers.Layer) -> tf.Tensor:
        fan_in, outputs = matrix_shape(layer)
        scores = tf.abs(tf.reshape(layer.kernel, [fan_in, outputs]))
        pattern = self.pattern
        if pattern.kept:
            groups = tf.reshape(scores, [-1, pattern.inputs, outputs])
            order = tf.argsort(-groups, axis=1, stable=True)
            always = tf.argsort(order, axis=1, stable=True) < pattern.kept
            return tf.reshape(tf.where(always, np.inf, groups), [fan_in, outputs])
        if pattern.group > 1:
            units = self._units(layer)
            blocks = tf.reshape(scores, [units[0], pattern.inputs, units[1], pattern.outputs])
            return tf.reduce_sum(blocks, axis=[1, 3])
        return scores

    def masks(self, levels: tf.Tensor) -> list[tf.Tensor]:
        """Float masks in the kernels' shapes for int32 ``levels`` [layers]."""
        found = []
        units = 1 if self.pattern.kept else self.pattern.group
        for i, (layer, rank) in enumerate(zip(self.layers, self.ranks, strict=True)):
            mask = tf.cast(rank * units < self.kept[i, levels[i]], layer.kernel.dtype)
            if units > 1:
                mask = tf.repeat(tf.repeat(mask, self.pattern.inputs, axis=0), self.pattern.outputs, axis=1)
            found.append(tf.reshape(mask, layer.kernel.shape))
        return found

    def run(
        self,
        features: tf.Tensor,
        kernels: Sequence[tf.Tensor],
        training: bool,
        momentum: float | tf.Tensor | None = None,
        dropout: float | tf.Tensor = 1.0,
    ) -> tf.Tensor:
        """The network's output with ``kernels`` in place of its own.

        Args:
            features: Model input.
            kernels: For each sparse layer.
            training: As in Keras.
            momentum: Of every batch norm, in place of its own: how much of the running statistics stays.
            dropout: Factor on every dropout rate.
        """
        with ExitStack() as stack:
            for layer, kernel in zip(self.layers, kernels, strict=True):
                stack.enter_context(replaced(layer, "kernel", kernel))
            for layer in self.network.layers:
                if momentum is not None and isinstance(layer, keras.layers.BatchNormalization):
                    stack.enter_context(replaced(layer, "momentum", momentum))
                if isinstance(layer, keras.layers.Dropout):
                    stack.enter_context(replaced(layer, "rate", layer.rate * dropout))
            return self.network(features, training=training)
