"""Settings of the supernet and of the search in it."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import pydantic

from kws_tfmot.settings import Settings
from kws_tfmot.sparsity.patterns import Pattern
from kws_tfmot.sparsity.sparsity_settings import PatternText

DEFAULT_GRID = (0.0, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def _only_sparsity(pattern: Any) -> float | None:
    try:
        return Pattern.parse(pattern).sparsity
    except (TypeError, ValueError):  # the field says it
        return None


def _grid_to(last: float) -> tuple[float, ...]:
    """The levels of the default below ``last``, and ``last``."""
    return (*(level for level in DEFAULT_GRID if level < last - 1e-9), last)


class OmniSettings(Settings):
    """How one set of weights is trained to serve every sparsity.

    Attributes:
        regime: ``one_pass`` trains one sub-network a step and so costs what one model costs; ``sandwich`` trains the
            dense one, the sparsest and ``random`` others in every step, the others towards the outputs of the dense.
        grid: Sparsities that a layer may have, ascending from 0; a sub-network chooses one for each layer. Of N:M the
            last is (M - N) / M.
        pattern: As in :class:`~kws_tfmot.sparsity.sparsity_settings.SparsitySettings`.
        skip: Names of layers that stay dense.
        warmup: Share of the steps that train the dense network alone at the beginning.
        growth: Share of the steps, after the warm-up, over which the sparsest level that is drawn grows from the first
            above dense to the last: as in gradual pruning, weights are given up a few at a time.
        refresh: Steps between two rankings of the weights; the masks of all sub-networks follow from the ranks.
        dense_share: one_pass: share of the steps after the warm-up that train the dense network.
        sparsest_share: one_pass: share that trains the sparsest; the others train random ones.
        uniform_share: Share of the random sub-networks that have one sparsity in all layers.
        reach: How many levels of the grid the layers of the other random ones lie from a common level at most. With
            null they are independent, and then hardly any sub-network is nearly as sparse as the sparsest.
        random: sandwich: random sub-networks a step.
        distillation: sandwich: weight of the dense network's outputs as targets, against the labels' 1 - weight.
        gradient: ``masked`` updates the weights that the step used; ``straight_through`` all of them.
        decay: SR-STE (Zhou et al. 2021, arXiv 2102.04010): this much of each masked weight is added to its gradient.
        learning_rate: Peak learning rate of the supernet; by default that of the recipe's dense training.
        scale_dropout: Multiply dropout rates by the share of weights a sub-network keeps.
        recalibration_clips: Training clips that each sub-network's batch norm is recalibrated on.
    """

    regime: Literal["one_pass", "sandwich"] = "one_pass"
    grid: tuple[float, ...] = DEFAULT_GRID
    pattern: PatternText = "unstructured"
    skip: tuple[str, ...] = ()
    warmup: float = pydantic.Field(default=0.1, ge=0.0, lt=1.0)
    growth: float = pydantic.Field(default=0.3, ge=0.0, lt=1.0)
    refresh: int = pydantic.Field(default=20, ge=1)
    dense_share: float = pydantic.Field(default=0.2, ge=0.0, le=1.0)
    sparsest_share: float = pydantic.Field(default=0.2, ge=0.0, le=1.0)
    uniform_share: float = pydantic.Field(default=0.3, ge=0.0, le=1.0)
    reach: int | None = pydantic.Field(default=1, ge=1)
    random: int = pydantic.Field(default=2, ge=0, le=16)
    distillation: float = pydantic.Field(default=1.0, ge=0.0, le=1.0)
    gradient: Literal["masked", "straight_through"] = "masked"
    decay: float = pydantic.Field(default=5e-4, ge=0.0, le=1.0)
    learning_rate: float | None = pydantic.Field(default=None, gt=0, le=10)
    scale_dropout: bool = False
    recalibration_clips: int = pydantic.Field(default=1000, ge=1, le=1_000_000)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _grid_of_the_pattern(cls, values: Any) -> Any:
        """Without a grid of its own a recipe with N:M has the levels that it can hold."""
        only = _only_sparsity(values.get("pattern")) if isinstance(values, dict) and "grid" not in values else None
        return values | {"grid": _grid_to(only)} if only else values

    @pydantic.model_validator(mode="after")
    def _pattern_holds_the_grid(self) -> OmniSettings:
        only = Pattern.parse(self.pattern).sparsity
        if only and self.grid[-1] > only + 1e-9:
            levels = ", ".join(f"{level:g}" for level in _grid_to(only))
            raise ValueError(
                f"the pattern {self.pattern} holds no sparsity above {only:g}, and the grid goes to "
                f"{self.grid[-1]:g}; set omni.grid=[{levels}]"
            )
        return self

    @pydantic.field_validator("grid")
    @classmethod
    def _ascending(cls, grid: tuple[float, ...]) -> tuple[float, ...]:
        if len(grid) < 2 or grid[0] != 0.0 or grid[-1] >= 1.0 or any(a >= b for a, b in itertools.pairwise(grid)):
            raise ValueError("expected two or more sparsities, ascending from 0 to below 1")
        return grid

    @pydantic.model_validator(mode="after")
    def _shares_fit(self) -> OmniSettings:
        if self.warmup + self.growth > 1:
            raise ValueError(f"expected warmup + growth of at most 1, got {self.warmup:g} + {self.growth:g}")
        if self.dense_share + self.sparsest_share > 1:
            raise ValueError(
                "expected dense_share + sparsest_share of at most 1, got "
                f"{self.dense_share:g} + {self.sparsest_share:g}"
            )
        return self


class EvolutionSettings(Settings):
    """The evolutionary search.

    Attributes:
        population: Sub-networks of a generation.
        generations: How often a new generation is made.
        parents: The best so far, from which the next generation comes.
        mutation: Probability that a layer of a mutated child takes another sparsity.
        crossover: Share of children made of two parents, layer by layer; the others are mutations.
        fill: Share of children that are made denser as long as the budget allows.
        fitness: ``accuracy`` on the validation clips, ties decided by the loss; or the ``loss`` alone, whose steps
            are finer where the clips are few.
        seed: Of every draw.
    """

    population: int = pydantic.Field(default=64, ge=2, le=10_000)
    generations: int = pydantic.Field(default=20, ge=0, le=10_000)
    parents: int = pydantic.Field(default=16, ge=1)
    mutation: float = pydantic.Field(default=0.1, gt=0.0, le=1.0)
    crossover: float = pydantic.Field(default=0.5, ge=0.0, le=1.0)
    fill: float = pydantic.Field(default=0.5, ge=0.0, le=1.0)
    fitness: Literal["accuracy", "loss"] = "accuracy"
    seed: int = pydantic.Field(default=1, ge=0, lt=1 << 32)

    @pydantic.model_validator(mode="after")
    def _parents_fit(self) -> EvolutionSettings:
        if self.parents > self.population:
            raise ValueError(f"expected parents of at most population={self.population}, got {self.parents}")
        return self
