"""The settings inside a ``.tflite`` as one validated model: whoever made the file wrote them."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

import pydantic

from kws_tfmot.data.labels import is_printable
from kws_tfmot.errors import ModelError
from kws_tfmot.json_reader import without_duplicates

MAX_BYTES = 1 << 20
MAX_DEPTH = 16
MAX_LABELS = 4096
_WAY_OUT = "The settings in the file are damaged: convert the model again, or give its recipe: --recipe RECIPE."

Label = Annotated[str, pydantic.Field(min_length=1, max_length=200)]
Group = dict[str, Any]


class CarriedSettings(pydantic.BaseModel):
    """What a model says of itself; the groups are read in full by those who use them.

    ==============  =====================================================================
    ``labels``      one text an output of the model
    ``frontend``    :class:`~kws_tfmot.frontend.FrontendSettings`
    ``data``        what decides which clip is in which split
    ``detection``   when a stream of outputs becomes a detection
    ==============  =====================================================================

    Other keys (versions, the recipe's name, a training's seed) may be anything that JSON can hold.
    """

    model_config = pydantic.ConfigDict(strict=True, extra="allow", allow_inf_nan=False, frozen=True)

    labels: Annotated[list[Label], pydantic.Field(min_length=1, max_length=MAX_LABELS)] | None = None
    frontend: Group | None = None
    data: Group | None = None
    detection: Group | None = None

    @pydantic.field_validator("labels")
    @classmethod
    def _printable(cls, labels: list[str] | None) -> list[str] | None:
        for label in labels or ():
            if not is_printable(label) or not label.strip():
                raise ValueError(f"expected printable labels. Received: {label!r}")
        return labels


def parse_settings(entry: bytes) -> dict[str, Any]:
    """The settings in one metadata entry.

    Refused, besides what is no JSON object: keys that occur twice, numbers that are not finite or no 64-bit integers,
    texts with lone surrogates, more than :data:`MAX_DEPTH` levels, more than :data:`MAX_BYTES`, and labels or groups
    of a wrong type.

    Raises:
        ModelError: Saying which of these.

    >>> parse_settings(b'{"labels": ["yes"]}')
    {'labels': ['yes']}
    """
    try:
        if len(entry) > MAX_BYTES:
            raise ValueError(f"it has {len(entry)} bytes, more than {MAX_BYTES}")
        settings = json.loads(
            entry.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=without_duplicates
        )
    except (ValueError, RecursionError) as err:
        raise ModelError(f"the settings inside the model are not JSON: {str(err)[:200]}.", _WAY_OUT) from None
    return check_settings(settings)


def check_settings(settings: Any) -> dict[str, Any]:
    """``settings`` as they are, if they are such settings.

    Raises:
        ModelError: As :func:`parse_settings`.
    """
    if not isinstance(settings, dict):
        raise ModelError(
            f"the settings inside the model: expected a JSON object. Received: {type(settings).__name__}", _WAY_OUT
        )
    _check_value(settings, "settings", 0)
    try:
        CarriedSettings.model_validate(settings)
    except pydantic.ValidationError as err:
        problem = err.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        reason = problem["msg"].removeprefix("Value error, ")
        raise ModelError(
            f"the settings inside the model: {where}: {reason}. Received: {problem['input']!r:.100}", _WAY_OUT
        ) from None
    return settings


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _check_value(value: Any, where: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ModelError(f"the settings inside the model have more than {MAX_DEPTH} levels.", _WAY_OUT)
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str):
                raise ModelError(f"the settings inside the model: {key!r} is no JSON key, expected a text.", _WAY_OUT)
            _check_value(key, where, depth + 1)
            _check_value(each, f"{where}.{key}"[:100], depth + 1)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _check_value(each, where, depth + 1)
    elif isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ModelError(f"the settings inside the model: {where!a}: a text with lone surrogates.", _WAY_OUT)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise ModelError(f"the settings inside the model: {where}: an integer of more than 64 bits.", _WAY_OUT)
    elif not isinstance(value, float) or not math.isfinite(value):
        raise ModelError(f"the settings inside the model: {where}: {value!r:.100} is no value of JSON.", _WAY_OUT)
