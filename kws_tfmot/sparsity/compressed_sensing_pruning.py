"""Compressed-sensing pruning (CSP, Zhen et al. 2021, arXiv 2102.04932): weights may return until masks are final."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kws_tfmot.sparsity.allocation import kept_weights
from kws_tfmot.sparsity.compressed_sensing import gram, hard_threshold_pursuit, importance
from kws_tfmot.sparsity.importance_pruning import MEMORY
from kws_tfmot.sparsity.method import Inputs, Kernels, SparseState, initial_masks, running_mean
from kws_tfmot.sparsity.patterns import Matrix, Pattern
from kws_tfmot.sparsity.schedules import Moment

Sensing = Literal["inputs", "weights", "random"]


@dataclass(frozen=True)
class CompressedSensingPruning:
    """Alternate a step towards sparsity with a step that reduces the error of compression.

    At an update the best sparse ``Z`` for the sparsity of the moment is found
    (:func:`~kws_tfmot.sparsity.compressed_sensing.hard_threshold_pursuit`) and the weights are pulled towards it,
    ``W <- (1 - pull) W + pull Z``. Until the next update the network computes with ``W * (Z != 0)``, while all of ``W``
    trains, straight through the mask and under the L1 norm: which weights live stays open, and the network never sees
    others. At the final update ``W <- Z``, and its zeros are held. Which of this is the paper's and which our reading:
    :mod:`~kws_tfmot.sparsity.compressed_sensing`.

    Attributes:
        patterns: Where zeros may lie, for each layer.
        sensing: ``inputs`` takes the Gram matrix of the layer's own inputs as the metric, ``weights`` the identity,
            ``random`` a Gaussian projection of half the fan-in, drawn once for each layer.
        allocation: ``layer`` or ``global``.
        floor: Least that a layer keeps under ``global``, as a share of what ``layer`` would leave it.
        l1: Weight of the L1 norm.
        pull: How far an update moves the weights towards ``Z``, 0 to 1.
        decay: Of the masked weights.
    """

    patterns: Mapping[str, Pattern]
    sensing: Sensing
    allocation: Literal["layer", "global"]
    floor: float
    l1: float
    pull: float
    decay: float

    @property
    def uses_inputs(self) -> bool:
        """Whether samples of the layers' inputs are needed."""
        return self.sensing == "inputs"

    @property
    def returns(self) -> bool:
        """Masked weights go on training and may return."""
        return True

    def init(self, kernels: Kernels) -> SparseState:
        """Everything may live; a random metric is drawn here."""
        statistics = {}
        if self.sensing == "random":
            sizes = [(name, len(weights)) for name, weights in kernels.items()]
            statistics = {name: _projection(fan_in, place) for place, (name, fan_in) in enumerate(sizes)}
        return SparseState(initial_masks(kernels), statistics)

    def update(
        self, kernels: Kernels, state: SparseState, moment: Moment, inputs: Inputs | None
    ) -> tuple[dict[str, Matrix], SparseState]:
        """Find the sparse approximations, pull the weights towards them, and mask all others until the next update."""
        statistics = dict(state.statistics)
        if inputs is not None and self.uses_inputs:
            statistics = running_mean(statistics, {name: gram(rows) for name, rows in inputs.items()}, MEMORY)
        metrics = {name: _metric(statistics.get(name), len(weights)) for name, weights in kernels.items()}
        scores = {name: importance(weights, metrics[name]) for name, weights in kernels.items()}
        kept = kept_weights(self.allocation, scores, moment.sparsity, self.floor, self.patterns)
        sparse = {
            name: hard_threshold_pursuit(weights, metrics[name], kept[name], self.patterns[name])
            for name, weights in kernels.items()
        }
        state = SparseState({name: values != 0 for name, values in sparse.items()}, statistics)
        if moment.final:
            return sparse, state
        pull = np.float32(self.pull)
        return {name: (1 - pull) * weights + pull * sparse[name] for name, weights in kernels.items()}, state


def _metric(statistic: Matrix | None, fan_in: int) -> Matrix:
    return np.eye(fan_in, dtype=np.float32) if statistic is None else statistic


def _projection(fan_in: int, place: int) -> Matrix:
    """``A^T A`` of a Gaussian ``A`` ``[fan_in / 2, fan_in]`` with variance 1 / rows, from ``place`` alone."""
    rows = max(1, fan_in // 2)
    matrix = np.random.default_rng([0xC5, place]).standard_normal((rows, fan_in)) / np.sqrt(rows)
    return (matrix.T @ matrix).astype(np.float32)
