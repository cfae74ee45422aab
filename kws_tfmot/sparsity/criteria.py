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


def weighed(weights: Matrix, input_size: Vector) -> Matrix:
    """``|w_ij| * size(x_i)``: the size of the term that a weight adds to its output.

    With ``E|x_i|`` (:func:`mean_abs`) it is the "affine value" of weight-importance sparse training (Xue et al. 2018,
    arXiv 1807.00560); that the mean is taken over training clips, behind the batch norm and ReLU of the layer before,
    is our reading. With ``std(x_i)`` (:func:`deviation`) it leaves out the constant part of the term, which the bias or
    batch norm behind the layer can replace.

    Args:
        weights: ``[fan_in, outputs]``.
        input_size: Size of every input ``[fan_in]``.

    >>> weighed(np.array([[-2.0], [3.0]]), np.array([1.0, 0.5])).tolist()
    [[2.0], [1.5]]
    """
    return np.abs(weights) * input_size[:, None]


def mean_abs(inputs: Matrix) -> Vector:
    """``E|x_i|`` over the rows of ``inputs`` ``[samples, fan_in]``."""
    return np.abs(inputs).mean(axis=0)


def deviation(inputs: Matrix) -> Vector:
    """Standard deviation of ``x_i`` over the rows of ``inputs`` ``[samples, fan_in]``."""
    return inputs.std(axis=0)


def comparable(scores: Mapping[str, Matrix]) -> dict[str, Matrix]:
    """Each layer's scores made comparable with the other layers', so that one threshold serves all of them.

    ``s_i^2 / sum of s_j^2 over all s_j >= s_i``: what would be lost with weight i, relative to what would be left if
    all smaller ones were gone already (Lee et al. 2021, arXiv 2010.07611, "LAMP"). The best weight of each layer has
    the score 1, so no layer dies; the order within a layer stays.

    >>> comparable({"a": np.array([[1.0, 7.0]]), "b": np.array([[3.0, 0.0]])})["a"].tolist()
    [[0.02, 1.0]]
    """
    result = {}
    for name, values in scores.items():
        flat = np.square(np.where(np.isfinite(values), values, 0.0).ravel().astype(np.float64))
        order = np.argsort(-flat, kind="stable")
        left = np.cumsum(flat[order])
        shares = np.empty_like(flat)
        shares[order] = np.divide(flat[order], left, out=np.zeros_like(left), where=left > 0)
        result[name] = np.where(np.isfinite(values), shares.reshape(values.shape), -np.inf)
    return result
