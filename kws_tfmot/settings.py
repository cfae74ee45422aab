"""The base of every configuration: frozen, validated, unknown keys refused with a suggestion.

Each package declares its own settings next to the code that reads them; :mod:`kws_tfmot.recipe` composes them.
"""

from __future__ import annotations

import re
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pydantic
from typing_extensions import Self

from kws_tfmot.errors import RecipeError, did_you_mean

_FOLDER = r"^[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$"
FolderName = Annotated[str, pydantic.Field(pattern=_FOLDER, max_length=200)]
"""What a folder of results is named after: letters, digits, ``_``, ``-`` and dots, but not dots alone."""

_MOST_LINES = 20
_MOST_SHOWN = 300  # characters


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
                if bad := no_text(value):
                    raise ValueError(f"{key}: expected text. Received the character {bad!r}")
                field = cls.model_fields.get(key)
                if field is not None and (truth := _truth_for_number(field.annotation, value)) is not None:
                    raise ValueError(f"{key}: expected a number. Received: {str(truth).lower()}")
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
            raise RecipeError(
                f"expected a mapping of settings{f' at {where}' if where else ''}. Received: {_short(values)}"
            )
        try:
            return cls.model_validate(values or {})
        except pydantic.ValidationError as err:
            problems = err.errors()
            lines = [_explain(cls, problem, where) for problem in problems[:_MOST_LINES]]
            lines += [f"and {len(problems) - _MOST_LINES:,} more"] if len(problems) > _MOST_LINES else []
            raise RecipeError("\n".join(lines), "Correct the value in the recipe or in --set.") from None


def no_text(value: Any) -> str:
    """A character that is in no text (NUL, half of a surrogate pair), in ``value`` or a list; empty where none is.

    >>> no_text(["a", chr(0)]), no_text([1, "a"])
    ('\\x00', '')
    """
    texts = value if isinstance(value, (list, tuple)) else [value]
    found = (re.search("[\0\ud800-\udfff]", text) for text in texts if isinstance(text, str))
    return next((match[0] for match in found if match), "")


def options_of(annotation: Any) -> tuple[Any, ...]:
    """The types that a field's annotation allows.

    >>> options_of(int | None)
    (<class 'int'>, <class 'NoneType'>)
    """
    if get_origin(annotation) is Annotated:
        return options_of(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(one for part in get_args(annotation) for one in options_of(part))
    return (annotation,)


def _truth_for_number(annotation: Any, value: Any) -> bool | None:
    """A truth value where a field takes numbers: itself, or within a list or a group of them.

    >>> _truth_for_number(int | None, True), _truth_for_number(bool | int, True)
    (True, None)
    >>> _truth_for_number(tuple[float, float], [0.5, False]), _truth_for_number(dict[str, float], {"go": True})
    (False, True)
    """
    options = options_of(annotation)
    if isinstance(value, bool):
        return value if any(option in (int, float) for option in options) and bool not in options else None
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    held = [part for option in options if get_origin(option) in (tuple, dict, list) for part in get_args(option)]
    if not any(part in (int, float) for part in held):
        return None
    return next((each for each in inner if isinstance(each, bool)), None)


def _explain(root: type[pydantic.BaseModel], problem: Any, where: str) -> str:
    keys, owner = _located(root, [str(part) for part in problem["loc"]])
    dotted = ".".join(([where] if where else []) + keys)
    if problem["type"] == "extra_forbidden":
        allowed = sorted(owner.model_fields)
        return f"unknown key {dotted!r}.{did_you_mean(keys[-1], allowed)} Allowed here: {', '.join(allowed)}."
    if problem["type"] == "union_tag_invalid":
        key, tag = (str(problem["ctx"][name]).strip("'") for name in ("discriminator", "tag"))
        tags = re.findall(r"'([^']*)'", problem["ctx"]["expected_tags"])
        return f"{dotted}.{key}: expected one of {', '.join(tags)}.{did_you_mean(tag, tags)} Received: {tag!r}"
    reason = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ").rstrip(".")
    if problem["type"].startswith(("model_type", "model_attributes_type")) or problem["type"] == "dict_type":
        reason = "a mapping of settings"
    if problem["type"] == "tuple_type":
        reason = "a list"
    if problem.get("ctx", {}).get("pattern") == _FOLDER:
        reason = "letters, digits, _, - and dots, but not dots alone"
    if problem["type"] == "invalid_key":
        reason = "a name as key"
    if not problem["msg"].startswith("Value error, "):
        reason = f"expected {reason}"
    received = problem.get("input")
    # A rule between several keys is checked on the whole group, which says too much to be repeated.
    stop = "" if reason.endswith("?") else "."
    shown = "" if isinstance(received, dict) else f"{stop} Received: {_short(received)}"
    return f"{dotted + ': ' if dotted else ''}{reason}{shown}"


def _short(value: Any) -> str:
    """How a value is shown, whatever somebody gave.

    >>> _short("a" * 1000)[-8:], _short([0.5])
    ('aaaaa...', '[0.5]')
    """
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _located(root: type[pydantic.BaseModel], loc: list[str]) -> tuple[list[str], type[pydantic.BaseModel]]:
    """The keys of pydantic's ``loc``, without the tags of unions, and the settings that hold the last of them."""
    keys: list[str] = []
    owner, inner = root, [root]
    for part in loc:
        tagged = [one for one in inner if any(part == field.default for field in _tags(one))]
        if len(inner) > 1 and tagged:
            inner = tagged
            continue
        owner = inner[0] if inner else owner
        field = owner.model_fields.get(part)
        keys.append(part)
        options = options_of(field.annotation) if field else ()
        inner = [one for one in options if isinstance(one, type) and issubclass(one, pydantic.BaseModel)]
    return keys, owner


def _tags(settings: type[pydantic.BaseModel]) -> list[Any]:
    return [field for field in settings.model_fields.values() if get_origin(field.annotation) is Literal]
