"""Intervals of rates that are counted."""

from __future__ import annotations

import math


def poisson_interval(count: int, base: float, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of ``count / base`` for independent events (Garwood 1936), by bisection.

    The ends solve ``P(X >= count; low) = P(X <= count; high) = (1 - confidence) / 2`` for Poisson variables X.

    >>> [round(end, 3) for end in poisson_interval(0, 1.0)]
    [0.0, 3.689]
    >>> [round(end, 2) for end in poisson_interval(10, 2.0)]
    [2.4, 9.2]
    """
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else _solve(count - 1, 1 - tail, count + 1.0)
    return low / base, _solve(count, tail, count + 1.0) / base


def _solve(count: int, share: float, start: float) -> float:
    """The mean at which ``P(X <= count)`` is ``share``."""
    low, high = 0.0, start
    while _at_most(count, high) > share:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(count, middle) > share else (low, middle)
    return (low + high) / 2


def _at_most(count: int, mean: float) -> float:
    """``P(X <= count)`` of a Poisson variable with that mean."""
    if mean == 0:
        return 1.0
    return math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))
