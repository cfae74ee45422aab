"""Activations that Keras 2 lacks and the device has operators for."""

from __future__ import annotations

from kws_tfmot.keras import keras, tf


@keras.saving.register_keras_serializable("kws_tfmot")
def relu6(inputs: tf.Tensor) -> tf.Tensor:
    """``min(max(x, 0), 6)``."""
    return tf.nn.relu6(inputs)


@keras.saving.register_keras_serializable("kws_tfmot")
def hard_swish(inputs: tf.Tensor) -> tf.Tensor:
    """``x * min(max(x + 3, 0), 6) / 6`` (Howard et al. 2019, arXiv 1905.02244)."""
    return inputs * tf.nn.relu6(inputs + 3.0) * (1.0 / 6.0)


@keras.saving.register_keras_serializable("kws_tfmot")
class HardSwish(keras.layers.Layer):
    """:func:`hard_swish` as a layer of its own, which trains for int8 and becomes one HARD_SWISH operator."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Values of the shape of ``inputs``."""
        return hard_swish(inputs)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The shape of the input."""
        return input_shape
