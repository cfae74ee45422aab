"""Pruning the least important weights: one-shot, L1 and weight-importance training are this with other settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kws_tfmot.sparsity import criteria
from kws_tfmot.sparsity.allocation import kept_weights
from kws_tfmot.sparsity.method import Inputs, Kernels, SparseState, initial_masks, running_mean
from kws_tfmot.sparsity.patterns import Matrix, Pattern, select
from kws_tfmot.sparsity.schedules import Moment

# Share of the statistics that comes from earlier updates: a few hundred clips each are averaged over many.
MEMORY = 0.8


@dataclass(frozen=True)
class ImportancePruning:
    """Keep the weights of the highest importance.

    ``Z = W * M`` with ``M`` the best ``kept`` weights by ``|w|``, ``|w| E|x|`` or ``|w| std(x)``, and ``kept`` by layer
    or by one threshold over all layers (Xue et al. 2018, arXiv 1807.00560, for the importance and the automatic size of
    layers; how the layers' scores are made comparable is our reading, see
    :func:`~kws_tfmot.sparsity.criteria.comparable`).

    Attributes:
        patterns: Where zeros may lie, for each layer.
        criterion: ``magnitude``, ``affine`` or ``deviation`` (see :mod:`~kws_tfmot.sparsity.criteria`).
        allocation: ``layer`` or ``global`` (see :mod:`~kws_tfmot.sparsity.allocation`).
        floor: Least that a layer keeps under ``global``, as a share of what ``layer`` would leave it.
        l1: Weight of the L1 norm while weights are still being chosen.
        returns: Whether pruned weights go on training although masked and may return; otherwise what is pruned
            stays pruned.
        decay: Of the masked weights.
    """

    patterns: Mapping[str, Pattern]
    criterion: Literal["magnitude", "affine", "deviation"]
    allocation: Literal["layer", "global"]
    floor: float
    l1: float = 0.0
    returns: bool = False
    decay: float = 0.0

    @property
    def uses_inputs(self) -> bool:
        """Whether samples of the layers' inputs are needed."""
        return self.criterion != "magnitude"

    def init(self, kernels: Kernels) -> SparseState:
        """Everything may live but what is zero already."""
        return SparseState(initial_masks(kernels), {})

    def update(
        self, kernels: Kernels, state: SparseState, moment: Moment, inputs: Inputs | None
    ) -> tuple[dict[str, Matrix], SparseState]:
        """Score, count, choose; without ``returns`` masks only shrink from update to update."""
        statistics = dict(state.statistics)
        if inputs is not None and self.uses_inputs:
            measure = criteria.mean_abs if self.criterion == "affine" else criteria.deviation
            fresh = {name: measure(rows)[:, None] for name, rows in inputs.items()}
            statistics = running_mean(statistics, fresh, MEMORY)
        scores = {name: self._score(weights, statistics.get(name)) for name, weights in kernels.items()}
        if not self.returns:
            scores = {name: np.where(state.masks[name], values, -np.inf) for name, values in scores.items()}
        kept = kept_weights(self.allocation, scores, moment.sparsity, self.floor, self.patterns)
        masks = {name: select(values, kept[name], self.patterns[name]) for name, values in scores.items()}
        if not self.returns:
            masks = {name: mask & state.masks[name] for name, mask in masks.items()}
        state = SparseState(masks, statistics)
        if self.returns and not moment.final:
            return dict(kernels), state
        return {name: weights * masks[name] for name, weights in kernels.items()}, state

    def _score(self, weights: Matrix, statistic: Matrix | None) -> Matrix:
        if statistic is None:
            return criteria.magnitude(weights)
        return criteria.weighed(weights, statistic[:, 0])
