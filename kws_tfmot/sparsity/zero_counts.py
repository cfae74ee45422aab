"""Counting zeros in Keras kernels."""

from __future__ import annotations

import numpy as np

from kws_tfmot.keras import keras
from kws_tfmot.sparsity.coverage import kernels


def zeros_per_layer(model: keras.Model) -> dict[str, tuple[int, int]]:
    """Return ``{layer: (zeros, weights)}`` of every kernel of a float model without wrappers."""
    values = {name: keras.backend.get_value(kernel) for name, kernel in kernels(model).items()}
    return {name: (int(np.count_nonzero(kernel == 0)), int(kernel.size)) for name, kernel in values.items()}


def total_sparsity(counts: dict[str, tuple[int, int]]) -> float:
    """Zeros over weights of all layers together, 0 to 1.

    >>> total_sparsity({"a": (3, 4), "b": (0, 4)})
    0.375
    """
    return sum(z for z, _ in counts.values()) / max(1, sum(n for _, n in counts.values()))
