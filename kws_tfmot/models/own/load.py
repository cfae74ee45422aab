"""A recipe's own network: from a builder in the user's Python code, or from a Keras file."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.models.own.canonical import canonical
from kws_tfmot.models.stored import load_stored


def from_builder(builder: str, feature_shape: tuple[int, int], classes: int) -> keras.Model:
    """The network that ``module:function`` builds, in layers that every stage knows.

    Args:
        builder: The module is imported as Python would from the current folder; the function takes
            ``(input_shape, classes)`` with ``input_shape = (frames, coefficients)`` and returns a Keras 2 model.
        feature_shape: (frames, coefficients) of the recipe's front end.
        classes: Number of labels.

    Raises:
        RecipeError: If there is no such module or function.
        ModelError: If it fails, or what it returns does not fit.
    """
    function = _function(builder)
    try:
        model = function(feature_shape, classes)
    except Exception as err:  # whatever the user's code raises
        reason = " ".join(str(err).split())[:300]
        raise ModelError(
            f"model.builder={builder!r} failed: {type(err).__name__}: {reason}",
            "It is called as build((frames, coefficients), classes) and must return a Keras 2 model (import tf_keras).",
        ) from err
    if not isinstance(model, keras.Model):
        kind = type(model)
        raise ModelError(
            f"model.builder={builder!r} returned a {kind.__module__}.{kind.__qualname__}, expected a Keras 2 model.",
            "Build it with `from kws_tfmot.keras import keras` (tf_keras): TFMOT prunes and quantises Keras 2 alone.",
        )
    return canonical(model, feature_shape, classes)


def from_file(path: str | Path, feature_shape: tuple[int, int], classes: int) -> keras.Model:
    """The network in a ``.keras`` or ``.h5`` file with its weights, in layers that every stage knows.

    Raises:
        ModelError: If the file is missing, damaged, could run code, or does not fit.
    """
    return canonical(load_stored(path), feature_shape, classes)


def _function(builder: str) -> Callable[[tuple[int, int], int], keras.Model]:
    module_name, _, name = builder.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as err:
        if err.name is None or not module_name.startswith(err.name):
            raise ModelError(
                f"the module {module_name!r} of model.builder needs {err.name!r}, which is missing.",
                f"Install the package of {err.name!r}, or give a builder that does without.",
            ) from err
        raise RecipeError(
            f"there is no module {module_name!r} (model.builder={builder!r}).",
            f"Run kws in the folder that holds {module_name.split('.')[0]}.py, or add that folder to PYTHONPATH.",
        ) from None
    except Exception as err:  # whatever the user's code raises
        reason = " ".join(str(err).split())[:300]
        raise ModelError(
            f"the module {module_name!r} of model.builder failed: {type(err).__name__}: {reason}",
            f"See that `python -c 'import {module_name}'` works.",
        ) from err
    function = getattr(module, name, None)
    if not callable(function):
        found = sorted(n for n, value in vars(module).items() if inspect.isfunction(value) and n[0] != "_")
        raise RecipeError(
            f"the module {module_name!r} has no function {name!r} (model.builder={builder!r}).",
            f"Its functions: {', '.join(found) or 'none'}.",
        )
    return function
