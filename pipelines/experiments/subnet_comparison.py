"""One seed of the comparison that omni-sparsity must pass: against models trained one by one, and against no search.

All that is compared is quantised by calibration and judged as int8 on the same test clips. A model trained for one
sparsity gets as many epochs as the supernet: a dense training, shared by all of them, and a sparse one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.search_costs.subnet_cost import SubnetCosts
from kws_tfmot.evaluation.accuracy import wilson_interval
from kws_tfmot.recipe import Recipe
from kws_tfmot.runs import Run
from kws_tfmot.search.omni.omni_settings import EvolutionSettings, OmniSettings
from pipelines.experiments.omni_timing import time_regimes
from pipelines.stages.build import Build
from pipelines.stages.compress import compress
from pipelines.stages.convert import INT8_MODEL, convert_model
from pipelines.stages.evaluate import evaluate_build
from pipelines.stages.omni import open_subnetworks, subnetwork_recipe, train_supernet
from pipelines.stages.prepare import prepare_data
from pipelines.stages.subnets_on_device import finish, open_costs, open_log, search, uniform_choice
from pipelines.stages.train import train_dense

Open = Callable[[Recipe, Path], Build]
SLACK = 32  # estimates of flash are a few bytes off, for alignment


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is compared.

    Attributes:
        sparsities: Of the models trained one by one, and of the uniform sub-networks beside them.
        searched: Those of them at whose bytes a search is made.
        dense_share: Share of the epochs that a model trained alone spends dense.
        method: Settings of its sparse training, as in a recipe's ``sparsity``.
        regimes: Supernets to train.
        evolution: The search.
        board: Where sub-networks are counted.
    """

    sparsities: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95)
    searched: tuple[float, ...] = (0.75, 0.9, 0.95)
    dense_share: float = 0.7
    method: dict[str, Any] = dataclasses.field(default_factory=dict)
    regimes: tuple[str, ...] = ("one_pass",)
    evolution: EvolutionSettings = dataclasses.field(default_factory=EvolutionSettings)
    board: str = "mps2-an386"


def individual_recipe(recipe: Recipe, plan: Plan, sparsity: float) -> Recipe:
    """The recipe of a model trained for one sparsity alone, with the supernet's epochs in all."""
    epochs = recipe.train.epochs
    dense = max(1, round(plan.dense_share * epochs))
    values = recipe.model_dump(mode="json")
    values["omni"] = None
    values["train"] |= {"epochs": dense, "warmup_epochs": min(values["train"]["warmup_epochs"], dense)}
    values["sparsity"] = {"target": sparsity, "epochs": max(1, epochs - dense)} | plan.method
    values["quantization"] |= {"mode": "ptq"}
    values["convert"] |= {"also": []}
    return Recipe.parse(values)


def run_individuals(recipe: Recipe, plan: Plan, folder: Path, open_build: Open) -> list[dict[str, Any]]:
    """Train a model for each sparsity, all from the same dense one; their rows."""
    rows = []
    parent = Run(folder / "individual-dense")
    for sparsity in plan.sparsities:
        own = individual_recipe(recipe, plan, sparsity)
        first = dataclasses.replace(open_build(own, folder / "individual-dense"), run=parent)
        prepare_data(first)
        train_dense(first)
        build = open_build(own, folder / f"individual-{100 * sparsity:g}")
        build.run.adopt(parent, ("train",))
        for stage in (prepare_data, train_dense, compress, convert_model, evaluate_build):
            stage(build)
        figures = build.run.figures("evaluate")[INT8_MODEL]
        zeros = build.run.figures("convert")["files"][INT8_MODEL]["zeros"]
        seconds = build.run.seconds()
        rows.append(
            {
                "way": "individual",
                "target": sparsity,
                "zero_share": sum(z["zeros"] for z in zeros) / sum(z["weights"] for z in zeros),
                "test": _judged(figures),
                "seconds": {name: seconds[name] for name in ("train", "sparsify")},
                "epochs": {"dense": own.train.epochs, "sparse": own.sparsity.epochs if own.sparsity else 0},
                "commits": build.run.commits(),
            }
        )
    return rows


def run_dense(recipe: Recipe, folder: Path, open_build: Open) -> dict[str, Any]:
    """The dense model with the supernet's epochs: what its training time is compared with."""
    build = open_build(subnetwork_recipe(recipe), folder / "dense")
    for stage in (prepare_data, train_dense, convert_model, evaluate_build):
        stage(build)
    figures = build.run.figures("evaluate")[INT8_MODEL]
    train = build.run.figures("train")
    return {
        "way": "dense",
        "test": _judged(figures),
        "seconds": {"train": build.run.seconds()["train"]},
        "commits": build.run.commits(),
        "step_ms": train.get("step_ms"),
        "step_cpu_ms": train.get("step_cpu_ms"),
    }


def run_supernet(recipe: Recipe, regime: str, plan: Plan, folder: Path, open_build: Open) -> list[dict[str, Any]]:
    """Train a supernet; its uniform sub-networks, and the searched ones of the same bytes."""
    settings = (recipe.omni or OmniSettings()).model_copy(update={"regime": regime})
    build = open_build(recipe.model_copy(update={"omni": settings}), folder / regime)
    prepare_data(build)
    train_supernet(build)
    subnets, figures = open_subnetworks(build), build.run.figures("supernet")
    costs = open_costs(build, subnets, plan.board)
    log = open_log(build, subnets)
    common = {
        "regime": regime,
        "training_seconds": build.run.seconds()["supernet"],
        "commits": build.run.commits(),
        "step_ms": figures.get("step_ms"),
        "step_cpu_ms": figures.get("step_cpu_ms"),
    }
    rows = []
    for levels in uniform_choice(subnets.space, (0.0, *plan.sparsities)):
        row = finish(build, subnets, levels, plan.board, shrink=False)
        found = log.evaluate(levels)
        row["validation"] = {"accuracy": found.accuracy, "loss": found.loss}
        rows.append(common | {"way": "uniform", "target": subnets.space.grid[levels[0]]} | row)
        if any(abs(subnets.space.grid[levels[0]] - s) < 1e-9 for s in plan.searched):
            rows.append(common | {"way": "search", "target": subnets.space.grid[levels[0]]} | _equal(
                build, subnets, costs, levels, plan
            ))  # fmt: skip
    log.save()
    return rows


def _equal(build: Build, subnets: Any, costs: SubnetCosts, levels: tuple[int, ...], plan: Plan) -> dict[str, Any]:
    """The search at the flash of a uniform sub-network; ``SLACK`` bytes more, so that padding decides nothing."""
    budget = {"flash": costs(levels)["flash"] + SLACK}
    row = search(build, subnets, costs, budget, plan.evolution, plan.board, shrink=False)
    return row | {"budget": budget}


def _judged(figures: dict[str, Any]) -> dict[str, Any]:
    return {k: figures[k] for k in ("accuracy", "n", "interval_95", "split_sha256", "interpreter")}


def run_seed(recipe: Recipe, plan: Plan, folder: Path, open_build: Open) -> dict[str, Any]:
    """Everything of one seed; what is done already is skipped."""
    rows = [run_dense(recipe, folder, open_build)]
    for regime in plan.regimes:
        rows += run_supernet(recipe, regime, plan, folder, open_build)
    rows += run_individuals(recipe, plan, folder, open_build)
    return {"seed": recipe.seed, "rows": rows}


def run_timing(recipe: Recipe, plan: Plan, folder: Path, open_build: Open) -> dict[str, Any]:
    """A step of each regime against a dense one, in turn; measured anew at every call."""
    return time_regimes(open_build(recipe, folder / "timing"), plan.regimes)


def summarise(seeds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and sample standard deviation over the seeds of the int8 test accuracy, for each way, regime and target.

    >>> rows = [{"rows": [{"way": "dense", "test": {"accuracy": a, "n": 100}}]} for a in (0.8, 0.9)]
    >>> [(r["way"], round(r["mean"], 3), round(r["spread"], 3), r["seeds"]) for r in summarise(rows)]
    [('dense', 0.85, 0.071, 2)]
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for seed in seeds:
        for row in seed["rows"]:
            groups.setdefault((row["way"], row.get("regime"), row.get("target")), []).append(row)
    summary = []
    for (way, regime, target), rows in groups.items():
        values = np.array([row["test"]["accuracy"] for row in rows])
        pooled = sum(round(row["test"]["accuracy"] * row["test"]["n"]) for row in rows)
        total = sum(row["test"]["n"] for row in rows)
        summary.append(
            {
                "way": way,
                "regime": regime,
                "target": target,
                "mean": float(values.mean()),
                "spread": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
                "seeds": len(values),
                "pooled_interval_95": list(wilson_interval(pooled, total)),
                **{name: _mean_on_board(rows, name) for name in ("flash", "instructions", "cycles")},
            }
        )
    return summary


def _mean_on_board(rows: Sequence[dict[str, Any]], name: str) -> float | None:
    values = [row["board"][name] for row in rows if name in row.get("board", {})]
    return float(np.mean(values)) if values else None
