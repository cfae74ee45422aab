"""Which draws of the augmented training stream belong to which stage: no stage trains on the epochs of another."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class Draws(IntEnum):
    """The epoch offset of a stage, see :func:`~pipelines.stages.epochs.training_batches`.

    Stages that train a network from scratch share the first draws, so that networks compare on the same epochs.
    """

    DENSE = 0
    SPARSE = 1
    CLUSTER = 2
    QUANTIZE = 3
    HELD_OUT = 4  # clips that the choices of a search learn from
