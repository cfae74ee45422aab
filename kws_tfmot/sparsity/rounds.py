"""Rounds of sparse training: most methods have one, iterative pruning has several."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kws_tfmot.sparsity.schedules import Ramp, geometric_rounds
from kws_tfmot.sparsity.settings import SparsitySettings


@dataclass(frozen=True)
class Round:
    """One training run of a sparse training.

    Attributes:
        target: Sparsity at its end.
        epochs: Its length.
        begin: Share of it after which pruning begins.
        end: Share of it at which the target is reached.
        freeze: Share of it at which the masks are final; None: at ``end``.
    """

    target: float
    epochs: int
    begin: float
    end: float
    freeze: float | None = None

    def ramp(self, steps_per_epoch: int, frequency: int) -> Ramp:
        """The updates of the masks in steps."""
        steps = self.epochs * steps_per_epoch
        return Ramp.of_shares(self.begin, self.end, steps, frequency, self.target, self.freeze)

    def first_final_epoch(self, ramp: Ramp, steps_per_epoch: int) -> int:
        """The first epoch at whose end the masks have been final for all of it, as far as there is one."""
        return min(self.epochs - 1, math.ceil(ramp.final / steps_per_epoch))


def rounds_of(settings: SparsitySettings) -> list[Round]:
    """The rounds that ``settings`` ask for.

    With several rounds the last one has half of the epochs; where an accuracy may stop them, all have the same.

    >>> [r.target for r in rounds_of(SparsitySettings(method="weight_importance", schedule="rounds", target=0.9375))]
    [0.5, 0.75, 0.875, 0.9375]
    """
    if settings.resolved_schedule == "rounds":
        targets = geometric_rounds(settings.target, settings.rounds)
        lengths = _lengths(settings)
        return [Round(target, epochs, 0.0, 0.0) for target, epochs in zip(targets, lengths, strict=True)]
    if settings.resolved_schedule == "one_shot":
        # L1 needs time before the weights are chosen, plain one-shot pruning does not.
        at = settings.end if settings.resolved_l1 > 0 else settings.begin
        return [Round(settings.target, settings.epochs, at, at)]
    return [Round(settings.target, settings.epochs, settings.begin, settings.end, settings.freeze)]


def _lengths(settings: SparsitySettings) -> list[int]:
    count, epochs = settings.rounds, settings.epochs
    if settings.max_accuracy_drop is not None or count == 1:
        return [epochs // count] * (count - 1) + [epochs - epochs // count * (count - 1)]
    early = max(1, epochs // 2 // (count - 1))
    return [early] * (count - 1) + [epochs - early * (count - 1)]
