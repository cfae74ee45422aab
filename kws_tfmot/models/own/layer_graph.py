"""Walking a Keras model layer by layer, nested models included, without calling its layers again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras, tf

_WAY_OUT = "Build it with keras.Sequential, or with keras.Input and keras.Model."


@dataclass(frozen=True)
class LayerUse:
    """One use of one layer.

    Attributes:
        layer: The layer, never a model.
        path: Its name, behind those of the models it is nested in.
        inputs: Numbers of the values it reads.
        outputs: Numbers of the values it makes.
        arguments: What else it is called with, ``None`` and ``training`` left out.
    """

    layer: keras.layers.Layer
    path: tuple[str, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    arguments: dict[str, Any]


@dataclass(frozen=True)
class LayerGraph:
    """A model as steps in an order in which they can be done; values are numbered, 0 is the input.

    Attributes:
        steps: The uses of layers, without input layers.
        result: Number of the model's output.
    """

    steps: tuple[LayerUse, ...]
    result: int

    def readers(self, value: int) -> list[LayerUse]:
        """Every step that reads ``value``."""
        return [step for step in self.steps if value in step.inputs]


def graph_of(model: keras.Model) -> LayerGraph:
    """The layers of ``model`` in order, those of nested models in place of these.

    Raises:
        ModelError: If the model has not one input and one output, is no graph of layers, or uses a layer with weights
            twice.
    """
    if not isinstance(model, keras.Model):
        raise ModelError(f"expected a Keras 2 model. Received: {type(model).__name__}", _WAY_OUT)
    _check_graph(model, model.name)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(f"expected one input and one output. Received: {len(model.inputs)} and {len(model.outputs)}.")
    numbers = _Numbers()
    (result,) = numbers.model(model, (0,), ())
    steps = tuple(numbers.steps)
    uses = Counter(id(step.layer) for step in steps if step.layer.weights)
    shared = sorted({"/".join(step.path) for step in steps if uses[id(step.layer)] > 1})
    if shared:
        raise ModelError(
            f"the model uses these layers more than once, with the same weights: {', '.join(shared)}.",
            "TFMOT cannot prune or quantise shared layers: give each use a layer of its own.",
        )
    return LayerGraph(steps, result)


def _check_graph(model: keras.Model, name: str) -> None:
    if not getattr(model, "_is_graph_network", False):
        raise ModelError(
            f"the model {name!r} ({type(model).__name__}) is no graph of layers: Python code says what it does.",
            _WAY_OUT + " A Sequential model needs its input shape.",
        )


class _Numbers:
    """Numbers the values of nested models as they are walked."""

    def __init__(self) -> None:
        self.steps: list[LayerUse] = []
        self._next = 1

    def model(self, model: keras.Model, inputs: tuple[int, ...], path: tuple[str, ...]) -> tuple[int, ...]:
        """Walk ``model`` reading ``inputs``; return the numbers of its outputs."""
        values = {id(tensor): number for tensor, number in zip(model.inputs, inputs, strict=True)}
        for node in _nodes(model):
            layer = node.layer
            if isinstance(layer, keras.layers.InputLayer):
                continue
            read = tuple(values[id(tensor)] for tensor in node.keras_inputs)
            where = (*path, layer.name)
            made = self._step(layer, node, read, where)
            for tensor, number in zip(tf.nest.flatten(node.outputs), made, strict=True):
                values[id(tensor)] = number
        return tuple(values[id(tensor)] for tensor in model.outputs)

    def _step(self, layer: Any, node: Any, inputs: tuple[int, ...], path: tuple[str, ...]) -> tuple[int, ...]:
        if isinstance(layer, keras.Model):
            _check_graph(layer, layer.name)
            return self.model(layer, inputs, path)
        arguments = {k: v for k, v in node.call_kwargs.items() if v is not None and k not in ("training", "mask")}
        count = len(tf.nest.flatten(node.outputs))
        outputs = tuple(range(self._next, self._next + count))
        self._next += count
        self.steps.append(LayerUse(layer, path, inputs, outputs, arguments))
        return outputs


def _nodes(model: keras.Model) -> Iterator[Any]:
    """Uses of the layers of one graph, each after those it reads."""
    for depth in sorted(model._nodes_by_depth, reverse=True):
        yield from model._nodes_by_depth[depth]
