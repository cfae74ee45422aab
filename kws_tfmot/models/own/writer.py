"""Writing a network anew, layer by layer, under names that do not collide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.models.own.layer_graph import LayerGraph, LayerUse

# With this epsilon and one less it as variance, a batch norm's factor is exactly 1.
_EPSILON = 2.0**-10


class Writer:
    """Adds layers to a new network.

    Args:
        graph: The network that is being written anew.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self._own = Counter(step.path[-1] for step in graph.steps)
        self._taken: set[str] = set()

    def name(self, step: LayerUse, part: str = "") -> str:
        """A free name for a layer that represents ``step``, or for ``part`` of it.

        The layer's own name where only one layer of the network has it, else with those of the models around it.
        """
        base = step.path[-1] if self._own[step.path[-1]] == 1 else "_".join(step.path)
        repeats = type(step.layer).__name__.lower() == part.replace("_", "") or (part == "relu" and _is_relu(step))
        wanted = base if not part or repeats else f"{base}_{part}"
        wanted, number = wanted.replace("/", "_"), 1
        found = wanted
        while found in self._taken:
            number += 1
            found = f"{wanted}_{number}"
        self._taken.add(found)
        return found

    def namer(self, step: LayerUse) -> Callable[[str], str]:
        """:meth:`name` for one step."""
        return lambda part: self.name(step, part)

    def call(self, layer: keras.layers.Layer, inputs: Any, weights: list[np.ndarray]) -> keras.KerasTensor:
        """Use ``layer`` once, with these weights unless there are none.

        Raises:
            ModelError: If the layer refuses its inputs.
        """
        try:
            made = layer(inputs)
            if weights:
                layer.set_weights(weights)
        except (ValueError, TypeError) as err:
            reason = " ".join(str(err).split())[:300]
            raise ModelError(
                f"layer {layer.name!r} ({type(layer).__name__}) cannot be copied: {reason}",
                "Use layers of Keras that `docs/own_network.md` lists.",
            ) from err
        return made

    def identity(self, step: LayerUse, x: keras.KerasTensor) -> keras.KerasTensor:
        """A depthwise 1x1 convolution of ones that training leaves alone."""
        layer = keras.layers.DepthwiseConv2D(1, use_bias=False, name=self.name(step, "ones"), trainable=False)
        return self.call(layer, x, [np.ones((1, 1, x.shape[-1], 1), np.float32)])

    def identity_norm(self, step: LayerUse, x: keras.KerasTensor) -> keras.KerasTensor:
        """A batch norm that changes nothing and that training leaves alone."""
        channels = x.shape[-1]
        layer = keras.layers.BatchNormalization(
            epsilon=_EPSILON, center=False, scale=False, name=self.name(step, "norm"), trainable=False
        )
        zeros, variance = np.zeros(channels, np.float32), np.full(channels, 1 - _EPSILON, np.float32)
        return self.call(layer, x, [zeros, variance])

    def shape_of(self, step: LayerUse) -> tuple[int, ...]:
        """Shape of what ``step`` makes in the original network, without the batch.

        Raises:
            ModelError: If a dimension is not fixed.
        """
        shape = step.layer.get_output_shape_at(0) if len(step.outputs) == 1 else None
        if shape is None or isinstance(shape, list) or any(size is None for size in shape[1:]):
            raise ModelError(
                f"layer {'/'.join(step.path)!r} gives {shape}.",
                "Layers must have one output, whose shape but for the batch is fixed.",
            )
        return tuple(int(size) for size in shape[1:])

    def needs_convolution(self, step: LayerUse) -> bool:
        """Whether a Dense layer feeds a clipped ReLU, directly or behind a batch norm: TFMOT folds these behind
        convolutions alone."""
        layer = step.layer.layer if isinstance(step.layer, keras.layers.TimeDistributed) else step.layer
        if getattr(layer.activation, "__name__", "") == "relu6":
            return True
        readers = self.graph.readers(step.outputs[0])
        if len(readers) == 1 and isinstance(readers[0].layer, keras.layers.BatchNormalization):
            readers = self.graph.readers(readers[0].outputs[0])
        return len(readers) == 1 and _is_clipped(readers[0].layer)


def _is_relu(step: LayerUse) -> bool:
    return isinstance(step.layer, keras.layers.Activation | keras.layers.ReLU)


def _is_clipped(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.Activation):
        return getattr(layer.activation, "__name__", "") == "relu6"
    return isinstance(layer, keras.layers.ReLU) and layer.max_value is not None
