"""A second classifier over what the keyword's sees, which tells every word apart; training alone has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kws_tfmot.keras import keras, tf
from kws_tfmot.training.stream_settings import WordClassSettings

_LEARNING_RATE = 2e-3


class WordHead:
    """``weight * mean CE`` over decisions just behind a whole word, of ``softmax(B relu(A x))``.

    ``x`` is all rows that the keyword's classifier sees at that decision.

    Args:
        network: A :func:`~kws_tfmot.models.streaming_cnn.over_stretch`, features to logits ``[N, decisions, classes]``.
        classes: Words.
        settings: Weight and hidden units.
    """

    def __init__(self, network: keras.Model, classes: int, settings: WordClassSettings) -> None:
        logits = network.get_layer("decisions").input
        rows = logits.node.keras_inputs[0]
        self.network = keras.Model(network.input, [network.output, rows])
        self._rows = rows.shape[1] - network.output_shape[1] + 1
        self._weight = settings.weight
        self._layers = [keras.layers.Dense(settings.units, activation="relu"), keras.layers.Dense(classes)]
        self._layers[0].build((None, self._rows * rows.shape[-1]))
        self._layers[1].build((None, settings.units))
        self.optimizer = keras.optimizers.Adam(_LEARNING_RATE)
        self.optimizer.build(self.variables)

    @property
    def variables(self) -> list[Any]:
        """Weights and biases of both layers."""
        return [variable for layer in self._layers for variable in layer.trainable_variables]

    def loss(self, rows: Any, words: Any) -> Any:
        """Of ``rows [N, time, 1, channels]`` and the class of the word behind each decision, -1 for none."""
        places = tf.where(words >= 0)
        times = places[:, 1:] + tf.range(self._rows, dtype=tf.int64)
        seen = tf.gather_nd(rows[:, :, 0], tf.stack([tf.repeat(places[:, :1], self._rows, axis=1), times], axis=-1))
        hidden = self._layers[0](tf.reshape(seen, (-1, self._rows * rows.shape[-1])))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather_nd(words, places), self._layers[1](hidden))
        return self._weight * tf.reduce_sum(losses) / tf.maximum(tf.cast(tf.size(losses), tf.float32), 1.0)

    def get_state(self) -> dict[str, np.ndarray]:
        """Weights and the optimiser's variables."""
        return {str(i): np.asarray(variable) for i, variable in enumerate(self._state())}

    def set_state(self, stored: Mapping[str, np.ndarray]) -> None:
        """Take back what :meth:`get_state` gave."""
        for i, variable in enumerate(self._state()):
            variable.assign(stored[str(i)])

    def _state(self) -> list[Any]:
        return [*self.variables, *self.optimizer.variables]
