"""A value of a network in its own shape, or as an image: sequences and vectors become images of width 1.

TFMOT trains two-dimensional convolutions for int8 and no one-dimensional ones. ``[time, channels]`` is therefore also
known as ``[time, 1, channels]``, and ``[channels]`` as ``[1, 1, channels]``; a Reshape is put where both are needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from kws_tfmot.keras import keras

KerasTensor = Any  # which tf_keras does not name


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """The shape as an image ``[height, width, channels]``; ``None`` for what has more dimensions.

    >>> image_shape((49, 10)), image_shape((64,)), image_shape((25, 5, 8)), image_shape((2, 3, 4, 5))
    ((49, 1, 10), (1, 1, 64), (25, 5, 8), None)
    """
    if not 1 <= len(shape) <= 3:
        return None
    *rows, channels = shape
    return (*rows, *(1,) * (2 - len(rows)), channels) if rows else (1, 1, channels)  # type: ignore[return-value]


class NewValue:
    """One value of a network that is being written anew.

    Args:
        shape: Its own shape, without the batch.
        tensor: The tensor that holds it, in this shape or any other of as many elements.
        linear: The convolution or fully connected layer without activation that made it, if one did.
    """

    def __init__(self, shape: tuple[int, ...], tensor: KerasTensor, linear: keras.layers.Layer | None = None) -> None:
        self.shape = shape
        self.linear = linear
        self._forms = {tuple(tensor.shape[1:]): tensor}

    @property
    def is_image(self) -> bool:
        """Whether it is an image, or can be had as one without another Reshape."""
        return image_shape(self.shape) in self._forms

    def native(self, name: Callable[[str], str]) -> KerasTensor:
        """The tensor in its own shape; ``name`` makes the name of a Reshape that this may need."""
        return self._as(self.shape, name)

    def image(self, name: Callable[[str], str]) -> KerasTensor:
        """The tensor as an image."""
        shape = image_shape(self.shape)
        return self._as(self.shape if shape is None else shape, name)

    def _as(self, shape: tuple[int, ...], name: Callable[[str], str]) -> KerasTensor:
        if shape not in self._forms:
            tensor = next(iter(self._forms.values()))
            if math.prod(tensor.shape[1:]) != math.prod(shape):
                raise ValueError(f"expected as many elements as {shape}. Received: {tuple(tensor.shape[1:])}")
            self._forms[shape] = keras.layers.Reshape(shape, name=name("reshape"))(tensor)
        return self._forms[shape]
