"""What a search learns, in NumPy: probabilities of operations, their gradients and their optimiser.

    p = softmax(alpha),  J = CE * prod_u R_u,  R_u = (log E_u / log T_u)^beta_u

with E_u the expected cost in unit u and T_u its target (Peter et al. 2020, arXiv 2012.10138). Gates represent the
probabilities in the first factor (ProxylessNAS, arXiv 1812.00332). What is descended is log J, whose gradient is J's
less the factor J: far from the target R is huge for a large beta, and an optimiser that remembers the size of past
gradients would vanish once R has fallen. With d = d(log J)/dp

    d(log J)/dalpha_i = p_i (d_i - sum_j p_j d_j).

Or the budget is a constraint instead of a factor of the loss: :func:`within` moves the probabilities to the nearest
that meet it, after every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt

from kws_tfmot.search.cells.costs import CellCosts

Float64 = npt.NDArray[np.float64]
BARRED = -1e4  # the logit of an operation that no network within the budget has
_ROUNDS, _LARGEST = 100, 1e7


def softmax(logits: npt.ArrayLike) -> Float64:
    """``exp(a_i) / sum_j exp(a_j)``.

    >>> softmax([0.0, 0.0]).tolist()
    [0.5, 0.5]
    """
    values = np.asarray(logits, np.float64)
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def through_softmax(probabilities: Float64, gradient: npt.ArrayLike) -> Float64:
    """The gradient by the logits, given that by the probabilities.

    >>> through_softmax(np.array([0.5, 0.5]), [1.0, 0.0]).tolist()
    [0.25, -0.25]
    """
    gradient = np.asarray(gradient, np.float64)
    return probabilities * (gradient - float(gradient @ probabilities))


def entropy(probabilities: Sequence[Float64]) -> float:
    """Mean over the cells of ``-sum p ln p / ln n``: 1 when every operation is as likely, 0 when all is decided.

    >>> entropy([np.array([0.5, 0.5]), np.array([1.0, 0.0])])
    0.5
    """
    each = [float(-(p * np.log(np.maximum(p, 1e-300))).sum()) / math.log(len(p)) if len(p) > 1 else 0.0
            for p in probabilities]  # fmt: skip
    return float(np.mean(each))


def rising_rate(peak: float, done: float) -> float:
    """The choices' learning rate after the share ``done`` of the search: ``peak (1 + cos(pi (1 + done))) / 2``.

    >>> rising_rate(0.5, 0.0), round(rising_rate(0.5, 0.5), 9), rising_rate(0.5, 1.0)
    (0.0, 0.25, 0.5)
    """
    return peak * (1.0 + math.cos(math.pi * (1.0 + done))) / 2.0


@dataclass(frozen=True)
class CostTarget:
    """A cost and what it should become."""

    costs: CellCosts
    value: float

    def log_factor(self, probabilities: Sequence[Float64], beta: float) -> tuple[float, list[Float64]]:
        """``log R`` and its gradient by p; E counts as 2 at least, so that its logarithm is positive."""
        expected, gradients = self.costs.expected(probabilities)
        expected, target = max(expected, 2.0), max(self.value, 2.0)
        slope = beta / (expected * math.log(expected))
        return beta * math.log(math.log(expected) / math.log(target)), [slope * gradient for gradient in gradients]


def loss_gradients(
    alphas: Sequence[Float64],
    cross_entropy: float,
    gate_gradients: Sequence[npt.ArrayLike],
    targets: Sequence[CostTarget],
    beta: float,
) -> tuple[float, list[Float64]]:
    """log J, and its gradient by the logits of each cell.

    Args:
        alphas: Logits of each cell's operations.
        cross_entropy: CE of the sampled network.
        gate_gradients: dCE/dg of each cell.
        targets: The costs in the loss.
        beta: Exponent of each.
    """
    probabilities = [softmax(alpha) for alpha in alphas]
    factors = [target.log_factor(probabilities, beta) for target in targets]
    gradients = []
    for i, (p, gates) in enumerate(zip(probabilities, gate_gradients, strict=True)):
        by_cost = sum(own[i] for _, own in factors) if factors else 0.0
        gradients.append(through_softmax(p, np.asarray(gates, np.float64) / max(cross_entropy, 1e-6) + by_cost))
    return math.log(max(cross_entropy, 1e-6)) + sum(value for value, _ in factors), gradients


def within(alphas: Sequence[Float64], targets: Sequence[CostTarget]) -> list[Float64]:
    """Logits of the nearest probabilities whose expected costs meet all targets; those given where they do already.

    ``argmin_q KL(q || softmax(alpha))`` subject to ``E_q[cost_u] <= T_u`` (the I-projection, Csiszar 1975) is

        alpha_ij - sum_u lambda_u c_uij / T_u,   lambda_u >= 0,   lambda_u = 0 where u is not used up

    for costs that add up; the lambdas minimise a convex function, one after the other. Of a cost that is a maximum,
    operations beyond the target can be in no network that meets it: their logit becomes ``BARRED``.

    Args:
        alphas: Logits of each cell's operations.
        targets: Each within reach of some network that meets them all.

    >>> from kws_tfmot.search.cells.costs import CellCosts
    >>> costs = CellCosts("macs", 0.0, ((1.0, 3.0),))
    >>> softmax(within([np.zeros(2)], [CostTarget(costs, 1.5)])[0]).round(6).tolist()
    [0.75, 0.25]
    """
    alphas = [np.array(alpha, np.float64) for alpha in alphas]
    for target in targets:
        if target.costs.combine == "max":
            for alpha, row in zip(alphas, target.costs.cells, strict=True):
                alpha[np.array(row) > target.value] = BARRED
    added = [target for target in targets if target.costs.combine == "sum"]
    rows = [[np.array(row) / target.value for row in target.costs.cells] for target in added]
    limits = [1.0 - target.costs.fixed / target.value for target in added]
    multipliers = np.zeros(len(added))

    def tilted() -> list[Float64]:
        """Each cell's logits ``alpha - sum(multiplier x cost / target)``."""
        return [
            alpha - sum(m * costs[i] for m, costs in zip(multipliers, rows, strict=True))
            for i, alpha in enumerate(alphas)
        ]

    def over(u: int, multiplier: float) -> bool:
        """Set a target's multiplier; whether the expected cost exceeds that target."""
        multipliers[u] = multiplier
        return sum(float(softmax(a) @ row) for a, row in zip(tilted(), rows[u], strict=True)) > limits[u]

    for _ in range(_ROUNDS if len(added) > 1 else 1):
        before = multipliers.copy()
        for u in range(len(added)):
            multipliers[u] = _least(partial(over, u))
        if np.allclose(multipliers, before, rtol=1e-6, atol=1e-9):
            break
    return tilted()


def _least(over: Callable[[float], bool]) -> float:
    """The least multiplier, to a part in 10^9, for which ``over`` is false; the largest tried where there is none."""
    if not over(0.0):
        return 0.0
    low, high = 0.0, 1.0
    while over(high) and high < _LARGEST:
        low, high = high, 2.0 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2.0
        low, high = (middle, high) if over(middle) else (low, middle)
    return high


@dataclass
class ChoiceOptimizer:
    """Adam without momentum (beta1 = 0, beta2 = 0.999), a step count for each cell.

    Attributes:
        squares: Running mean of each squared gradient.
        steps: How often each cell was updated.

    >>> optimizer = ChoiceOptimizer([np.zeros(2)])
    >>> optimizer.update(0, np.zeros(2), np.array([3.0, -0.1]), 0.5).round(6).tolist()
    [-0.5, 0.5]
    """

    squares: list[Float64]
    steps: list[int] = field(default_factory=list)
    decay: float = 0.999

    def __post_init__(self) -> None:
        self.steps = self.steps or [0] * len(self.squares)

    def update(self, cell: int, alpha: npt.ArrayLike, gradient: Float64, rate: float) -> Float64:
        """The logits of ``cell`` after a step of size ``rate`` against ``gradient``."""
        self.steps[cell] += 1
        self.squares[cell] = self.decay * self.squares[cell] + (1.0 - self.decay) * gradient**2
        unbiased = self.squares[cell] / (1.0 - self.decay ** self.steps[cell])
        return np.asarray(alpha, np.float64) - rate * gradient / (np.sqrt(unbiased) + 1e-8)
