"""What a parameter of a sweep may be: a list that is tried whole, or a range that is drawn from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.yaml_reader import read_yaml
from pipelines.stages.comparison import MOST_CELLS

Domain = list[Any] | dict[str, Any]
_FARTHEST = 1 << 62
_DIGITS = 4  # of a drawn number: what a name shows is then what was trained


def _uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return rounded(rng.uniform(low, high))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return rounded(math.exp(rng.uniform(math.log(low), math.log(high))))


def _integer(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


_RANGES = {"uniform": _uniform, "log_uniform": _log_uniform, "integer": _integer}
KINDS = ("choice", *_RANGES)


def rounded(value: float) -> float:
    """``value`` to four significant digits.

    >>> rounded(0.00123456)
    0.001235
    """
    return float(f"{value:.{_DIGITS}g}")


def check_domain(key: str, domain: Any) -> None:
    """Refuse what is neither a list of values nor ``{choice: [...]}``, ``{uniform: [low, high]}``, ``{log_uniform:
    [low, high]}`` or ``{integer: [low, high]}`` (both ends included).

    Raises:
        ValueError: Saying what is wrong.
    """
    if isinstance(domain, list):
        _check_values(key, domain)
        return
    if not isinstance(domain, dict) or len(domain) != 1:
        raise ValueError(f"{key}: expected a list, or one of {', '.join(KINDS)} with its values, got {domain!r}")
    ((kind, values),) = domain.items()
    if kind not in KINDS:
        hint = did_you_mean(str(kind), KINDS)
        raise ValueError(f"{key}: expected one of {', '.join(KINDS)}, got {kind!r}.{hint}")
    if kind == "choice":
        _check_values(key, values)
        return
    if not isinstance(values, list) or len(values) != 2 or not all(_is_number(value) for value in values):
        raise ValueError(f"{key}: expected {kind}: [lowest, highest], got {values!r}")
    low, high = values
    if low >= high or (kind == "log_uniform" and low <= 0):
        above = " above 0" if kind == "log_uniform" else ""
        raise ValueError(f"{key}: expected {kind}: [lowest, highest]{above} with lowest < highest, got {values!r}")
    if kind == "integer" and not all(isinstance(value, int) and abs(value) <= _FARTHEST for value in values):
        raise ValueError(f"{key}: expected whole numbers up to 2^62, got {values!r}")
    if not math.isfinite(high - low):
        raise ValueError(f"{key}: expected a range that is a number itself, got {values!r}")


def _check_values(key: str, values: Any) -> None:
    if not isinstance(values, list) or not values:
        raise ValueError(f"{key}: expected a list of at least one value, got {values!r}")
    if len(values) > MOST_CELLS:
        raise ValueError(f"{key}: expected at most {MOST_CELLS:,} values, got {len(values):,}")
    if any(value in values[:place] for place, value in enumerate(values)):
        raise ValueError(f"{key}: expected values that differ, got {values!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def grid_points(domains: Mapping[str, Domain]) -> list[dict[str, Any]]:
    """Every combination of the lists among ``domains``, the last one changing fastest.

    >>> grid_points({"a": [1, 2], "b": {"uniform": [0, 1]}, "c": ["x", "y"]})[:2]
    [{'a': 1, 'c': 'x'}, {'a': 1, 'c': 'y'}]
    """
    lists = {key: domain for key, domain in domains.items() if isinstance(domain, list)}
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def draws(domains: Mapping[str, Domain], count: int, seed: int) -> list[dict[str, Any]]:
    """``count`` draws of what is not a list; draw ``i`` depends on ``(seed, i)``, so more samples keep the first ones.

    >>> draws({"a": [1], "b": {"integer": [3, 3 + 4]}}, 3, 0) == draws({"b": {"integer": [3, 7]}}, 4, 0)[:3]
    True
    >>> draws({"a": [1]}, 5, 0)
    [{}]
    """
    drawn = {key: next(iter(domain.items())) for key, domain in domains.items() if isinstance(domain, dict)}
    if not drawn:
        return [{}]
    points = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        points.append({key: _draw(rng, kind, values) for key, (kind, values) in drawn.items()})
    return points


def _draw(rng: np.random.Generator, kind: str, values: list[Any]) -> Any:
    return values[int(rng.integers(len(values)))] if kind == "choice" else _RANGES[kind](rng, *values)


def parse_trial_option(text: str) -> tuple[str, Any]:
    """``key=domain`` of a command line, the domain in YAML.

    >>> parse_trial_option("train.learning_rate={log_uniform: [0.001, 0.01]}")
    ('train.learning_rate', {'log_uniform': [0.001, 0.01]})

    Raises:
        RecipeError: If it is not of that form.
    """
    key, separator, domain = text.partition("=")
    value = read_yaml(
        domain, f"the values of {key!r}, {domain[:80]!r},", "For example: sparsity.target=[0.5, 0.75, 0.9]"
    )
    if not separator or not key.strip() or not isinstance(value, (list, dict)):
        raise RecipeError(
            f"expected key=values. Received: {text!r}",
            "For example: --try model.width=[32,64] or --try 'sparsity.learning_rate={log_uniform: [0.001, 0.01]}'",
        )
    return key.strip(), value
