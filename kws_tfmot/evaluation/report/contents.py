"""What a report is made of: the figures that a build has left in its run, and other results given beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from kws_tfmot import json_reader
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.files import sha256_file
from kws_tfmot.kinds import received
from kws_tfmot.yaml_reader import read_text

METRICS = "metrics.json"
MODEL = "model_int8.tflite"
RECIPE = "recipe.yaml"
_SCHEMA = 1
Figures = dict[str, Any]


@dataclass(frozen=True)
class RunFacts:
    """A finished run.

    Attributes:
        directory: Where it lies.
        metrics: Its ``metrics.json``.
        recipe: Its recipe with every default, YAML.
    """

    directory: Path
    metrics: Figures
    recipe: str

    @property
    def model(self) -> Path:
        """The int8 model."""
        return self.directory / MODEL

    @property
    def model_sha256(self) -> str:
        """Of the int8 model."""
        return str(self.metrics["files"][MODEL]["sha256"])

    @property
    def accuracy(self) -> Figures:
        """Of the int8 model on the test split."""
        found: Figures = self.metrics["accuracy"][MODEL]
        return found

    @property
    def synthetic(self) -> bool:
        """Whether the model was judged on synthesised speech."""
        data = self.metrics["data"]
        tested = (data.get("speech") or {}).get("test", {})
        return data["source"].startswith("synthetic") and not tested.get("recorded")

    @property
    def trust(self) -> list[str]:
        """What a model made from synthetic speech can be trusted with; empty for others."""
        return list(self.metrics.get("trust", []))


@contextmanager
def trusting(path: Path) -> Iterator[None]:
    """Turn what goes wrong over figures of an unexpected shape, which anyone may have written, into a refusal.

    Raises:
        RecipeError: In place of what Python raises for them.
    """
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, TemplateError) as error:
        raise RecipeError(
            f"{path} does not hold what a build writes ({type(error).__name__}: {str(error)[:100]}).",
            "Run the build again: kws build RECIPE",
        ) from None


_OWN_RECIPE = "Take it away, or build again: kws build RECIPE"


def read_run(directory: str | Path) -> RunFacts:
    """The figures of a finished build.

    Raises:
        RecipeError: If there is no finished build, its figures have another format, or its recipe is no text.
        ModelError: If the model is not the one that the figures belong to.
    """
    directory = Path(directory)
    path = directory / METRICS
    if not path.is_file():
        if other := received(directory, "a folder with a finished build"):
            raise RecipeError(*other)
        raise RecipeError(f"{directory} holds no finished build ({METRICS} is missing).", "Build it: kws build RECIPE")
    metrics = read_json(path)
    version = metrics.get("schema_version")
    if version != _SCHEMA:
        raise RecipeError(
            f"{path} has schema version {version!r}; version {_SCHEMA} can be read.", "Build again: kws build RECIPE"
        )
    with trusting(path):
        judged = MODEL in metrics["files"] and MODEL in metrics["accuracy"]
    if not judged:
        raise RecipeError(f"{directory} holds no {MODEL}, which a report is about.", "Build it: kws build RECIPE")
    recipe = directory / RECIPE
    facts = RunFacts(directory, metrics, read_text(recipe, _OWN_RECIPE) if recipe.is_file() else "")
    with trusting(path):
        digest = facts.model_sha256
    if not facts.model.is_file() or sha256_file(facts.model) != digest:
        raise ModelError(
            f"{facts.model} is not the model that {path} was measured on.", "Run the build again: kws build RECIPE"
        )
    return facts


def read_json(path: Path) -> Figures:
    """A JSON object.

    Raises:
        RecipeError: If the file is missing or holds something else.
    """
    try:
        value = json_reader.read_json(path)
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"{path} cannot be read as JSON: {error}", "Make it again with the command that wrote it."
        ) from None
    if not isinstance(value, dict):
        raise RecipeError(f"expected {path} to hold an object. Received: {type(value).__name__}")
    return value


def read_comparison(path: Path) -> Figures:
    """The JSON of `kws compare`.

    Raises:
        RecipeError: If it is none.
    """
    record = read_json(path)
    if record.get("schema_version") != 1 or not record.get("rows") or "summary" not in record:
        raise RecipeError(f"{path} is no result of `kws compare` (schema version 1 with rows).", "Give its NAME.json.")
    return record


def read_det(path: Path) -> dict[str, Figures]:
    """The JSON of `kws det --json`: figures under each model's name.

    Raises:
        RecipeError: If it is none.
    """
    record = read_json(path)
    if not record or not all(isinstance(row, dict) and row.get("det") for row in record.values()):
        raise RecipeError(f"{path} is no result of `kws det --json`.", "Write it with `kws det ... --json > FILE`.")
    return record


def layer_rows(facts: RunFacts, device: Figures) -> list[Figures]:
    """One row for each layer of the firmware: its name in the network, zeros, bits, bytes and instructions.

    ``reason`` says why training left it dense (``None`` where it was pruned, or nothing was). ``instructions`` holds
    one count for each board of ``device``.
    """
    trained = (facts.metrics["sparsity"] or {}).get("layers", {})
    names = {row["operator"]: row["layer"] for row in facts.metrics["tflite"][MODEL].get("zeros", [])}
    flash = device["flash"]["layers"] if device["flash"] else {}
    rows = []
    for layer in device["layers"]:
        own = trained.get(name := names.get(layer["operator"], ""), {})
        rows.append(
            layer
            | {
                "name": name or layer["name"].split(" ", 1)[-1].lower().replace("_", " "),
                "pruned": bool(own) and own.get("not_pruned") is None,
                "reason": own.get("not_pruned"),
                "note": own.get("note"),
                "flash": flash.get(str(layer["number"])),
                "instructions": [board["layer_instructions"][layer["number"]] for board in device["boards"]],
                "cycles": [board["layer_cycles"][layer["number"]] for board in device["boards"]],
            }
        )
    return rows
