"""A comparison: variants of one recipe at several sparsities and seeds, resolved and checked before anything runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pydantic

from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.recipe import Recipe, apply_override, find_recipe, merge, recipe_values
from kws_tfmot.settings import FolderName, Settings

DENSE = "dense"
MOST_CELLS = 10_000


def count_of_seeds(seeds: Any) -> Any:
    """A number of seeds means the first ones.

    >>> count_of_seeds(3), count_of_seeds([7])
    ((1, 2, 3), [7])

    Raises:
        ValueError: If there is none.
    """
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if not 1 <= seeds <= MOST_CELLS:
            raise ValueError(f"expected the number of seeds, 1 to {MOST_CELLS:,}, or a list of seeds")
        return tuple(range(1, seeds + 1))
    return seeds


def empty_variants(variants: Any) -> Any:
    """A variant under which nothing is written changes nothing."""
    return {k: {} if v is None else v for k, v in variants.items()} if isinstance(variants, dict) else variants


Seeds = Annotated[tuple[int, ...], pydantic.BeforeValidator(count_of_seeds), pydantic.Field(min_length=1)]
Variants = Annotated[dict[str, dict[str, Any]], pydantic.BeforeValidator(empty_variants)]


class Comparison(Settings):
    """What is compared with what.

    Attributes:
        name: Names the results.
        recipe: The base: a path relative to the comparison's own file, or the name of a recipe that ships.
        changes: Changes to the base that all variants share.
        seeds: The seeds, or how many (``3`` means 1, 2, 3).
        targets: Sparsities at which every sparse variant is run that does not set ``sparsity.target`` itself.
        variants: Changes to the base under the name of each variant; ``sparsity: null`` makes a dense one.
        baseline: The variant that the others are measured against, seed by seed.
    """

    name: FolderName
    recipe: str
    changes: dict[str, Any] = {}
    seeds: Seeds = (1, 2, 3)
    targets: tuple[float, ...] = ()
    variants: Variants = pydantic.Field(min_length=1)
    baseline: str | None = None

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Comparison:
        for key in ("seeds", "targets"):
            if len(set(values := getattr(self, key))) < len(values):
                raise ValueError(f"expected {key} that differ, got {', '.join(f'{value:g}' for value in values)}")
        folders = [folder_name(name) for name in self.variants]
        if "" in folders or len(set(folders)) < len(folders):
            raise ValueError(f"expected names of variants that differ in letters or digits, got {list(self.variants)}")
        if self.baseline is not None and self.baseline not in self.variants:
            hint = did_you_mean(self.baseline, self.variants)
            raise ValueError(f"baseline={self.baseline!r} is not one of the variants {', '.join(self.variants)}.{hint}")
        return self


@dataclass(frozen=True)
class ComparisonCell:
    """One build of a comparison: a variant at a sparsity (``None``: dense) with a seed."""

    variant: str
    target: float | None
    seed: int
    recipe: Recipe

    @property
    def name(self) -> str:
        """Names the cell and its run.

        >>> ComparisonCell("dense, QAT", None, 2, Recipe()).name
        'dense-qat-seed2'
        """
        sparsity = "" if self.target is None else f"-{self.target:g}"
        return f"{folder_name(self.variant)}{sparsity}-seed{self.seed}"


def folder_name(name: str) -> str:
    """Letters and digits of a variant's name, in a form fit for a folder.

    >>> folder_name("pruned, PQAT int8")
    'pruned-pqat-int8'
    """
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")


def by_methods(recipe: Path, methods: list[str], targets: list[float], seeds: Any) -> Comparison:
    """The short form: the dense recipe and each of ``methods`` at each of ``targets``.

    Without methods the recipe's own sparse training is compared with the dense model, without seeds there are three.

    Raises:
        RecipeError: If the recipe cannot be read, or a value is not allowed.
    """
    path = find_recipe(recipe).absolute()
    values = recipe_values(path)
    variants: dict[str, Any] = {DENSE: {"sparsity": None}}
    variants |= {method: {"sparsity": {"method": method}} for method in map(str, methods)} or {
        "sparse": {"sparsity": {}}
    }
    name = f"{values.get('name', path.stem)}_compare"
    given = {"name": name, "recipe": str(path), "targets": targets, "variants": variants, "baseline": DENSE}
    return Comparison.parse(given | ({} if seeds is None else {"seeds": seeds}))


def cells_of(comparison: Comparison, folder: Path, overrides: list[str] | tuple[str, ...] = ()) -> list[ComparisonCell]:
    """Every cell with its recipe, seed by seed.

    A cell's recipe is the base, then ``changes``, then ``overrides``, then the variant, then target and seed.

    Args:
        comparison: The comparison.
        folder: What the path of its recipe is relative to.
        overrides: ``key=value`` changes to the base.

    Raises:
        RecipeError: Naming every variant and target whose recipe cannot be.
    """
    base = merge(recipe_values(find_recipe(comparison.recipe, folder)), comparison.changes)
    for override in overrides:
        apply_override(base, override)
    check_number(len(comparison.seeds) * len(comparison.variants) * max(1, len(comparison.targets)), "cells")
    cells, refused = [], {}
    for seed in comparison.seeds:
        for variant, changes in comparison.variants.items():
            values = merge(base, changes) | {"seed": seed}
            for target in _targets(comparison, values, changes):
                try:
                    cells.append(_cell(variant, target, seed, values))
                except RecipeError as error:
                    at = "" if target is None else f" at sparsity {target:g}"
                    refused[f"{variant}{at}"] = error.message.replace("\n", "\n    ")
    if refused:
        raise RecipeError(
            "these variants cannot be built:\n" + "\n".join(f"  {name}: {text}" for name, text in refused.items()),
            "Correct the comparison. A variant may set a sparsity.target of its own, and is then run at that alone.",
        )
    return cells


def check_number(count: int, what: str) -> None:
    """Refuse more builds than anybody can mean, before memory is taken for each.

    Raises:
        RecipeError: Naming ``count`` of ``what``.
    """
    if count > MOST_CELLS:
        raise RecipeError(f"expected at most {MOST_CELLS:,} {what}. Received: {count:,}", "Try fewer values, or seeds.")


def _targets(comparison: Comparison, values: dict[str, Any], changes: dict[str, Any]) -> tuple[float | None, ...]:
    own = changes.get("sparsity")
    if values.get("sparsity") is None or (isinstance(own, dict) and "target" in own):
        return (None,)
    return comparison.targets or (None,)


def _cell(variant: str, target: float | None, seed: int, values: dict[str, Any]) -> ComparisonCell:
    recipe = Recipe.parse(values if target is None else merge(values, {"sparsity": {"target": target}}))
    if recipe.quantization.mode == "none":
        raise RecipeError("a comparison judges int8 models. Received: quantization.mode=none")
    return ComparisonCell(variant, recipe.sparsity.target if recipe.sparsity else None, seed, recipe)
