"""Searched networks on real recordings: against DS-CNN small, random networks of the same cost, and another cost."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from kws_tfmot.errors import KwsError
from kws_tfmot.evaluation.comparison_summary import comparison_record, write_comparison
from kws_tfmot.jobs import Job, run_jobs
from kws_tfmot.provenance import own_commit, versions
from kws_tfmot.recipe import Recipe, load_recipe
from kws_tfmot.runs import Run
from kws_tfmot.search.budget import parse_quantity
from pipelines.compare import show
from pipelines.console import JobsView, RichReporter, friendly_errors, line
from pipelines.experiments.search_experiment import (
    REFERENCE,
    Experiment,
    measured_on,
    run_search,
    variant_of,
    with_changes,
)
from pipelines.recordings import recordings_folder
from pipelines.stages.build import Build
from pipelines.stages.comparison import Comparison, ComparisonCell, cells_of
from pipelines.stages.comparison_run import plan_jobs, run_comparison
from pipelines.stages.export import count_instructions, export_build
from pipelines.stages.search_cells import space_of

ROOT = Path(__file__).resolve().parent.parent.parent
NAME, BASELINE, BOARD = "search", "DS-CNN s", "mps2-an386"


def command(
    recipe: Annotated[Path, typer.Option(help="The recipe of the searches.")] = ROOT / "recipes/search_mbconv.yaml",
    recordings: Annotated[str, typer.Option(help="A folder in the layout of Speech Commands.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds train every network.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of every training from scratch.")] = 40,
    macs: Annotated[str, typer.Option(help="Budget of the searches by MACs.")] = "2.7M",
    share: Annotated[float, typer.Option(help="Cycle-aware search: share of the MAC-aware one's.")] = 0.8,
    narrow: Annotated[int, typer.Option(min=4, help="Width at a quarter of the cycles; mix: 3 times.")] = 12,
    random: Annotated[int, typer.Option(min=0, help="Random networks of the same MACs, and of a quarter.")] = 5,
    random_seeds: Annotated[int, typer.Option(min=0, help="How many seeds train those.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at once.")] = 2,
    runs: Annotated[Path, typer.Option(help="Where the runs are kept; what is done is skipped.")] = Path("runs/search"),
    results: Annotated[Path, typer.Option(help="Where the results are written.")] = ROOT / "results",
    overrides: Annotated[list[str], typer.Option("--set", help="Change the recipe: key=value.")] = [],  # noqa: B006
) -> None:
    """Search, then train every network found from scratch with the same epochs, and compare them."""
    with friendly_errors():
        base, source = load_recipe(recipe, overrides), f"folder:{recordings_folder(recordings)}"
        threads = max(1, (os.cpu_count() or 1) // jobs)
        reference = measured_on(BOARD, with_changes(base, {"model": REFERENCE}))
        line(f"{BASELINE} on {BOARD}: {reference}")
        limit = parse_quantity(macs, "macs")
        planned = searches(base, source, runs, limit, share, reference, narrow, random)
        search_all(planned, jobs, threads)
        comparison = compared(planned, epochs, seeds, recipe)
        cells = [c for c in cells_of(comparison, recipe.parent, overrides) if _wanted(c, random_seeds)]
        trained = plan_jobs(cells, source, runs / "compare", runs / "features", (export_build, count_instructions))
        with JobsView(NAME, len(trained)) as view:
            found = run_comparison(cells, trained, runs / "compare", view, jobs, threads)
        about = {
            "command": shlex.join(["python", "-m", "pipelines.experiments.run_search_experiments", *sys.argv[1:]]),
            "commit": own_commit(),
            "recipe": base.model_dump(mode="json"),
            "reference": reference,
            "searches": {own.name: _shortened(own.record()) for own in planned},
            "processes": {"jobs": jobs, "threads": threads},
            "versions": versions(),
        }
        record = comparison_record(NAME, found.rows, BASELINE, found.failures, about)
        record["against_random"] = against_random(found.rows)
        record["first_rung"] = {own.name: first_rung(own.record()["finals"]) for own in planned}
        write_comparison(record, results)
        show(record, results)
        for name, row in record["against_random"].items():
            line(f"{name}: {100 * row['difference']:+.2f} points against the mean of {row['networks']} random networks")


def searches(
    base: Recipe,
    source: str,
    runs: Path,
    macs: float,
    share: float,
    reference: dict[str, float],
    narrow: int,
    random: int,
) -> list[Experiment]:
    """MAC-aware; the same within all that DS-CNN takes; cycle-aware; and a quarter of DS-CNN's cycles."""
    by_macs = Experiment(
        "by MACs", base, source, runs / "searches", {"macs": macs}, epochs=runs / "features", random=random
    )
    small = with_changes(base, {"model": {"width": narrow, "mix": 3 * narrow}})
    quarter = {"cycles": reference["cycles"] / 4}
    return [
        by_macs,
        replace(by_macs, name="within DS-CNN's device", budget={"macs": macs, **reference}, random=0),
        replace(by_macs, name="a quarter of the cycles", budget=quarter, recipe=small),
        replace(by_macs, name="by cycles", budget={}, share_of="by MACs", share=share, random=0),
    ]


def search_all(planned: list[Experiment], jobs: int, threads: int) -> None:
    """Do the searches, those that need another's result after it.

    Raises:
        KwsError: Naming the searches that failed.
    """
    todo = [Job(own.name, run_search, (own,), needs=(own.share_of,) if own.share_of else ()) for own in planned]
    with JobsView("searches", len(todo)) as view:
        outcomes = run_jobs(todo, jobs, threads, view)
    if failed := {name: outcome for name, outcome in outcomes.items() if outcome.error}:
        raise KwsError("\n".join(f"{name}: {outcome.error}\n{outcome.trace}" for name, outcome in failed.items()))


def compared(planned: list[Experiment], epochs: int, seeds: int, recipe: Path) -> Comparison:
    """Every network as a variant of one recipe."""
    variants: dict[str, Any] = {BASELINE: {"model": REFERENCE}}
    for own in planned:
        space = _space(own)
        variants[f"searched {own.name}"] = variant_of(space, own.record()["cells"])
        variants |= {f"random {i} {own.name}": variant_of(space, cells) for i, cells in enumerate(own.drawn(), start=1)}
    changes = {"search": None, "train": {"epochs": epochs}}
    given = {"name": NAME, "recipe": recipe.name, "seeds": seeds, "baseline": BASELINE}
    return Comparison.parse(given | {"changes": changes, "variants": variants})


def _space(own: Experiment) -> Any:
    return space_of(Build(own.recipe, own.source, Run(own.directory), RichReporter()))


def _wanted(cell: ComparisonCell, random_seeds: int) -> bool:
    return not cell.variant.startswith("random ") or cell.seed <= random_seeds


def against_random(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each searched network's accuracy less the mean of the random ones of its budget, over the seeds that both have.

    >>> rows = [{"variant": v, "seed": 1, "accuracy": {"int8": a}}
    ...         for v, a in (("searched by MACs", 0.9), ("random 1 by MACs", 0.7), ("random 2 by MACs", 0.9))]
    >>> {name: round(row["difference"], 6) for name, row in against_random(rows).items()}
    {'searched by MACs': 0.1}
    """
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(row["variant"] for row in rows if row["variant"].startswith("searched ")):
        random = [row for row in rows if _drawn_for(row["variant"]) == name.removeprefix("searched ")]
        seeds = {row["seed"] for row in random}
        own = [row["accuracy"]["int8"] for row in rows if row["variant"] == name and row["seed"] in seeds]
        if own and random:
            others = [row["accuracy"]["int8"] for row in random]
            found[name] = {
                "difference": float(np.mean(own) - np.mean(others)),
                "better_than": int(sum(np.mean(own) > other for other in others)),
                "networks": len({row["variant"] for row in random}),
                "seeds": sorted(seeds),
            }
    return found


def first_rung(finals: list[dict[str, Any]]) -> dict[str, Any]:
    """Validation loss of what the search proposed and of what was drawn evenly, after the same few epochs.

    >>> finals = [{"drawn_evenly": d, "validation_loss": [x]} for d, x in ((False, 0.5), (False, 0.7), (True, 0.6))]
    >>> found = first_rung(finals)
    >>> round(found["searched"]["mean"], 6), found["searched"]["networks"], found["pairs_won"]
    (0.6, 2, 0.5)
    """
    groups = {
        name: np.array([row["validation_loss"][0] for row in finals if row["drawn_evenly"] == evenly])
        for name, evenly in (("searched", False), ("random", True))
    }
    found: dict[str, Any] = {
        name: {"mean": float(x.mean()), "spread": float(x.std(ddof=1)) if len(x) > 1 else None, "networks": len(x)}
        for name, x in groups.items()
        if len(x)
    }
    if len(found) == 2:
        won = groups["searched"][:, None] < groups["random"][None]
        found["pairs_won"] = float(won.mean())  # share of all pairs in which the searched one is better
    return found


def _drawn_for(variant: str) -> str | None:
    """``by MACs`` of ``random 3 by MACs``; None of other variants."""
    return variant.split(" ", 2)[2] if variant.startswith("random ") else None


def _shortened(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "probabilities"}


if __name__ == "__main__":
    typer.run(command)
