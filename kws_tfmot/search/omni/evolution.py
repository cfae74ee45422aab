"""Evolutionary search for the best sub-network within a budget.

Population, truncation selection, mutation and crossover as in Once-for-all (Cai et al. 2020, arXiv 1908.09791), with
every child repaired until the budget holds, so that no evaluation is spent on what cannot be used. Seeded; every
evaluation goes through a log, so that an interrupted search replays what it has done in seconds, and searches under
other budgets share it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.errors import BudgetError
from kws_tfmot.files import write_json
from kws_tfmot.json_reader import read_json
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.search.budget import describe, excess
from kws_tfmot.search.omni.omni_settings import EvolutionSettings
from kws_tfmot.search.omni.subnet_space import Levels, Space

Cost = Mapping[str, float]
CostOf = Callable[[Levels], Cost]
ScoreOf = Callable[[Levels], tuple[float, float]]  # validation accuracy 0 to 1, and loss


@dataclass(frozen=True)
class JudgedLevels:
    """One sub-network that was evaluated."""

    levels: Levels
    accuracy: float
    loss: float

    def rank(self, fitness: str) -> tuple[float, float, Levels]:
        """Sorts the best first by ``accuracy`` or ``loss``; the levels make the order always the same."""
        first = -self.accuracy if fitness == "accuracy" else 0.0
        return first, self.loss, self.levels


class EvaluationLog:
    """Every evaluated sub-network of one supernet, in a JSON file.

    Args:
        path: Where it is kept; ``None`` keeps it in memory only.
        identity: What the evaluations depend on; a file of another identity is not used.
        score: The evaluation.
        save_every: Evaluations between two savings.
    """

    def __init__(self, path: Path | None, identity: str, score: ScoreOf, save_every: int = 50) -> None:
        self._path = path
        self._identity = identity
        self._score = score
        self._save_every = save_every
        self._unsaved = 0
        self.found: dict[Levels, JudgedLevels] = {}
        if path is not None and path.is_file():
            self._load(path)

    def _load(self, path: Path) -> None:
        try:
            stored = read_json(path)
        except ValueError:
            return  # written by something else, or cut off: evaluate anew
        if isinstance(stored, dict) and stored.get("identity") == self._identity:
            for row in stored["evaluations"]:
                candidate = JudgedLevels(tuple(row["levels"]), row["accuracy"], row["loss"])
                self.found[candidate.levels] = candidate

    def evaluate(self, levels: Levels) -> JudgedLevels:
        """The figures of ``levels``, computed once."""
        if levels not in self.found:
            self.found[levels] = JudgedLevels(levels, *self._score(levels))
            self._unsaved += 1
            if self._unsaved >= self._save_every:
                self.save()
        return self.found[levels]

    def save(self) -> None:
        """Write what is new."""
        if self._path is not None and self._unsaved:
            rows = [{"levels": c.levels, "accuracy": c.accuracy, "loss": c.loss} for c in self.found.values()]
            write_json(self._path, {"identity": self._identity, "evaluations": rows})
        self._unsaved = 0


@dataclass(frozen=True)
class SearchResult:
    """The outcome of one search: candidates within the budget, best first, and the best of each generation."""

    candidates: list[JudgedLevels]
    history: list[dict[str, Any]] = field(default_factory=list)
    evaluations: int = 0

    @property
    def best(self) -> JudgedLevels:
        """The winner."""
        return self.candidates[0]


def smallest(space: Space, cost: CostOf, budget: Mapping[str, float]) -> dict[str, float]:
    """The least of each budgeted cost that a uniform sub-network of the space reaches."""
    costs = [cost(space.uniform(level)) for level in range(len(space.grid))]
    return {key: min(c[key] for c in costs) for key in budget}


def check_budget(space: Space, cost: CostOf, budget: Mapping[str, float]) -> None:
    """Refuse a budget that the sparsest sub-network exceeds.

    Raises:
        BudgetError: Saying what the smallest achievable is.
    """
    least = smallest(space, cost, budget)
    sparsest = cost(space.uniform(space.top))
    if any(least[key] > limit for key, limit in budget.items()) or excess(sparsest, budget) > 0:
        within = least if any(least[key] > budget[key] for key in budget) else {k: sparsest[k] for k in budget}
        raise BudgetError(
            f"no sub-network meets the budget {describe(budget)}. The smallest achievable: {describe(within)} "
            f"(all layers at {100 * space.grid[-1]:g} % zeros).",
            "Raise the budget, train with a sparser omni.grid, or a smaller model.",
        )


def repair(space: Space, levels: Levels, cost: CostOf, budget: Mapping[str, float], rng: np.random.Generator) -> Levels:
    """Make random layers sparser, large ones more often, until the budget holds (it must be achievable)."""
    levels = tuple(levels)
    weights = np.array(space.weights, float)
    while excess(cost(levels), budget) > 0:
        free = np.array([level < space.top for level in levels])
        if not free.any():
            break
        chance = np.where(free, weights, 0.0)
        chosen = int(rng.choice(len(levels), p=chance / chance.sum()))
        levels = (*levels[:chosen], levels[chosen] + 1, *levels[chosen + 1 :])
    return levels


def fill(space: Space, levels: Levels, cost: CostOf, budget: Mapping[str, float], rng: np.random.Generator) -> Levels:
    """Make random layers denser, one level at a time, as long as the budget holds."""
    layers = [i for i in range(len(levels)) if levels[i] > 0]
    while layers:
        chosen = layers[int(rng.integers(len(layers)))]
        denser = (*levels[:chosen], levels[chosen] - 1, *levels[chosen + 1 :])
        if levels[chosen] > 0 and excess(cost(denser), budget) == 0:
            levels = denser
        else:
            layers.remove(chosen)
    return levels


def evolve(
    space: Space,
    log: EvaluationLog,
    cost: CostOf,
    budget: Mapping[str, float],
    settings: EvolutionSettings,
    *,
    start: Sequence[Levels] = (),
    description: str = "search",
    reporter: Reporter = SILENT,
) -> SearchResult:
    """Search for the sub-network of the highest validation accuracy within ``budget``.

    The first generation holds the densest uniform sub-network that fits, so the result is never worse than that on the
    validation clips; then what ``start`` gives, made to fit; the others are random.

    Raises:
        BudgetError: If nothing fits, with the smallest achievable.
    """
    check_budget(space, cost, budget)
    rng = np.random.default_rng(settings.seed)

    def fitted(levels: Levels) -> Levels:
        """Levels brought within the budget, and now and then up to it."""
        levels = repair(space, levels, cost, budget, rng)
        return fill(space, levels, cost, budget, rng) if rng.random() < settings.fill else levels

    uniform = next(u for level in range(len(space.grid)) if excess(cost(u := space.uniform(level)), budget) == 0)
    population = dict.fromkeys([uniform, fill(space, uniform, cost, budget, rng)])
    for levels in start:
        population[fill(space, repair(space, levels, cost, budget, rng), cost, budget, rng)] = None
    for _ in range(4 * settings.population):  # fewer distinct ones where the space is small
        if len(population) >= settings.population:
            break
        population[fitted(space.random(rng))] = None

    def order(candidate: JudgedLevels) -> tuple[float, float, Levels]:
        """The key that candidates are sorted by, best first."""
        return candidate.rank(settings.fitness)

    seen: dict[Levels, JudgedLevels] = {}
    history: list[dict[str, Any]] = []
    parents: list[JudgedLevels] = []
    with reporter.task(description, settings.generations + 1) as task:
        for generation in range(settings.generations + 1):
            if generation:
                population = _children(space, parents, fitted, settings, rng)
            for levels in population:
                seen[levels] = log.evaluate(levels)
            log.save()
            parents = sorted(seen.values(), key=order)[: settings.parents]
            best = parents[0]
            history.append({"generation": generation, "accuracy": best.accuracy, "loss": best.loss})
            task.advance(1, f"validation {100 * best.accuracy:.2f} %")
    return SearchResult(sorted(seen.values(), key=order), history, len(seen))


def _children(
    space: Space,
    parents: list[JudgedLevels],
    fitted: Callable[[Levels], Levels],
    settings: EvolutionSettings,
    rng: np.random.Generator,
) -> dict[Levels, None]:
    children: dict[Levels, None] = {}
    for _ in range(settings.population):
        a, b = (parents[int(i)].levels for i in rng.integers(0, len(parents), 2))
        if rng.random() < settings.crossover:
            child = space.cross(a, b, rng)
            child = child if child != a else space.mutate(child, settings.mutation, rng)
        else:
            child = space.mutate(a, settings.mutation, rng)
        children[fitted(child)] = None
    return children
