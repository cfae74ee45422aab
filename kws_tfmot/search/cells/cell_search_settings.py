"""Settings of the differentiable search for cells."""

from __future__ import annotations

from typing import Literal

import pydantic

from kws_tfmot.models.mbconv_cells import EXPANSIONS, KERNELS
from kws_tfmot.settings import Settings

FINALS = ("finalists", "final_epochs")  # what only the last choice depends on


class CellSearchSettings(Settings):
    """The space and how it is searched; width, mix and dropout are those of the recipe's ``model``.

    Attributes:
        cells: Cells of the largest network; every one but the first may be left out.
        kernels: Depthwise kernels that a cell may have.
        expansions: Expansions that a cell may have.
        weights: ``shared`` lets all operations of a cell use parts of one kernel (the first channels, the centre of the
            window), so that every step trains all of them a little: for short searches. ``own`` gives each operation
            weights of its own, as in the paper.
        warmup: Epochs that train weights alone, with operations drawn evenly.
        epochs: Epochs after the warm-up, that train weights and choices in turn.
        every: A step of the choices follows every so many steps of the weights.
        batch_size: Clips of a step of the choices.
        held: Share of the training speakers whose clips the choices are learned from and the weights never see.
        learning_rate: Peak rate of the choices; it rises from 0 to this, as ``(1 + cos(pi (1 + t / T))) / 2``.
        weight_learning_rate: Peak rate of the weights, which falls by a cosine.
        constraint: How the budget acts on the choices. ``loss``: the paper's ``CE (log E[cost] / log target)^beta``.
            ``projection``: the loss is CE, and after every step the probabilities move to the nearest that meet the
            budget (:func:`kws_tfmot.search.cells.choices.within`); for short searches, and for several limits at once.
        beta: Exponent of the cost under ``loss``.
        candidates: Networks drawn from the learned probabilities within the budget in the end. Of these and the most
            probable one, that of the least cross-entropy on the held-out clips (with the weights of the search) is
            taken. 0 takes the most probable, as in the paper.
        finalists: Half of them the best candidates, half drawn evenly within the budget: trained from scratch for
            ``final_epochs``, the best quarter three times as long, and the one of the least validation loss is taken. 0
            leaves the choice to the weights of the search.
        final_epochs: See there.
        margin: The search aims at this share of the budget, so that the network it ends with meets it.
        seed: Of the draws.
    """

    cells: int = pydantic.Field(default=12, ge=1, le=24)
    kernels: tuple[int, ...] = KERNELS
    expansions: tuple[int, ...] = EXPANSIONS
    weights: Literal["shared", "own"] = "shared"
    warmup: int = pydantic.Field(default=40, ge=0, le=10_000)
    epochs: int = pydantic.Field(default=120, ge=1, le=10_000)
    every: int = pydantic.Field(default=5, ge=1, le=1000)
    batch_size: int = pydantic.Field(default=100, ge=2, le=4096)
    held: float = pydantic.Field(default=0.2, gt=0.0, lt=1.0)
    learning_rate: float = pydantic.Field(default=4e-3, gt=0.0, le=10.0)
    weight_learning_rate: float = pydantic.Field(default=4e-3, gt=0.0, le=10.0)
    constraint: Literal["loss", "projection"] = "loss"
    beta: float = pydantic.Field(default=4.0, ge=0.0, le=1000.0)
    candidates: int = pydantic.Field(default=0, ge=0, le=10_000)
    finalists: int = pydantic.Field(default=0, ge=0, le=1000)
    final_epochs: int = pydantic.Field(default=8, ge=1, le=1000)
    margin: float = pydantic.Field(default=1.0, gt=0.0, le=1.0)
    seed: int = pydantic.Field(default=1, ge=0, lt=1 << 32)

    @pydantic.field_validator("kernels", "expansions")
    @classmethod
    def _ascending(cls, values: tuple[int, ...], info: pydantic.ValidationInfo) -> tuple[int, ...]:
        allowed = KERNELS if info.field_name == "kernels" else EXPANSIONS
        if not values or list(values) != sorted(set(values)) or not set(values) <= set(allowed):
            raise ValueError(f"expected some of {', '.join(map(str, allowed))}, ascending")
        return values
