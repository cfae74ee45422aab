"""A recipe's group ``sparsity``: from its keys to the settings of the method that it names, also in older spelling.

Until methods were named by what they do, ``magnitude`` was TFMOT's, and ``weight_importance`` was three methods in
one, by ``schedule`` and ``returns``. Recipes of that spelling, and those that finished builds have written with every
default, are read as what they meant.
"""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from kws_tfmot.settings import Settings
from kws_tfmot.sparsity.sparsity_settings import (
    L1,
    METHODS,
    CompressedSensing,
    Gradual,
    Iterative,
    MaskRegrowth,
    OneShot,
    SparsitySettings,
    TfmotMagnitude,
)

DEFAULT_METHOD = "tfmot_magnitude"

_OLD_KEYS = {"schedule", "returns"}
# Defaults of the old spelling; methods that did not take the key accepted these.
_OLD_DEFAULTS: dict[str, Any] = {
    "criterion": "auto",
    "allocation": "auto",
    "l1": None,
    "sensing": "inputs",
    "pull": 0.5,
    "freeze": None,
    "decay": 0.0,
    "max_accuracy_drop": None,
}
# Keys that every old method accepted, though some never looked at them.
_OLD_IGNORED = {"begin", "end", "frequency", "rounds", "floor", "observed_clips"}


def upgraded(values: Any) -> Any:
    """The group in today's spelling, with its method; what cannot be understood stays as it is, to be refused.

    >>> upgraded({"method": "weight_importance", "returns": True, "criterion": "magnitude", "decay": 2})
    {'method': 'mask_regrowth', 'criterion': 'magnitude', 'decay': 2}
    >>> upgraded({"method": "weight_importance", "schedule": "rounds", "end": 0.6})
    {'method': 'iterative', 'criterion': 'affine'}
    >>> upgraded({"target": 0.9})
    {'method': 'tfmot_magnitude', 'target': 0.9}
    """
    if not isinstance(values, dict):
        return values
    method = values.get("method", DEFAULT_METHOD)
    old = method in ("magnitude", "weight_importance") or _OLD_KEYS & {*values} or values.get("criterion") == "auto"
    new = _method_of(values) if old else None
    if new is None:
        return {"method": method} | values
    result = {key: value for key, value in values.items() if key not in _OLD_KEYS | {"method"}}
    if method == "weight_importance" and result.get("criterion", "auto") == "auto":
        result["criterion"] = "affine"
    if method == "weight_importance" and new in ("one_shot", "l1") and result.get("allocation", "auto") == "auto":
        result["allocation"] = "global"
    taken = METHODS[new].model_fields
    return {"method": new} | {key: value for key, value in result.items() if not _says_nothing(key, value, taken)}


def _method_of(values: dict[str, Any]) -> str | None:
    """Today's name of the method that the old spelling asks for; None if it was none."""
    method, schedule = str(values.get("method", "magnitude")), str(values.get("schedule", "auto"))
    returns = values.get("returns", False)
    if method == "weight_importance":
        once = "l1" if values.get("l1") else "one_shot"
        new = {"auto": "gradual", "gradual": "gradual", "rounds": "iterative", "one_shot": once}.get(schedule)
        if returns is True:
            return "mask_regrowth" if new == "gradual" else None
        return new if returns is False else None
    own = {"magnitude": "gradual", "csp": "gradual", "one_shot": "one_shot", "l1": "one_shot"}.get(method)
    if own is None or schedule not in ("auto", own) or returns is not False:
        return None
    return DEFAULT_METHOD if method == "magnitude" else method


def _says_nothing(key: str, value: Any, taken: Any) -> bool:
    """Whether an old key is a default, or one that its method never looked at."""
    default = key in _OLD_DEFAULTS and value == _OLD_DEFAULTS[key]
    if key in taken:
        return default and key in ("criterion", "l1")
    return default or key in _OLD_IGNORED


def with_method(own: dict[str, Any], change: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """``own`` without what the method of ``change`` does not take, and ``change``, both in today's spelling.

    Another method is named to try it in place of the recipe's, whose own settings would then be refused.

    >>> with_method({"method": "mask_regrowth", "target": 0.9, "criterion": "affine", "decay": 2}, {"method": "csp"})
    ({'method': 'mask_regrowth', 'target': 0.9, 'decay': 2}, {'method': 'csp'})
    """
    own, change = upgraded(own), upgraded(change)
    chosen = METHODS.get(str(change["method"]))
    if chosen is not None and change["method"] != own["method"]:
        known = {key for settings in METHODS.values() for key in settings.model_fields}
        own = {key: value for key, value in own.items() if key not in known or key in chosen.model_fields}
    return own, change


AnySparsity = Annotated[
    TfmotMagnitude | OneShot | L1 | Gradual | Iterative | MaskRegrowth | CompressedSensing,
    pydantic.Field(discriminator="method"),
]
RecipeSparsity = Annotated[AnySparsity, pydantic.BeforeValidator(upgraded)]


class _Group(Settings):
    sparsity: RecipeSparsity


def parse_sparsity(values: dict[str, Any]) -> SparsitySettings:
    """The settings of the method that ``values`` name; TFMOT's where they name none.

    >>> parse_sparsity({"method": "csp", "target": 0.9}).plan()[0].target
    0.9

    Raises:
        RecipeError: If a key or value is not allowed.
    """
    return _Group.parse({"sparsity": values}).sparsity
