"""Names of the model families, without importing Keras until one is built."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kws_tfmot.errors import did_you_mean

if TYPE_CHECKING:
    from kws_tfmot.keras import keras
    from kws_tfmot.models.settings import ModelSettings

# name -> module of kws_tfmot.models with `build(settings, input_shape, classes)`
_FAMILIES = {"cnn": "cnn", "dnn": "dnn", "ds_cnn": "ds_cnn", "mbconv": "mbconv", "tc_resnet8": "tc_resnet"}


def model_names() -> tuple[str, ...]:
    """The families that :func:`build_model` knows, sorted."""
    return tuple(sorted(_FAMILIES))


def check_name(name: str) -> str:
    """Return ``name`` if it is a known family.

    Raises:
        ValueError: If it is not, naming the families.
    """
    if name not in _FAMILIES:
        raise ValueError(f"expected one of {', '.join(model_names())}.{did_you_mean(name, _FAMILIES)}")
    return name


def build_model(settings: ModelSettings, input_shape: tuple[int, int], classes: int) -> keras.Model:
    """Build the Keras model that ``settings`` describe.

    Args:
        settings: Family and size.
        input_shape: (frames, coefficients) of one clip's features.
        classes: Number of labels.

    Returns:
        A functional model from ``float32 [batch, frames, coefficients, 1]`` to class probabilities
        ``[batch, classes]``; the last layer is a softmax, so that the firmware's scores are probabilities.

    Raises:
        RecipeError: If the family cannot take features of this shape.
    """
    module = importlib.import_module(f"kws_tfmot.models.{_FAMILIES[settings.name]}")
    return module.build(settings, input_shape, classes)
