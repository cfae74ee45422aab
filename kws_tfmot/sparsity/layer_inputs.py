"""What flows into the layers of a network: samples of the rows that each kernel is multiplied with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws_tfmot.keras import keras, tf
from kws_tfmot.sparsity.method import Inputs

# Enough for a Gram matrix of a few hundred inputs, averaged over many updates.
ROWS = 2000


class LayerInputs:
    """Reads the inputs of some layers of a functional network, with the weights that it has at the time.

    Args:
        network: A functional model.
        layers: Names of its convolutions and fully connected layers to read.
        features: Model input of the clips that samples are taken from, float32 ``[N, frames, coefficients, 1]``.
        clips: Clips of one sample.
        seed: Of the choice of clips and rows; :meth:`sample` depends on it and on ``moment`` alone.
    """

    def __init__(
        self, network: keras.Model, layers: Sequence[str], features: np.ndarray, clips: int, seed: int
    ) -> None:
        self._features, self._clips, self._seed = features, min(clips, len(features)), seed
        rows = [_rows(network.get_layer(name)) for name in layers]
        self._layers = tuple(layers)
        self._reader = tf.function(keras.Model(network.inputs, rows), reduce_retracing=True)

    def sample(self, moment: int) -> Inputs:
        """``{layer: [up to 2000 rows, fan_in]}`` of a fresh choice of clips, batch norm as in inference."""
        rng = np.random.default_rng([self._seed, moment, 0x1A7])
        chosen = np.sort(rng.choice(len(self._features), self._clips, replace=False))
        found = self._reader(tf.constant(self._features[chosen]), training=False)
        found = found if isinstance(found, list | tuple) else [found]
        result = {}
        for name, tensor in zip(self._layers, found, strict=True):
            rows = tensor.numpy().reshape(-1, tensor.shape[-1])
            if len(rows) > ROWS:
                rows = rows[rng.choice(len(rows), ROWS, replace=False)]
            result[name] = rows
        return result


def _rows(layer: keras.layers.Layer) -> tf.Tensor:
    """The layer's input as rows of its matrix: itself, or the patches that a convolution's kernel is laid over."""
    if not isinstance(layer, keras.layers.Conv2D) or (layer.kernel_size == (1, 1) and layer.strides == (1, 1)):
        return layer.input
    return keras.layers.Lambda(
        lambda x: tf.image.extract_patches(
            x, (1, *layer.kernel_size, 1), (1, *layer.strides, 1), (1, *layer.dilation_rate, 1), layer.padding.upper()
        ),
        name=f"{layer.name}_patches",
    )(layer.input)
