"""`kws sweep`: many trials of a recipe on Ray Tune, here or on a cluster, in one run that can be interrupted."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from kws_tfmot.errors import RecipeError
from kws_tfmot.provenance import own_commit, versions
from kws_tfmot.recipe import find_recipe, read_values
from pipelines.compare import listed
from pipelines.console import JobsView, friendly_errors
from pipelines.many_builds import finish, stages_after
from pipelines.options import DataOption, JsonOption, SetOption, default_folder
from pipelines.outputs import FolderOption
from pipelines.stages.sweep.cluster import require_ray
from pipelines.stages.sweep.domains import parse_trial_option
from pipelines.stages.sweep.record import sweep_record, write_sweep
from pipelines.stages.sweep.run import SweepPlan, Where, absolute, run_sweep, steps_left
from pipelines.stages.sweep.sweep_settings import TARGET, Sweep, trials_of
from pipelines.sweep_view import show

JOBS = min(4, os.cpu_count() or 1)  # each needs about a gigabyte


def command(
    recipe: Annotated[Path, typer.Argument(help="A sweep, or a recipe (then with --methods, --try ...).")],
    data: DataOption = "synthetic",
    out_dir: Annotated[
        Path | None,
        FolderOption("--out", help="Where every trial is kept, shared by all nodes; runs/sweep/NAME of the sweep."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Trials at once on this computer.")] = JOBS,
    address: Annotated[str, typer.Option(help="A Ray cluster instead: HOST:PORT of its head, or auto.")] = "",
    cores: Annotated[int, typer.Option(min=1, help="Cores and threads of a trial; another number, other models.")] = 1,
    methods: Annotated[str, typer.Option(help="For example tfmot_magnitude,gradual,mask_regrowth")] = "",
    sparsities: Annotated[str, typer.Option(help="For example 0.75,0.9,0.95")] = "",
    seeds: Annotated[str, typer.Option(help="How many, or which: 3, or 1,5,8")] = "",
    tried: Annotated[
        list[str],
        typer.Option("--try", help="key=[a, b], or key={log_uniform: [low, high]}, uniform, integer, choice."),
    ] = [],  # noqa: B006 - typer copies it
    samples: Annotated[int, typer.Option(min=0, help="Draws from what is no list.")] = 0,
    overrides: SetOption = [],  # noqa: B006 - typer copies it
    stop_early: Annotated[bool, typer.Option("--stop-early/--to-the-end", help="ASHA, as the sweep says.")] = True,
    results: Annotated[Path | None, FolderOption(help="Where NAME.json and .png go; --out if not given.")] = None,
    features: Annotated[Path | None, FolderOption(help="Where augmented epochs are kept; OUT/features.")] = None,
    instructions: Annotated[bool, typer.Option(help="Count instructions and model cycles on mps2-an386.")] = True,
    streams: Annotated[bool, typer.Option(help="Misses at 0.5 and 0.1 false accepts an hour too.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Run every trial of a sweep, stop the worst early, and say which were best."""
    with friendly_errors():
        require_ray()
        given = {"sparsity.method": listed(methods, "--methods"), TARGET: listed(sparsities, "--sparsities")}
        parameters = {key: values for key, values in given.items() if values} | dict(map(parse_trial_option, tried))
        sweep, folder = resolve(recipe, parameters, listed(seeds, "--seeds"), "," in seeds, samples, stop_early)
        trials = trials_of(sweep, folder, overrides)
        out_dir = out_dir or default_folder(sweep.name, kind="sweep")
        stages = stages_after(instructions, streams)
        plan = absolute(SweepPlan(sweep, trials, data, out_dir, features or out_dir / "features", stages))
        with JobsView(sweep.name, steps_left(plan)) as view:
            found = run_sweep(plan, Where(address, jobs, cores), view)
        about = {
            "command": shlex.join(["kws", "sweep", *sys.argv[1 + (sys.argv[1:2] == ["sweep"]) :]]),
            "commit": own_commit(),
            "sweep": sweep.model_dump(mode="json") | {"recipe": Path(sweep.recipe).name},
            "overrides": list(overrides),
            "recipes": {cell.variant: cell.recipe.model_dump(mode="json") for cell in reversed(trials.cells)},
            "processes": {"cluster": bool(address), "trials": None if address else jobs, "threads": cores},
            "versions": versions(),
        }
        record = sweep_record(plan, found, about)
        target = results or out_dir
        write_sweep(record, target)
        if not found.failures and features is None:
            shutil.rmtree(out_dir / "features", ignore_errors=True)
        finish(record, lambda: show(record, target), found.failures, as_json)


def resolve(
    given: Path, parameters: dict[str, Any], seeds: list[int], which: bool, samples: int, stop_early: bool
) -> tuple[Sweep, Path]:
    """The sweep that the command line means, and the folder its recipe is relative to."""
    path = find_recipe(given)
    values = read_values(path)
    if {"recipe", "parameters", "variants"} & values.keys():
        listed_there = values.get("parameters") or {}
        if not isinstance(listed_there, dict):
            raise RecipeError(f"{path}: parameters: expected a mapping of settings. Received: {listed_there!r}")
        values["parameters"] = listed_there | parameters
        folder = path.parent
    else:
        values = {"name": f"{values.get('name', path.stem)}_sweep", "recipe": str(path.resolve())}
        values |= {"parameters": parameters}
        folder = Path()
        if not parameters:
            raise RecipeError(
                f"{path} is a recipe, and nothing says what to try.",
                "Give a sweep (recipes/sweep), or --methods, --sparsities, or --try key=[value, value].",
            )
    if seeds:
        values["seeds"] = seeds if which or len(seeds) > 1 else seeds[0]
    values |= {"samples": samples} if samples else {}
    values |= {} if stop_early else {"early_stopping": None}
    return Sweep.parse(values), folder


if __name__ == "__main__":
    typer.run(command)
