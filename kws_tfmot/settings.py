"""The base of every configuration: frozen, validated, unknown keys refused with a suggestion.

Each package declares its own settings next to the code that reads them; :mod:`kws_tfmot.recipe` composes them.
"""

from __future__ import annotations

import re
import types
from typing import Any, Union, get_args, get_origin

import pydantic
from typing_extensions import Self

from kws_tfmot.errors import RecipeError, did_you_mean


class Settings(pydantic.BaseModel):
    """A frozen group of settings.

    Call :meth:`parse` for values that come from outside (YAML, JSON, a command line): it turns pydantic's
    report into one :class:`~kws_tfmot.errors.RecipeError` that names every wrong key.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _no_truth_for_numbers(cls, values: Any) -> Any:
        """Refuse true and false where a number is meant: pydantic takes them for 1 and 0."""
        if isinstance(values, dict):
            for key, value in values.items():
                if isinstance(value, str) and (bad := re.search("[\0\ud800-\udfff]", value)):
                    raise ValueError(f"{key}: expected text. Received the character {bad[0]!r}")
                field = cls.model_fields.get(key)
                if isinstance(value, bool) and field is not None and _only_numbers(field.annotation):
                    raise ValueError(f"{key}: expected a number. Received: {str(value).lower()}")
        return values

    @classmethod
    def parse(cls, values: dict[str, Any] | None, where: str = "") -> Self:
        """Validate ``values`` (nested dictionaries) and return the settings.

        Args:
            values: Keys and values as read from YAML or JSON; ``None`` means all defaults.
            where: Dotted prefix under which the values are in the recipe, for the message.

        Raises:
            RecipeError: With one line for each key that is unknown or holds a value that is not allowed.
        """
        if values is not None and not isinstance(values, dict):
            raise RecipeError(f"expected a mapping of settings{f' at {where}' if where else ''}. Received: {values!r}")
        try:
            return cls.model_validate(values or {})
        except pydantic.ValidationError as err:
            lines = [_explain(cls, problem, where) for problem in err.errors()]
            raise RecipeError("\n".join(lines), "Correct the value in the recipe or in --set.") from None


def _only_numbers(annotation: Any) -> bool:
    """Whether a field takes a number (or nothing) and no truth value.

    >>> _only_numbers(int | None), _only_numbers(bool | int), _only_numbers(str)
    (True, False, False)
    """
    options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    return any(option in (int, float) for option in options) and bool not in options


def _explain(root: type[pydantic.BaseModel], problem: Any, where: str) -> str:
    path = [str(part) for part in problem["loc"]]
    dotted = ".".join(([where] if where else []) + path)
    if problem["type"] == "extra_forbidden":
        allowed = sorted(_model_at(root, path[:-1]).model_fields)
        return f"unknown key {dotted!r}.{did_you_mean(path[-1], allowed)} Allowed here: {', '.join(allowed)}."
    reason = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ").rstrip(".")
    if problem["type"].startswith("model_type") or problem["type"] == "dict_type":
        reason = "a mapping of settings"
    if not problem["msg"].startswith("Value error, "):
        reason = f"expected {reason}"
    received = problem.get("input")
    # A rule between several keys is checked on the whole group, which says too much to be repeated.
    stop = "" if reason.endswith("?") else "."
    shown = "" if isinstance(received, dict) else f"{stop} Received: {received!r}"
    return f"{dotted + ': ' if dotted else ''}{reason}{shown}"


def _model_at(root: type[pydantic.BaseModel], path: list[str]) -> type[pydantic.BaseModel]:
    """The settings class that the dotted ``path`` leads to (the deepest one that is known)."""
    here = root
    for part in path:
        field = here.model_fields.get(part)
        annotation = field.annotation if field else None
        options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
        nested = [o for o in options if isinstance(o, type) and issubclass(o, pydantic.BaseModel)]
        if nested:
            here = nested[0]
    return here
