"""Names of the model families, without importing Keras until one is built."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kws_tfmot.models.families import FAMILIES

if TYPE_CHECKING:
    from kws_tfmot.keras import keras
    from kws_tfmot.models.settings import ModelSettings


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
    module = importlib.import_module(f"kws_tfmot.models.{FAMILIES[settings.name]}")
    return module.build(settings, input_shape, classes)
