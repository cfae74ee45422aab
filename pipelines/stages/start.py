"""Where a training may begin: a model that ships, the folder of a build, or a Keras file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.files import sha256_file
from kws_tfmot.kinds import kind_of
from kws_tfmot.progress import Reporter
from kws_tfmot.recipe import Recipe, load_recipe
from kws_tfmot.zoo import PREFIX, RECIPE, WEIGHTS, find_shipped, model_names

if TYPE_CHECKING:
    from kws_tfmot.keras import keras


@dataclass(frozen=True)
class Start:
    """Where a training may begin.

    Attributes:
        name: As it was given, for the recipe: ``zoo:NAME`` or a path.
        weights: A ``.keras`` or ``.h5`` file.
        recipe: The recipe it was trained with; ``None`` for a file that has none beside it.
    """

    name: str
    weights: Path
    recipe: Path | None


def find_start(source: str | Path) -> Start:
    """What ``source`` names: a model that ships, the folder of a run, or a Keras file.

    Raises:
        RecipeError: If it is none of these, with the way out.
    """
    if shipped := find_shipped(source):
        return Start(f"{PREFIX}{shipped.name}", shipped.folder / WEIGHTS, shipped.folder / RECIPE)
    path = Path(source)
    if path.is_dir():
        weights = path / WEIGHTS
        if not weights.is_file():
            raise RecipeError(f"{path} holds no {WEIGHTS} to train on from.", "Give the folder of a finished build.")
    elif path.is_file() and kind_of(path) == "a Keras model":
        weights = path
    else:
        raise RecipeError(*_refusal(path))
    recipe = weights.parent / RECIPE
    return Start(str(source), weights, recipe if recipe.is_file() else None)


def _refusal(path: Path) -> tuple[str, str]:
    if not path.exists():
        names = model_names()
        guess = did_you_mean(str(path).removeprefix(PREFIX), names)
        return (
            f"there is nothing at {str(path)!r} to train on from.{guess}",
            f"Give a model that ships ({', '.join(names)}), the folder of a build, or a .keras file.",
        )
    kind = kind_of(path) or "something else"
    why = "Its weights are rounded to int8 already. " if kind == "a TFLite model" else ""
    return (
        f"expected a model to train on from. Received: {str(path)!r}, {kind}.",
        f"{why}Give the folder of its build, or the {WEIGHTS} in it.",
    )


def overrides_from(start: Start, recipe_given: bool, keywords: str) -> list[str]:
    """Changes to a recipe that let it begin with the weights of ``start``.

    Where another recipe than that of ``start`` trains on, it gets its network and front end.
    """
    changes = []
    if recipe_given and start.recipe:
        values = load_recipe(start.recipe).model_dump(mode="json")
        changes += [f"{group}={json.dumps(values[group])}" for group in ("model", "frontend")]
    elif keywords:
        changes.append("detection.thresholds={}")  # those of other words
    return [*changes, f"model.weights={json.dumps(start.name)}"]


def begin_with(network: keras.Model, recipe: Recipe, reporter: Reporter) -> None:
    """Give ``network`` what it can take of ``model.weights``, and say what that is.

    Raises:
        RecipeError: If there is no such model.
        ModelError: If nothing of it fits.
    """
    from kws_tfmot.models.weight_transfer import take_weights

    if recipe.model.weights is None:
        return
    start = find_start(recipe.model.weights)
    known = load_recipe(start.recipe).contract().labels if start.recipe else ()
    taken = take_weights(network, start.weights, recipe.contract().labels, known)
    reporter.note(f"begins with {start.name}: {taken}")


def weights_sha256(recipe: Recipe) -> str:
    """Hash of the file that the training begins with; empty without one."""
    return sha256_file(find_start(recipe.model.weights).weights) if recipe.model.weights else ""
