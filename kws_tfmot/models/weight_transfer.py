"""Training on from a model that is there: the weights of every layer that two networks share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.models.stored import load_stored


@dataclass(frozen=True)
class Taken:
    """What a network took from another.

    Attributes:
        layers: Names of the layers whose weights were taken.
        fresh: Names of those that stay as they were drawn.
        words: Labels whose part of the last layer was taken.
    """

    layers: tuple[str, ...]
    fresh: tuple[str, ...]
    words: tuple[str, ...]

    def __str__(self) -> str:
        count = len(self.layers) + len(self.fresh)
        new = f"; new: {', '.join(self.fresh)}" if self.fresh else ""
        kept = f"; labels it knew: {', '.join(self.words)}" if self.words and self.fresh else ""
        return f"weights of {len(self.layers)} of {count} layers{new}{kept}"


def take_weights(network: keras.Model, weights: Path, labels: tuple[str, ...], known: tuple[str, ...]) -> Taken:
    """Give ``network`` the weights of every layer that a stored model has too, by name and shapes, in place.

    The last layer with weights is the head: its outputs are taken label by label, so that another set of words keeps
    what both know, and all of it is new where nobody says which labels the other has.

    Args:
        network: Just built.
        weights: A ``.keras`` or ``.h5`` file.
        labels: Of the network's outputs.
        known: Of the stored model's outputs; empty where nobody says.

    Raises:
        ModelError: If no layer is the same.
    """
    given = {layer.name: layer for layer in load_stored(weights).layers if layer.weights}
    own = [layer for layer in network.layers if layer.weights]
    head = own[-1]
    taken: list[str] = []
    fresh: list[str] = []
    words: tuple[str, ...] = ()
    for layer in own:
        other = given.get(layer.name)
        values = [] if other is None else other.get_weights()
        if layer is head:
            words = _take_head(layer, values, labels, known)
            (taken if words == labels else fresh).append(layer.name)
        elif values and [value.shape for value in values] == [value.shape for value in layer.get_weights()]:
            layer.set_weights(values)
            taken.append(layer.name)
        else:
            fresh.append(layer.name)
    if not [name for name in taken if name != head.name]:
        raise ModelError(
            f"no layer of the network has the name and shape of one in {weights.name}: there is nothing to go on from.",
            "Take the model and front end of that build too: `kws build --from` does, or copy its groups model and "
            "frontend into the recipe.",
        )
    return Taken(tuple(taken), tuple(fresh), words)


def _take_head(
    layer: keras.layers.Layer, values: list[np.ndarray], labels: tuple[str, ...], known: tuple[str, ...]
) -> tuple[str, ...]:
    """Copy the outputs of the labels that both have; the last axis of every weight is that of the outputs."""
    own = layer.get_weights()
    shared = tuple(label for label in labels if label in known)
    fits = len(values) == len(own) and all(
        value.shape[-1] == len(known) and mine.shape == (*value.shape[:-1], len(labels))
        for value, mine in zip(values, own, strict=False)
    )
    if not fits or not shared:
        return ()
    for value, mine in zip(values, own, strict=True):
        for label in shared:
            mine[..., labels.index(label)] = value[..., known.index(label)]
    layer.set_weights(own)
    return shared
