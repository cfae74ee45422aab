"""Training on from a model that is in use, with what devices collected: `kws build --continue RUN --recordings NEW`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_tfmot.data.collected import Collected, survey_collected
from kws_tfmot.data.prepare import recording_folders, with_folder
from kws_tfmot.errors import DataError, KwsError, RecipeError
from kws_tfmot.files import sha256_file
from kws_tfmot.json_reader import read_json
from kws_tfmot.recipe import Recipe, load_recipe
from kws_tfmot.zoo import PREFIX
from pipelines.stages.prepare import DATA_FILE
from pipelines.stages.start import Start, find_start

RECORD = "continued.json"


@dataclass(frozen=True)
class Continuation:
    """A training that goes on.

    Attributes:
        start: The model it goes on from.
        earlier: The recipe that made it.
        source: The data it was made from, and what was collected since.
        collected: What was collected.
    """

    start: Start
    earlier: Recipe
    source: str
    collected: Collected

    @property
    def recipe(self) -> Path:
        """The file of the recipe."""
        if self.start.recipe is None:
            raise RecipeError(_no_recipe(self.start.name))
        return self.start.recipe

    @property
    def overrides(self) -> list[str]:
        """Changes to the recipe: where the training begins and, where there are some, more negatives. No other."""
        changes = [f"model.weights={json.dumps(self.start.name)}"]
        if self.collected.negatives:
            folders = [*self.earlier.data.negatives, *map(str, self.collected.negatives)]
            changes.append(f"data.negatives={json.dumps(list(dict.fromkeys(folders)))}")
        return changes

    @property
    def record(self) -> dict[str, Any]:
        """What the run says of where it comes from."""
        return {
            "continues": self.start.name,
            "weights_sha256": sha256_file(self.start.weights),
            "seed": self.earlier.seed,
            "source": self.source,
            "recordings": str(self.collected.root),
            "added": self.collected.files,
        }

    @property
    def said(self) -> str:
        """The same for a person."""
        return (
            f"goes on from {self.start.name} with its recipe and seed {self.earlier.seed}; added from "
            f"{self.collected.root}: {self.collected}"
        )

    def folder(self) -> Path:
        """A folder for the run that is given none: beside the model's, with the next number.

        One that an interrupted continuation of the same model with the same recordings left is gone on with.
        """
        name = self.start.name.removeprefix(PREFIX)
        path = Path("runs", name) if self.start.name.startswith(PREFIX) else Path(name)
        stem, number = path.name, 2
        head, dash, tail = stem.rpartition("-")
        if dash and head and tail.isdecimal():
            stem, number = head, int(tail) + 1
        while True:
            found = path.parent / f"{stem}-{number}"
            if not found.exists() or _record_of(found) == self.record:
                return found
            number += 1


def continuation(begin: str, recordings: Path | None) -> Continuation:
    """Check what a training goes on from and with.

    Args:
        begin: The folder of a build, or a model that ships.
        recordings: What was collected, sorted into folders.

    Raises:
        RecipeError: There is no such model, it says no recipe, or there are no recordings.
        DataError: Its data cannot be joined with recordings, they have been used already, or
            :func:`~kws_tfmot.data.collected.survey_collected` refuses them.
    """
    if recordings is None:
        raise RecipeError(
            f"--continue {begin} needs --recordings: what is new to learn from.",
            "To train on with the same data, use --from.",
        )
    start = find_start(begin)
    if start.recipe is None:
        raise RecipeError(_no_recipe(begin), "Give the folder of its build, or use --from with a recipe.")
    earlier = load_recipe(start.recipe)
    source = _source_of(start)
    if not source.startswith("synthetic"):
        raise DataError(
            f"{begin} was trained on {source}: a data set of recordings is not joined with others.",
            f"Put the new recordings into its folders and use --from {begin} --data {source}.",
        )
    if recordings.resolve() in [folder.resolve() for folder in recording_folders(source)]:
        raise DataError(
            f"{begin} was trained with the recordings in {str(recordings)!r} already.", "Give a folder of new ones."
        )
    collected = survey_collected(recordings, earlier.data.keywords)
    return Continuation(start, earlier, with_folder(source, recordings), collected)


def _no_recipe(name: str) -> str:
    return f"nothing says how {name} was made: no recipe lies beside it."


def _source_of(start: Start) -> str:
    """The data that a model was made from; shipped ones are made of synthetic speech, or their data do not ship."""
    if start.name.startswith(PREFIX):
        return "synthetic"
    path = start.weights.parent / DATA_FILE
    try:
        return str(read_json(path)["source"])
    except (OSError, ValueError, KeyError, TypeError):
        raise RecipeError(
            f"{path} does not say what {start.name} was trained on.", "Give the folder of a finished build."
        ) from None


def _record_of(folder: Path) -> dict[str, Any] | None:
    try:
        return dict(read_json(folder / RECORD))
    except (OSError, ValueError, TypeError, KwsError):
        return None
