"""What every method of sparse training is: an ``init`` and an ``update``, pure functions on NumPy arrays.

The shape is that of optax' gradient transforms: the state is data, and nothing is hidden in an object. Keras comes in
with :mod:`~kws_tfmot.sparsity.masked_training` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from kws_tfmot.sparsity.patterns import Mask, Matrix
from kws_tfmot.sparsity.schedules import Moment

# layer -> [fan_in, outputs]
Kernels = Mapping[str, Matrix]
# layer -> [samples, fan_in], the rows that the kernel is multiplied with
Inputs = Mapping[str, Matrix]


class SparseState(NamedTuple):
    """What a method remembers between updates.

    Attributes:
        masks: For each layer where weights may be non-zero ``[fan_in, outputs]``.
        statistics: For each layer a running mean of what flows into it; empty for methods that do not look.
    """

    masks: dict[str, Mask]
    statistics: dict[str, Matrix]


class SparseMethod(Protocol):
    """One method of sparse training."""

    @property
    def uses_inputs(self) -> bool:
        """Whether :meth:`update` needs samples of the layers' inputs."""
        ...

    @property
    def l1(self) -> float:
        """Weight of the L1 norm: after a step before the final masks, weights move ``l1 * learning rate`` to zero."""
        ...

    @property
    def returns(self) -> bool:
        """Whether pruned weights go on training although masked, and may return at the next update."""
        ...

    @property
    def decay(self) -> float:
        """Masked weights shrink by ``decay * learning rate`` of themselves after every step."""
        ...

    def init(self, kernels: Kernels) -> SparseState:
        """The state before the first update; weights that are zero already stay zero."""
        ...

    def update(
        self, kernels: Kernels, state: SparseState, moment: Moment, inputs: Inputs | None
    ) -> tuple[dict[str, Matrix], SparseState]:
        """New kernels and masks for ``moment``; the masks are to be held until the next update."""
        ...


def initial_masks(kernels: Kernels) -> dict[str, Mask]:
    """Everything may live but what is zero already: a later round begins where the one before ended."""
    return {name: weights != 0 for name, weights in kernels.items()}


def running_mean(old: Mapping[str, Matrix], new: Mapping[str, Matrix], memory: float) -> dict[str, Matrix]:
    """``memory * old + (1 - memory) * new`` for each layer; the new value alone where there is no old one.

    >>> running_mean({"a": np.array([1.0])}, {"a": np.array([3.0])}, 0.5)["a"].tolist()
    [2.0]
    """
    return {
        name: (memory * old[name] + (1 - memory) * value).astype(np.float32) if name in old else value
        for name, value in new.items()
    }
