"""When weights become zero: sparsity as a function of the step, and the rounds of iterative pruning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


def cubic_ramp(step: int, begin: int, end: int, target: float, start: float = 0.0) -> float:
    """Sparsity after ``step`` steps: ``target + (start - target) * (1 - (step - begin) / (end - begin))**3``.

    ``start`` before ``begin`` (Zhu and Gupta 2017, arXiv 1710.01878); where ``begin == end`` the target at once.

    >>> [round(cubic_ramp(t, 0, 100, 0.8), 3) for t in (0, 50, 100, 150)]
    [0.0, 0.7, 0.8, 0.8]
    >>> cubic_ramp(3, 3, 3, 0.9)
    0.9
    """
    if step < begin:
        return start
    done = min((step - begin) / (end - begin), 1.0) if end > begin else 1.0
    return target + (start - target) * (1 - done) ** 3


class Moment(NamedTuple):
    """One update of the masks: the sparsity asked for now, and whether the masks are final after it."""

    sparsity: float
    final: bool


@dataclass(frozen=True)
class Ramp:
    """Updates every ``frequency`` steps from ``begin`` to ``last``, the last of them final.

    The target is reached at ``end``; from there to ``last`` weights may still change places. Without ``last`` the
    masks are final at ``end``.

    >>> ramp = Ramp(0, 10, 5, target=0.8)
    >>> [ramp.at(step) is not None for step in (0, 3, 5, 10, 15)]
    [True, False, True, True, False]
    >>> round(ramp.at(5).sparsity, 6), ramp.at(10)
    (0.7, Moment(sparsity=0.8, final=True))
    >>> [Ramp(0, 10, 5, 0.8, last=20).at(step) for step in (10, 20)]
    [Moment(sparsity=0.8, final=False), Moment(sparsity=0.8, final=True)]
    """

    begin: int
    end: int
    frequency: int
    target: float
    start: float = 0.0
    last: int | None = None

    @classmethod
    def of_shares(
        cls, begin: float, end: float, steps: int, frequency: int, target: float, freeze: float | None = None
    ) -> Ramp:
        """A ramp over the shares ``begin`` to ``end`` (masks final at ``freeze``) of a training of ``steps`` steps.

        >>> Ramp.of_shares(0.1, 0.5, 1000, 30, 0.9)
        Ramp(begin=100, end=490, frequency=30, target=0.9, start=0.0, last=490)

        In a training too short for one update every ``frequency`` steps, updates come oftener, so that the target is
        reached all the same:

        >>> Ramp.of_shares(0.0, 0.5, 12, 20, 0.9)
        Ramp(begin=0, end=6, frequency=1, target=0.9, start=0.0, last=6)
        >>> Ramp.of_shares(0.6, 0.6, 1, 20, 0.9).at(0)
        Moment(sparsity=0.9, final=True)
        """
        first = min(round(begin * steps), max(steps - 1, 0))
        if end > begin and first + frequency >= steps:
            frequency = max(1, int((end - begin) * steps) // 4)

        def at(share: float) -> int:
            """The step of the last update at or before a share of training, early enough to train with its masks."""
            updates = max(1, round((share - begin) * steps / frequency)) if share > begin else 0
            # The final masks must come before the last step, or nothing would be trained with them.
            while updates and first + updates * frequency >= steps:
                updates -= 1
            return first + updates * frequency

        return cls(first, at(end), frequency, target, last=at(end if freeze is None else freeze))

    @property
    def final(self) -> int:
        """The step before which the masks become final."""
        return self.end if self.last is None else self.last

    def at(self, step: int) -> Moment | None:
        """The update due before ``step``, if there is one."""
        if not self.begin <= step <= self.final or (step - self.begin) % self.frequency:
            return None
        sparsity = cubic_ramp(step, self.begin, self.end, self.target, self.start)
        return Moment(sparsity, step == self.final)


def geometric_rounds(target: float, rounds: int) -> list[float]:
    """Sparsities of ``rounds`` rounds that each keep the same share of what the round before kept.

    ``1 - (1 - target)**(k / rounds)`` for k = 1 ... rounds: halving for 1 - 2**-rounds.

    >>> geometric_rounds(0.875, 3)
    [0.5, 0.75, 0.875]
    """
    shares = [1 - (1 - target) ** (k / rounds) for k in range(1, rounds)]
    return [round(share, 6) for share in shares] + [target]
