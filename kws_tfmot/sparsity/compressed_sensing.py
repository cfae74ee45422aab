"""Sparse approximation of a weight matrix: soft and hard thresholding (Zhen et al. 2021, arXiv 2102.04932).

The paper's equations are not public in what could be had; it casts sparse training as two alternating problems,
inducing sparsity and reducing the error of compression. That the first is a proximal step of the L1 norm, the second
iterative hard thresholding (Blumensath and Davies 2008), and the sensing matrix the layer's own inputs, is our reading.
"""

from __future__ import annotations

import numpy as np

from kws_tfmot.sparsity.patterns import UNSTRUCTURED, Matrix, Pattern, select


def soft_threshold(weights: Matrix, threshold: float) -> Matrix:
    """``sign(w) * max(|w| - threshold, 0)``: the proximal step of ``threshold * ||W||_1``.

    >>> soft_threshold(np.array([-3.0, 0.5]), 1.0).tolist()
    [-2.0, 0.0]
    """
    return np.sign(weights) * np.maximum(np.abs(weights) - threshold, 0)


def gram(inputs: Matrix) -> Matrix:
    """``X^T X / n`` of the rows of ``inputs`` ``[n, fan_in]`` less their mean: what ``||X (W - Z)||^2 / n`` depends on.

    The mean is left out because a constant change of an output is taken up by the bias or batch norm behind it.

    >>> gram(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    centred = inputs - inputs.mean(axis=0)
    return (centred.T @ centred / max(1, len(inputs))).astype(np.float32)


def largest_eigenvalue(matrix: Matrix, iterations: int = 20) -> float:
    """Largest eigenvalue of a symmetric positive semidefinite matrix, by power iteration from a fixed start.

    >>> round(largest_eigenvalue(np.diag([1.0, 3.0]).astype(np.float32)), 3)
    3.0
    """
    vector = np.random.default_rng(0).standard_normal(len(matrix)).astype(np.float32)
    value = 0.0
    for _ in range(iterations):
        image = matrix @ vector
        value = float(np.linalg.norm(image))
        if value == 0.0:
            return 0.0
        vector = image / np.float32(value)
    return value


def output_error(weights: Matrix, approximation: Matrix, metric: Matrix) -> float:
    """``trace((W - Z)^T G (W - Z))``: mean square of what the layer's outputs change by, summed over the outputs."""
    difference = weights - approximation
    return float(np.sum(difference * (metric @ difference)))


def importance(weights: Matrix, metric: Matrix) -> Matrix:
    """``|w_ij| * sqrt(G_ii)``: square root of the output error if this weight alone became zero."""
    return np.abs(weights) * np.sqrt(np.maximum(np.diag(metric), 0))[:, None]


def hard_threshold_pursuit(
    weights: Matrix, metric: Matrix, kept: int, pattern: Pattern = UNSTRUCTURED, iterations: int = 10
) -> Matrix:
    """The sparse ``Z`` that changes the layer's outputs least, by iterative hard thresholding in the metric ``G``.

    Minimises ``trace((W - Z)^T G (W - Z))`` over ``Z`` with ``kept`` weights: ``Z <- H(Z - G (Z - W) / L)`` with L the
    largest eigenvalue. It is done in the coordinates ``sqrt(G_ii) w_ij``, in which the inputs have the same power, so
    that ``H`` compares what weights do and not how large they are; with ``G = I`` it keeps the largest weights. The
    best of the iterates is returned, never worse than the first threshold.

    Args:
        weights: ``[fan_in, outputs]``.
        metric: ``[fan_in, fan_in]``, see :func:`gram`.
        kept: Weights to keep.
        pattern: Where zeros may lie.
        iterations: Of the thresholding.

    >>> w = np.array([[1.0], [0.9], [0.2]], np.float32)
    >>> hard_threshold_pursuit(w, np.eye(3, dtype=np.float32), 1)[:, 0].tolist()
    [1.0, 0.0, 0.0]
    """
    power = np.maximum(np.diag(metric), 1e-6 * max(float(np.diag(metric).max()), 1e-12)).astype(np.float32)
    scale = np.sqrt(power)[:, None]
    even = metric / (scale * scale.T)
    goal = weights * scale
    step = 1.0 / max(largest_eigenvalue(even), 1e-12)
    best = current = goal * select(np.abs(goal), kept, pattern)
    least = output_error(goal, best, even)
    for _ in range(iterations):
        moved = current - step * (even @ (current - goal))
        current = (moved * select(np.abs(moved), kept, pattern)).astype(np.float32)
        error = output_error(goal, current, even)
        if error < least:
            best, least = current, error
    return (best / scale).astype(np.float32)
