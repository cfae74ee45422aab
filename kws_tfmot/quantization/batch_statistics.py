"""Estimating batch norm's statistics anew.

Weights of few bits go to and fro between two levels until the end of a training, and the moving averages lag behind
what each jump does to the activations: a network may be right in training and wrong a step later in inference (Nagel et
al. 2022, arXiv 2203.11086).
"""

from __future__ import annotations

import numpy as np

from kws_tfmot.keras import keras

_CHUNK = 250


def estimate_statistics(network: keras.Model, features: np.ndarray) -> None:
    """Set every batch norm's mean and variance to their average over chunks of ``features``.

    Args:
        network: Changed in place; its weights stay.
        features: Training inputs float32 [N, ...]; what is left of a last chunk is not used.
    """
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    chunks = max(1, len(features) // _CHUNK)
    size = len(features) // chunks
    kept = [norm.momentum for norm in norms]
    for number in range(chunks if norms else 0):
        for norm in norms:
            norm.momentum = number / (number + 1)  # a moving average that weighs all chunks alike
        network(features[number * size : (number + 1) * size], training=True)
    for norm, momentum in zip(norms, kept, strict=True):
        norm.momentum = momentum
