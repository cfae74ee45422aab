"""Sub-networks of a trained supernet: judged in one compiled graph, and taken out as ordinary Keras models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws_tfmot.data.large_arrays import Rows
from kws_tfmot.keras import keras, tf
from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.search.omni.masked_kernels import MaskedKernels, matrix_shape
from kws_tfmot.search.omni.subnet_space import Levels, Space
from kws_tfmot.sparsity.patterns import Pattern, select

_CHUNK = 500  # clips whose activations are held at once


@dataclass(frozen=True)
class Score:
    """How good a sub-network is on the validation clips: share of them, and mean cross-entropy in nats."""

    accuracy: float
    loss: float


class Subnetworks:
    """The sub-networks of one supernet, each with batch norm of its own.

    The running statistics of a sub-network are those of one pass over ``calibration``: the mean over chunks of equal
    size of each chunk's mean and variance, which is a moving average whose momentum after k chunks is k / (k + 1).

    Args:
        network: The trained supernet; it is left as it is.
        space: Its sparse layers and their grid.
        pattern: Where zeros may lie.
        calibration: Training features float32 [N, frames, coefficients, 1]; what is left of a last chunk is not used.
        validation: Features and one-hot classes.
    """

    def __init__(
        self,
        network: keras.Model,
        space: Space,
        pattern: Pattern,
        calibration: np.ndarray,
        validation: tuple[Rows, Rows],
    ) -> None:
        self.space = space
        self._pattern = pattern
        self._masked = MaskedKernels(fresh_copy(network), space, pattern)
        self._masked.refresh()
        chunks = max(1, len(calibration) // _CHUNK)
        size = len(calibration) // chunks
        self._calibration = tf.constant(calibration[: chunks * size].reshape(chunks, size, *calibration.shape[1:]))
        self._features, self._targets = tf.constant(validation[0][:]), tf.constant(validation[1][:])
        self._score = tf.function(self._in_graph, input_signature=[tf.TensorSpec([len(space.layers)], tf.int32)])

    def zeros(self, levels: Levels) -> float:
        """Share of zeros in all layers of the space together, in whole groups: what the levels ask for, or close."""
        kept = self._masked.kept.numpy()[np.arange(len(levels)), list(levels)]
        return 1.0 - float(kept.sum()) / sum(self.space.weights)

    def score(self, levels: Levels) -> Score:
        """Recalibrate batch norm for ``levels`` and judge the sub-network in float."""
        accuracy, loss = self._score(tf.constant(levels, tf.int32))
        return Score(round(float(accuracy), 6), round(float(loss), 6))

    def extract(self, levels: Levels) -> keras.Model:
        """The sub-network as a model of its own: zeros in its kernels, recalibrated batch norm, nothing shared."""
        self.score(levels)  # leaves the statistics of `levels` in the batch norms
        model = fresh_copy(self._masked.network)
        kept = self._masked.kept.numpy()
        for i, name in enumerate(self.space.layers):
            layer = model.get_layer(name)
            kernel = layer.kernel.numpy()
            scores = np.abs(kernel).reshape(matrix_shape(layer))
            mask = select(scores, int(kept[i, levels[i]]), self._pattern)
            layer.kernel.assign(kernel * mask.reshape(kernel.shape))
        return model

    def _in_graph(self, levels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        masked = self._masked
        kernels = [x.kernel * mask for x, mask in zip(masked.layers, masked.masks(levels), strict=True)]
        for chunk in range(len(self._calibration)):
            # Dropout is off: the statistics are those of the network as it will run.
            masked.run(self._calibration[chunk], kernels, True, momentum=chunk / (chunk + 1), dropout=0.0)
        probabilities = masked.run(self._features, kernels, False)
        right = tf.equal(tf.argmax(probabilities, axis=1), tf.argmax(self._targets, axis=1))
        loss = keras.losses.categorical_crossentropy(self._targets, probabilities)
        return tf.reduce_mean(tf.cast(right, tf.float32)), tf.reduce_mean(loss)
