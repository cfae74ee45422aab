"""`kws compare`: variants of a recipe at several sparsities and seeds, in one run that can be interrupted."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.comparison_summary import comparison_record, write_comparison
from kws_tfmot.provenance import own_commit, versions
from kws_tfmot.recipe import find_recipe, read_values
from kws_tfmot.yaml_reader import read_yaml
from pipelines.compare_view import show
from pipelines.console import JobsView, friendly_errors
from pipelines.many_builds import finish, stages_after
from pipelines.options import DataOption, JsonOption, SetOption, default_folder
from pipelines.outputs import FolderOption
from pipelines.stages.comparison import Comparison, by_methods, cells_of
from pipelines.stages.comparison_run import plan_jobs, run_comparison

JOBS = min(4, os.cpu_count() or 1)  # each needs about a gigabyte


def command(
    comparison: Annotated[Path, typer.Argument(help="A comparison, or a recipe (then with --methods).")],
    data: DataOption = "synthetic",
    out_dir: Annotated[
        Path | None, FolderOption("--out", help="Where every build is kept; runs/compare/NAME of the comparison.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes at once, which share the cores.")] = JOBS,
    methods: Annotated[str, typer.Option(help="For a recipe: tfmot_magnitude,gradual,mask_regrowth")] = "",
    sparsities: Annotated[str, typer.Option(help="For example 0.75,0.9,0.95")] = "",
    seeds: Annotated[str, typer.Option(help="How many, or which: 3, or 1,5,8")] = "",
    recipe: Annotated[
        Path | None, typer.Option(help="Compare on this recipe instead; the results are named after both.")
    ] = None,
    overrides: SetOption = [],  # noqa: B006 - typer copies it
    results: Annotated[Path | None, FolderOption(help="Where NAME.json and .png go; --out if not given.")] = None,
    features: Annotated[
        Path | None,
        FolderOption(help="Keep augmented epochs here, for other comparisons; else they go when this one is done."),
    ] = None,
    instructions: Annotated[bool, typer.Option(help="Count instructions and model cycles on mps2-an386.")] = True,
    streams: Annotated[bool, typer.Option(help="Misses at 0.5 and 0.1 false accepts an hour too.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Build every variant at every sparsity and seed, and say how they differ."""
    with friendly_errors():
        settings, folder = resolve(comparison, methods, sparsities, seeds, recipe)
        cells = cells_of(settings, folder, overrides)
        out_dir = out_dir or default_folder(settings.name, kind="compare")
        epochs = features or out_dir / "features"
        threads = max(1, (os.cpu_count() or 1) // jobs)
        planned = plan_jobs(cells, data, out_dir, epochs, stages_after(instructions, streams))
        with JobsView(settings.name, len(planned)) as view:
            found = run_comparison(cells, planned, out_dir, view, jobs, threads)
        about = {
            "command": shlex.join(["kws", "compare", *sys.argv[1 + (sys.argv[1:2] == ["compare"]) :]]),
            "commit": own_commit(),
            "comparison": settings.model_dump(mode="json") | {"recipe": Path(settings.recipe).name},
            "overrides": list(overrides),
            "recipes": {cell.variant: cell.recipe.model_dump(mode="json") for cell in reversed(cells)},
            "processes": {"jobs": jobs, "threads": threads},
            "versions": versions(),
        }
        record = comparison_record(settings.name, found.rows, settings.baseline, found.failures, about)
        target = results or out_dir
        write_comparison(record, target)
        if not found.failures and features is None:
            shutil.rmtree(epochs, ignore_errors=True)
        finish(record, lambda: show(record, target), found.failures, as_json)


def resolve(
    given: Path, methods: str, sparsities: str, seeds: str, recipe: Path | None = None
) -> tuple[Comparison, Path]:
    """The comparison that the command line means, and the folder its recipe is relative to."""
    targets, chosen = listed(sparsities, "--sparsities"), listed(seeds, "--seeds")
    if len(chosen) == 1 and "," not in seeds:
        chosen = chosen[0]
    path = find_recipe(given)
    values = read_values(path)
    if recipe is not None and "variants" not in values:
        raise RecipeError(f"--recipe gives a comparison another recipe, and {path} is a recipe. Received: {recipe}")
    if "variants" not in values:
        return by_methods(path, listed(methods, "--methods"), targets, chosen if seeds else None), Path()
    if methods:
        raise RecipeError(f"{path} names its variants itself. Received: --methods {methods}")
    values |= {"targets": targets} if sparsities else {}
    values |= {"seeds": chosen} if seeds else {}
    if recipe is not None:
        other = find_recipe(recipe).absolute()
        values |= {"recipe": str(other), "name": f"{values.get('name', path.stem)}_{other.stem}"}
    return Comparison.parse(values), path.parent


def listed(text: str, option: str) -> Any:
    """Values separated by commas, in YAML."""
    return read_yaml(f"[{text}]", f"{option} {text[:80]!r}", "Give values separated by commas.")


if __name__ == "__main__":
    typer.run(command)
