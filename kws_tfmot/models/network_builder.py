"""Building the network that a recipe names, without importing Keras until then."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from kws_tfmot.errors import RecipeError
from kws_tfmot.models.families import FAMILIES

if TYPE_CHECKING:
    from kws_tfmot.keras import keras
    from kws_tfmot.models.model_settings import ModelSettings

_LONG = 8192  # frames that any network fits


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
        RecipeError: If the family cannot take features of this shape, or there is no such builder.
        ModelError: If a network of the user's own cannot be read, or does not fit.
    """
    from kws_tfmot.models.time_padding import TooFewFrames

    if settings.builder or settings.file:
        from kws_tfmot.models.own.load import from_builder, from_file

        if settings.builder:
            return from_builder(settings.builder, input_shape, classes)
        return from_file(str(settings.file), input_shape, classes)
    module = importlib.import_module(f"kws_tfmot.models.{FAMILIES[settings.name]}")
    try:
        return module.build(settings, input_shape, classes)
    except TooFewFrames as problem:
        raise _too_short(module, settings, input_shape, problem) from None


def _too_short(
    module: ModuleType, settings: ModelSettings, input_shape: tuple[int, int], problem: RecipeError
) -> RecipeError:
    """What a network that pads no time would need."""
    from kws_tfmot.models.time_padding import frames_needed

    frames = frames_needed(module.build(settings, (_LONG, input_shape[1]), 2))
    return RecipeError(
        f"{settings.name} without padding along time expected at least {frames} frames. Received: {input_shape[0]} "
        f"({problem.message})",
        "Use fewer blocks or smaller kernels (model.blocks, model.cells), a shorter frontend.hop_ms, longer clips "
        "(frontend.clip_ms), or model.time_padding=same, which cannot be streamed.",
    )
