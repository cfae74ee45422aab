"""Intervals of rates that are counted."""

from __future__ import annotations


def poisson_interval(count: int, base: float, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of ``count / base`` for independent events (Garwood 1936).

    The ends solve ``P(X >= count; low) = P(X <= count; high) = (1 - confidence) / 2`` for Poisson variables X, whose
    distribution is the regularised incomplete gamma function: ``P(X >= k; m) = P(k, m)``.

    >>> [round(end, 3) for end in poisson_interval(0, 1.0)]
    [0.0, 3.689]
    >>> [round(end, 2) for end in poisson_interval(10, 2.0)]
    [2.4, 9.2]
    """
    from scipy.special import gammaincinv  # a third of a second

    tail = (1 - confidence) / 2
    low = gammaincinv(count, tail) if count else 0.0
    return float(low) / base, float(gammaincinv(count + 1, 1 - tail)) / base
