"""A sweep: one recipe, what is varied in it, and when a trial is stopped early; resolved before anything runs."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic

from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.recipe import Recipe, merge
from kws_tfmot.settings import FolderName, Settings
from pipelines.stages.comparison import (
    Comparison,
    ComparisonCell,
    Seeds,
    Variants,
    cells_of,
    check_number,
    folder_name,
)
from pipelines.stages.sweep.domains import check_domain, draws, grid_points

TARGET = "sparsity.target"
OWN = "own"  # the name of the only variant where none is named
_LONGEST = 120  # characters of a variant's folder


class EarlyStopping(Settings):
    """Asynchronous successive halving (ASHA, arXiv 1810.05934) on the accuracy on the validation split.

    A trial that reaches epoch ``first``, ``first * factor``, ``first * factor^2`` ... is stopped there unless it is
    among the best ``1 / factor`` of those that have come as far. Epochs count from the end of a shared dense model,
    else from the first (see ``dense_first`` of :class:`Sweep`).

    Attributes:
        first: Epochs that every trial may train.
        factor: Of so many trials one goes on.
        within: Trials compete only if these keys of their recipes are equal: a sparser model is not stopped because
            a denser one is more accurate.
    """

    first: int = pydantic.Field(default=10, ge=1)
    factor: float = pydantic.Field(default=3.0, gt=1, le=100)
    within: tuple[str, ...] = (TARGET,)


class Sweep(Settings):
    """What is tried.

    Attributes:
        name: Names the results.
        recipe: The base: a path relative to the sweep's own file, or the name of a recipe that ships.
        changes: Changes to the base that all trials share.
        variants: As in a comparison: named changes to the base, each combined with every point of ``parameters``.
            Parameters of a group that a variant sets to ``null`` do not apply to it.
        parameters: Dotted keys of the recipe and what is tried for each: a list (all combinations of the lists are
            tried), or what is drawn: ``{choice: [...]}``, ``{uniform: [low, high]}``, ``{log_uniform: [low, high]}``,
            ``{integer: [low, high]}``.
        samples: Draws, each tried at every combination of the lists.
        draw_seed: Of the draws.
        seeds: The seeds of the recipe, or how many.
        baseline: The variant that the others are measured against, seed by seed, as the results name it.
        early_stopping: ``null`` trains every trial to its end.
        dense_first: Train the dense models first, each once, and let the trials begin with them. ``null``: if any two
            trials share theirs.
    """

    name: FolderName
    recipe: str
    changes: dict[str, Any] = {}
    variants: Variants = {OWN: {}}
    parameters: dict[str, Any] = {}
    samples: int = pydantic.Field(default=1, ge=1, le=100_000)
    draw_seed: int = pydantic.Field(default=0, ge=0, lt=1 << 32)
    seeds: Seeds = (1,)
    baseline: str | None = None
    early_stopping: EarlyStopping | None = EarlyStopping()
    dense_first: bool | None = None

    @pydantic.field_validator("parameters")
    @classmethod
    def _domains(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        for key, domain in parameters.items():
            check_domain(key, domain)
        if "seed" in parameters:
            raise ValueError("seed: expected under seeds, not among the parameters")
        return parameters


@dataclass(frozen=True)
class Trials:
    """The trials of a sweep.

    Attributes:
        cells: One for each trial, in the order in which they begin.
        parameters: ``{variant: {key: value}}``, as it was drawn or listed.
    """

    cells: tuple[ComparisonCell, ...]
    parameters: dict[str, dict[str, Any]]


def trials_of(sweep: Sweep, folder: Path, overrides: list[str] | tuple[str, ...] = ()) -> Trials:
    """Every trial with its recipe: the base, then ``changes``, ``overrides``, the variant, the parameters, the seed.

    Of several trials with the same recipe one is kept.

    Args:
        sweep: The sweep.
        folder: What the path of its recipe is relative to.
        overrides: ``key=value`` changes to the base.

    Raises:
        RecipeError: Naming every trial whose recipe cannot be, or a key of ``early_stopping.within`` that is none.
    """
    targets = sweep.parameters.get(TARGET)
    targets = tuple(targets) if isinstance(targets, list) else ()
    varied = {key: domain for key, domain in sweep.parameters.items() if not (key == TARGET and targets)}
    lists = [len(domain) for domain in varied.values() if isinstance(domain, list)]
    drawn_points = sweep.samples if len(lists) < len(varied) else 1
    check_number(math.prod([*lists, drawn_points, len(sweep.variants), len(sweep.seeds)]), "trials")
    points = [grid | drawn for drawn in draws(varied, sweep.samples, sweep.draw_seed) for grid in grid_points(varied)]
    variants: dict[str, dict[str, Any]] = {}
    parameters: dict[str, dict[str, Any]] = {}
    for point in points:
        for name, changes in sweep.variants.items():
            own = {key: value for key, value in point.items() if _applies(key, changes)}
            label = label_of(name if len(sweep.variants) > 1 or name != OWN else "", own, list(varied))
            if targets and _applies(TARGET, changes):
                changes = merge({"sparsity": {}}, changes)
            variants[label], parameters[label] = _with(changes, own), own
    baseline = None if sweep.baseline is None else _baseline(sweep.baseline, variants)
    given = {"name": sweep.name, "recipe": sweep.recipe, "changes": sweep.changes, "seeds": sweep.seeds}
    comparison = Comparison.parse(given | {"targets": targets, "variants": variants, "baseline": baseline})
    cells = cells_of(comparison, folder, overrides)
    for key in sweep.early_stopping.within if sweep.early_stopping else ():
        value_at(cells[0].recipe, key)
    return Trials(tuple(_distinct(cells)), parameters)


def label_of(variant: str, point: dict[str, Any], keys: list[str]) -> str:
    """The name of a variant with its parameters; a key is shortened to its last part where that is enough.

    >>> label_of("", {"sparsity.method": "csp", "train.learning_rate": 0.01}, ["train.learning_rate"])
    'csp, learning_rate 0.01'
    >>> label_of("", {"model": {"name": "dnn", "width": 64}, "sparsity.distillation": None}, ["model"])
    'dnn width 64, no distillation'
    >>> label_of("wide", {}, [])
    'wide'
    """
    parts = [variant] if variant else []
    for key, value in point.items():
        last = key.rpartition(".")[2]
        shown = key if sum(other.rpartition(".")[2] == last for other in keys) > 1 else last
        parts.append(_part(shown, value))
    label = ", ".join(parts) or OWN
    if len(folder_name(label)) <= _LONGEST:
        return label
    return f"{label[: _LONGEST - 10]} {hashlib.sha256(label.encode()).hexdigest()[:8]}"


def _part(key: str, value: Any) -> str:
    if value is None:
        return f"no {key}"
    if value == {}:
        return key
    return _shown(value) if isinstance(value, (str, dict)) else f"{key} {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(part if isinstance(part, str) else f"{key} {_shown(part)}" for key, part in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _applies(key: str, values: dict[str, Any]) -> bool:
    """Whether no group above ``key`` is ``null``."""
    here: Any = values
    for part in key.split(".")[:-1]:
        if not isinstance(here, dict) or part not in here:
            return True
        here = here[part]
        if here is None:
            return False
    return True


def _with(changes: dict[str, Any], point: dict[str, Any]) -> dict[str, Any]:
    for key, value in point.items():
        nested = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        changes = merge(changes, nested)
    return changes


def _baseline(named: str, variants: dict[str, Any]) -> str:
    if named not in variants:
        hint = did_you_mean(named, variants)
        raise RecipeError(f"baseline={named!r} is not one of the variants: {'; '.join(variants)}.{hint}")
    return named


def _distinct(cells: list[ComparisonCell]) -> list[ComparisonCell]:
    kept: dict[str, ComparisonCell] = {}
    for cell in cells:
        kept.setdefault(cell.recipe.model_dump_json(), cell)
    return list(kept.values())


def value_at(recipe: Recipe, key: str) -> Any:
    """The value of a dotted ``key``; ``None`` in a group that is not there.

    >>> value_at(Recipe(), "model.name"), value_at(Recipe(), "sparsity.target")
    ('ds_cnn', None)

    Raises:
        RecipeError: If there is no such key.
    """
    here: Any = recipe.model_dump(mode="json")
    for part in key.split("."):
        if here is None:
            return None
        if not isinstance(here, dict) or part not in here:
            known = list(here) if isinstance(here, dict) else []
            raise RecipeError(f"unknown key {key!r} in early_stopping.within.{did_you_mean(part, known)}")
        here = here[part]
    return here
