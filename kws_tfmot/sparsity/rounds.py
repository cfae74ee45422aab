"""Rounds of sparse training: most methods have one, iterative pruning has several."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kws_tfmot.sparsity.schedules import Ramp


@dataclass(frozen=True)
class Round:
    """One training run of a sparse training.

    Attributes:
        target: Sparsity at its end.
        epochs: Its length.
        begin: Share of it after which pruning begins.
        end: Share of it at which the target is reached.
        frequency: Steps between two updates of the masks.
        freeze: Share of it at which the masks are final; None: at ``end``.
    """

    target: float
    epochs: int
    begin: float
    end: float
    frequency: int = 1
    freeze: float | None = None

    def ramp(self, steps_per_epoch: int) -> Ramp:
        """The updates of the masks in steps."""
        steps = self.epochs * steps_per_epoch
        return Ramp.of_shares(self.begin, self.end, steps, self.frequency, self.target, self.freeze)

    def first_final_epoch(self, ramp: Ramp, steps_per_epoch: int) -> int:
        """The first epoch at whose end the masks have been final for all of it, as far as there is one."""
        return min(self.epochs - 1, math.ceil(ramp.final / steps_per_epoch))


def round_lengths(epochs: int, rounds: int, equal: bool) -> list[int]:
    """Epochs of each of ``rounds`` rounds: all the same where ``equal``, otherwise the last has half of them.

    >>> round_lengths(20, 3, equal=False), round_lengths(20, 3, equal=True)
    ([5, 5, 10], [6, 6, 8])
    """
    if equal or rounds == 1:
        return [epochs // rounds] * (rounds - 1) + [epochs - epochs // rounds * (rounds - 1)]
    early = max(1, epochs // 2 // (rounds - 1))
    return [early] * (rounds - 1) + [epochs - early * (rounds - 1)]
