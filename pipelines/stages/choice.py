"""Which of the models and recipes at hand fits a board and a latency, and which of the models is the best."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from firmware_export.boards import Budget
from firmware_export.emulation.board_cost import BoardCost
from kws_tfmot.errors import BudgetError, DataError, RecipeError
from kws_tfmot.files import sha256_file
from kws_tfmot.json_reader import read_json
from kws_tfmot.kinds import kind_of
from kws_tfmot.recipe import find_recipe
from kws_tfmot.runs import MANIFEST
from kws_tfmot.search.budget import excess, parse_budget
from pipelines.stages.convert import INT8_MODEL

KEYS = ("flash", "ram", "instructions", "cycles")
_TIME = re.compile(r"([0-9]*\.?[0-9]+)\s*(us|ms|s)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Candidate:
    """A finished model, or a recipe for one.

    Attributes:
        name: Its folder or file, as short as is unambiguous.
        path: The int8 file, or the recipe.
        accuracy: On the test split, 0 to 1, with ``interval_95``, ``n`` and ``split_sha256``; ``None`` for a recipe.
        validation: Accuracy on the validation split, which choices are made by; ``None`` where it is not known.
    """

    name: str
    path: Path
    accuracy: float | None = None
    interval_95: tuple[float, float] = (0.0, 1.0)
    n: int = 0
    split_sha256: str = ""
    validation: float | None = None

    @property
    def trained(self) -> bool:
        """Whether this is a model and no recipe."""
        return self.accuracy is not None


@dataclass(frozen=True)
class Verdict:
    """A candidate against the limits. ``over`` says by how much each limit is missed; ``problem`` why it is unknown."""

    candidate: Candidate
    cost: BoardCost | None
    over: dict[str, float] = field(default_factory=dict)
    problem: str = ""

    @property
    def fits(self) -> bool:
        """Whether it is known to fit."""
        return self.cost is not None and not self.over and not self.problem


def parse_latency(text: str) -> float:
    """``"20ms"`` in seconds.

    Raises:
        RecipeError: For anything but a positive number with a unit.

    >>> parse_latency("20ms"), parse_latency("0.5 s")
    (0.02, 0.5)
    """
    match = _TIME.fullmatch(text.strip())
    if not match or float(match[1]) <= 0:
        raise RecipeError(f"expected a positive time with a unit of us, ms or s. Received: --latency {text!r}")
    return float(match[1]) * _SECONDS[match[2]]


def limits_of(board: Budget, latency: str = "", budget: str = "") -> dict[str, float]:
    """The limits that a firmware has to keep.

    Flash and RAM are the board's, or less where ``budget`` says so. A latency becomes ``latency * clock`` cycles, which
    the most that the modelled range has must keep.

    Args:
        board: A real board.
        latency: Such as ``20ms``; empty for none.
        budget: Such as ``flash=64kB,ram=16kB,cycles=3M``.

    Raises:
        RecipeError: For a budget of something else, or a malformed latency.

    >>> from firmware_export.boards import budget_of
    >>> limits_of(budget_of("nucleo-l476rg"), "20ms", "flash=64kB")
    {'flash': 64000.0, 'ram': 131072.0, 'cycles': 1600000.0}
    """
    given = parse_budget(budget) if budget else {}
    if unknown := [key for key in given if key not in KEYS]:
        raise RecipeError(f"a board limits {', '.join(KEYS)}. Received: --budget {', '.join(unknown)}")
    limits = {"flash": float(board.flash), "ram": float(board.ram)}
    for key in ("flash", "ram"):
        limits[key] = min(limits[key], given.get(key, limits[key]))
    if latency:
        limits["cycles"] = parse_latency(latency) * board.mhz * 1e6
    for key in ("instructions", "cycles"):
        if key in given:
            limits[key] = min(given[key], limits.get(key, given[key]))
    return limits


def find_candidates(paths: Sequence[Path]) -> list[Candidate]:
    """Every finished model in ``paths``: runs of `kws build`, folders of `kws compare` and `kws omni set`; recipes.

    A model that lies in several places counts once. A recipe is a file, or the name of one that ships.

    Raises:
        RecipeError: If there is none.
        DataError: If not all were judged on the same test clips.
    """
    found: dict[str, Candidate] = {}
    for path in paths:
        if kind_of(path) in ("a TFLite model", "a Keras model", "a sound file"):
            raise RecipeError(
                f"expected a run of `kws build`, or a recipe. Received: {str(path)!r}, {kind_of(path)}",
                "Give the folder that the model was built in: only there its accuracy is known.",
            )
        if (recipe := find_recipe(path)).is_file():
            found[str(recipe.resolve())] = Candidate(path.stem, recipe)
            continue
        validated = _set(path)
        for manifest in sorted(path.rglob(MANIFEST)) if path.is_dir() else []:
            if candidate := _candidate(manifest.parent, path, validated):
                found.setdefault(sha256_file(candidate.path), candidate)
    if not found:
        raise RecipeError(
            f"no finished model in {', '.join(map(str, paths))}.",
            "Give runs of `kws build`, folders of `kws compare` or `kws omni set`, or recipes.",
        )
    candidates = list(found.values())
    trained = [candidate for candidate in candidates if candidate.trained]
    if len({candidate.split_sha256 for candidate in trained}) > 1:
        lines = [f"  {candidate.name}: {candidate.split_sha256[:12]}" for candidate in trained]
        raise DataError(
            "accuracies on different test clips cannot be set side by side:\n" + "\n".join(lines),
            "Give models that were judged on the same split.",
        )
    return candidates


def _candidate(folder: Path, given: Path, validated: Mapping[Path, float]) -> Candidate | None:
    try:
        stages = read_json(folder / MANIFEST)["stages"]
        row = stages["evaluate"]["figures"][INT8_MODEL]
        digest = stages["convert"]["outputs"][INT8_MODEL]
        done = [stages[name]["figures"] for name in ("quantize", "sparsify", "train") if name in stages]
        validation = done[0].get("validation_accuracy") if done else None
        low, high = row["interval_95"]
        inside = folder.relative_to(given).as_posix()
        candidate = Candidate(
            name=given.name or str(given) if inside == "." else f"{given.name}/{inside}",
            path=folder / INT8_MODEL,
            accuracy=float(row["accuracy"]),
            interval_95=(float(low), float(high)),
            n=int(row["n"]),
            split_sha256=str(row["split_sha256"]),
            validation=validated.get(folder.resolve(), None if validation is None else float(validation)),
        )
        return candidate if candidate.path.is_file() and sha256_file(candidate.path) == digest else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # something else, a build that has not come so far, or a record that was edited


def _set(path: Path) -> dict[Path, float]:
    """Validation accuracies of a set's models, by their folders."""
    found = path / "set" / "set.json"
    if not found.is_file():
        found = path / "menu" / "menu.json"  # as it was called before
    if not found.is_file():
        return {}
    try:
        rows = read_json(found)["models"]
        return {(path / row["directory"]).resolve(): float(row["validation"]["accuracy"]) for row in rows}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RecipeError(f"{found} is no set of `kws omni set`: {error!r}.", "Make the set again.") from None


def judge(candidate: Candidate, cost: BoardCost | None, limits: Mapping[str, float], problem: str = "") -> Verdict:
    """Set a candidate against the limits.

    Args:
        candidate: The model.
        cost: What it takes; ``None`` where that cannot be known.
        limits: As :func:`limits_of` returns them.
        problem: Why there is no cost.
    """
    if cost is None:
        return Verdict(candidate, None, {}, problem)
    known = costs_of(cost)
    over = {key: known[key] - limit for key, limit in limits.items() if key in known and known[key] > limit}
    uncounted = not over and not limits.keys() <= known.keys()
    return Verdict(candidate, cost, over, cost.problem if uncounted else "")


def costs_of(cost: BoardCost) -> dict[str, float]:
    """What is known of the limited quantities; ``cycles`` are the most that are modelled."""
    known: dict[str, float] = {"flash": cost.flash, "ram": cost.ram}
    known |= {} if cost.instructions is None else {"instructions": cost.instructions}
    return known if cost.cycles_range is None else known | {"cycles": cost.cycles_range[1]}


@dataclass(frozen=True)
class ChosenModel:
    """The best of those that fit.

    Attributes:
        best: The chosen one.
        by: ``validation`` or ``test``: which accuracy it was chosen by.
        cheaper: The one with the fewest cycles among those whose test accuracy lies within the best one's
            interval; ``None`` where that is the best one itself.
    """

    best: Verdict
    by: str
    cheaper: Verdict | None


def choose(verdicts: Sequence[Verdict], limits: Mapping[str, float]) -> ChosenModel:
    """The fitting candidate with the highest validation accuracy; with fewer cycles, then less flash, of equals.

    Where not every fitting one has a validation accuracy, test accuracies decide; they then flatter the chosen one.

    Raises:
        BudgetError: If no trained one fits, with the smallest achievable of each quantity, and what comes nearest or
            would fit once it is trained.
    """
    fitting = [verdict for verdict in verdicts if verdict.fits and verdict.candidate.trained]
    if not fitting:
        raise BudgetError(*_smallest(verdicts, limits))
    by = "validation" if all(v.candidate.validation is not None for v in fitting) else "test"

    def rank(verdict: Verdict) -> tuple[float, float, int]:
        """Best accuracy first, then the cheapest."""
        own = verdict.candidate.validation if by == "validation" else verdict.candidate.accuracy
        return -(own or 0.0), *_price(verdict)

    best = min(fitting, key=rank)
    near = [v for v in fitting if (v.candidate.accuracy or 0.0) >= best.candidate.interval_95[0]]
    cheapest = min(near, key=_price)
    return ChosenModel(best, by, None if cheapest is best else cheapest)


def _price(verdict: Verdict) -> tuple[float, int]:
    cost = verdict.cost
    return (sum(cost.cycles_range or (cost.instructions or 0,)), cost.flash) if cost else (0, 0)


def _smallest(verdicts: Sequence[Verdict], limits: Mapping[str, float]) -> tuple[str, str]:
    measured = [(verdict, costs_of(verdict.cost)) for verdict in verdicts if verdict.cost]
    lines = []
    for key, limit in limits.items():
        known = [(costs[key], verdict.candidate.name) for verdict, costs in measured if key in costs]
        if known:
            least, name = min(known)
            lines.append(f"  {key}: {least:,.0f} at the least ({name}), allowed are {limit:,.0f}")
    models = sum(verdict.candidate.trained for verdict in verdicts)
    message = f"none of {models} finished models fits:\n" + "\n".join(lines)
    if recipes := [verdict.candidate.name for verdict in verdicts if verdict.fits]:
        return message, f"Train what would fit: {', '.join(recipes)}."
    whole = [(verdict, costs) for verdict, costs in measured if limits.keys() <= costs.keys()]
    if not whole:
        return message, "Give other models, a larger board or more time."
    nearest, costs = min(whole, key=lambda pair: excess(pair[1], limits))
    over = 100 * excess(costs, limits)
    return (
        f"{message}\nThe nearest is {nearest.candidate.name}, {over:.0f} % over in what it misses most.",
        "Train a sparser or smaller one, choose a larger board, or allow more time.",
    )
