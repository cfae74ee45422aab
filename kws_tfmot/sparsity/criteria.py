"""How important a weight is: pure functions of a layer's matrix ``[fan_in, outputs]`` and of what flows into it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from kws_tfmot.sparsity.patterns import Matrix

Vector = npt.NDArray[np.float32]


def magnitude(weights: Matrix) -> Matrix:
    """``|w|``.

    >>> magnitude(np.array([[-2.0, 1.0]])).tolist()
    [[2.0, 1.0]]
    """
    return np.abs(weights)


def affine_value(weights: Matrix, mean_abs_input: Vector) -> Matrix:
    """``|w_ij| * E|x_i|``: the mean size of the term that a weight adds to its output.

    The criterion of weight-importance sparse training (Xue et al. 2018, arXiv 1807.00560); that the mean is taken over
    training clips, and after the batch norm and ReLU of the layer before, is our reading.

    Args:
        weights: ``[fan_in, outputs]``.
        mean_abs_input: ``E|x_i|`` of every input ``[fan_in]``.

    >>> affine_value(np.array([[-2.0], [3.0]]), np.array([1.0, 0.5])).tolist()
    [[2.0], [1.5]]
    """
    return np.abs(weights) * mean_abs_input[:, None]


def mean_abs(inputs: Matrix) -> Vector:
    """``E|x_i|`` over the rows of ``inputs`` ``[samples, fan_in]``."""
    return np.abs(inputs).mean(axis=0)


def normalised(scores: Mapping[str, Matrix]) -> dict[str, Matrix]:
    """Each layer's scores over their root mean square, so that one threshold serves layers of every size and scale.

    >>> normalised({"a": np.array([[1.0, 7.0]]), "b": np.zeros((1, 1))})["a"].round(1).tolist()
    [[0.2, 1.4]]
    """
    result = {}
    for name, values in scores.items():
        finite = values[np.isfinite(values)]
        size = float(np.sqrt(np.mean(np.square(finite)))) if finite.size else 0.0
        result[name] = values / size if size > 0 else values
    return result
