"""Copies of models that share nothing with the original."""

from __future__ import annotations

from kws_tfmot.keras import keras


def fresh_copy(model: keras.Model) -> keras.Model:
    """A copy with its own layers, graph and weights.

    TFMOT's wrappers keep and change the layers of the model they are given, so every step starts from a copy.
    """
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy
