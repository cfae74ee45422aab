"""What the commands under `kws omni` share: options, the run that was trained, the group they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws_tfmot.errors import RecipeError
from kws_tfmot.json_reader import read_json
from kws_tfmot.recipe import load_recipe
from kws_tfmot.runs import Run
from kws_tfmot.search.omni.omni_settings import EvolutionSettings
from pipelines.console import RichReporter
from pipelines.outputs import FolderOption
from pipelines.stages.build import Build
from pipelines.stages.omni import SUPERNET
from pipelines.stages.prepare import DATA_FILE, RECIPE_FILE

group = typer.Typer(no_args_is_help=True)


RunOption = Annotated[Path, FolderOption("--out", help="The run that `kws omni train` has filled.")]


BoardOption = Annotated[str, typer.Option("--board", help="A board, see `kws emulate --help`.")]


PopulationOption = Annotated[int, typer.Option(help="Sub-networks of a generation.")]


GenerationsOption = Annotated[int, typer.Option(help="Generations of the search.")]


SeedOption = Annotated[int, typer.Option(help="Of the search.")]


FitnessOption = Annotated[str, typer.Option(help="accuracy or loss, on the validation clips.")]


def open_run(directory: Path) -> Build:
    """The build that `kws omni train` left in ``directory``.

    Raises:
        RecipeError: If there is none.
    """
    if not (directory / SUPERNET).is_file():
        raise RecipeError(
            f"there is no trained supernet in {directory}.", "Train one: kws omni train RECIPE --out DIR."
        )
    recipe = load_recipe(directory / RECIPE_FILE)
    try:
        source = str(read_json(directory / DATA_FILE)["source"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RecipeError(f"{directory / DATA_FILE} does not name the clips: {error!r}.", "Train it again.") from None
    return Build(recipe, source, Run(directory), RichReporter())


def evolution(population: int, generations: int, seed: int, fitness: str) -> EvolutionSettings:
    """Settings from options; fewer parents for small populations."""
    values = {"population": population, "generations": generations, "seed": seed, "fitness": fitness}
    return EvolutionSettings.parse(values | {"parents": max(1, min(16, population // 4))})
