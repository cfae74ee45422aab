"""Reading a Keras model into the nodes that the search for dead units works on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.sparsity.shrink.channel_graph import Array, Mask, Node, identity

_PASSING = (
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.Cropping2D,
    keras.layers.AveragePooling2D,
    keras.layers.MaxPooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
)
_PER_VALUE = (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU)
# Activations where a value depends on the others.
_JOINT = ("softmax", "log_softmax")


def read_graph(model: keras.Model, masks: Mapping[str, Mask] | None = None) -> list[Node]:
    """The nodes of a functional float model, in the order of its layers and the output last.

    Args:
        model: The model; it is left as it is.
        masks: {layer: which weights of its kernel stay}, for masks that are not in the kernels yet.

    Raises:
        ModelError: If the model has several inputs or outputs, or a layer is used twice.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(
            f"expected a model with one input and one output. Received: {len(model.inputs)} and {len(model.outputs)}"
        )
    if any(len(layer.inbound_nodes) > 1 for layer in model.layers):
        model = fresh_copy(model)  # other models may have been built on its layers
    if twice := [layer.name for layer in model.layers if len(layer.inbound_nodes) > 1]:
        raise ModelError(
            f"layers used twice cannot lose units: {', '.join(twice)}.", "Give each place a layer of its own."
        )
    nodes: list[Node] = []
    places: dict[int, int] = {}
    layers = sorted(model.layers, key=lambda layer: layer.output is model.outputs[0])
    for layer in layers:
        is_input = isinstance(layer, keras.layers.InputLayer)
        inputs = () if is_input else tuple(places[id(t)] for t in _listed(layer.input))
        node = _read(layer, inputs, nodes)
        if masks and layer.name in masks:
            node = _masked(node, masks[layer.name])
        places[id(layer.output)] = len(nodes)
        nodes.append(node)
    return nodes


def _listed(tensors: object) -> list[object]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _masked(node: Node, mask: Mask) -> Node:
    if mask.size != node.kernel.size:
        raise ModelError(
            f"the mask of layer {node.name!r} does not fit its kernel. Received: a mask of shape {mask.shape}",
            "Give the masks of this very model.",
        )
    return dataclasses.replace(node, kernel=np.where(mask.reshape(node.kernel.shape), node.kernel, 0.0))


def _read(layer: keras.layers.Layer, inputs: tuple[int, ...], nodes: list[Node]) -> Node:
    units = int(layer.output_shape[0][-1] if isinstance(layer, keras.layers.InputLayer) else layer.output_shape[-1])
    if isinstance(layer, keras.layers.InputLayer):
        return Node(layer.name, "input", (), units)
    before = nodes[inputs[0]]
    if reason := _opaque(layer, [nodes[i] for i in inputs]):
        return Node(layer.name, "opaque", inputs, units, reason=reason)
    weights = {name: value.astype(np.float64) for name, value in weights_by_name(layer).items()}
    if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D) and "kernel" in weights:
        kernel = weights["kernel"].reshape(-1, before.features, units)
        reason = f"the activation {layer.activation.__name__}" if _is_joint(layer.activation) else ""
        return Node(layer.name, "linear", inputs, units, 1, kernel, weights.get("bias"),
                    pads=_pads(layer), function=_numpy(layer.activation), reason=reason)  # fmt: skip
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel = weights["depthwise_kernel"].reshape(-1, units)
        return Node(layer.name, "depthwise", inputs, units, 1, kernel, weights.get("bias"),
                    pads=_pads(layer), function=_numpy(layer.activation))  # fmt: skip
    if isinstance(layer, keras.layers.BatchNormalization):
        scale, offset = norm_factors(weights, layer.epsilon)
        return Node(layer.name, "norm", inputs, before.units, before.repeats,
                    scale=scale, offset=offset, zeroable="gamma" in weights)  # fmt: skip
    if isinstance(layer, keras.layers.Add):
        return Node(layer.name, "add", inputs, before.units, before.repeats)
    repeats = units // before.units
    pads = isinstance(layer, keras.layers.ZeroPadding2D)
    function = identity if pads or isinstance(layer, _PASSING) else _numpy(layer)
    return Node(layer.name, "elementwise", inputs, before.units, repeats, pads=pads, function=function)


def weights_by_name(layer: keras.layers.Layer) -> dict[str, npt.NDArray[np.floating]]:
    """A layer's weights as arrays under their short names, ``kernel``, ``bias``, ``gamma`` and so on."""
    names = [weight.name.rsplit("/", 1)[-1].split(":")[0] for weight in layer.weights]
    return dict(zip(names, layer.get_weights(), strict=True))


def norm_factors(weights: Mapping[str, npt.NDArray[np.floating]], epsilon: float) -> tuple[Array, Array]:
    """``scale, offset`` so that batch norm in inference is ``scale * x + offset``.

    >>> values = {"gamma": 2.0, "beta": 1.0, "moving_mean": 3.0, "moving_variance": 4.0}
    >>> norm_factors({name: np.array([value]) for name, value in values.items()}, 0.0)
    (array([1.]), array([-2.]))
    """
    mean, variance = weights["moving_mean"], weights["moving_variance"]
    scale = weights.get("gamma", np.ones_like(mean)) / np.sqrt(variance + epsilon)
    return scale, weights.get("beta", np.zeros_like(mean)) - scale * mean


def _opaque(layer: keras.layers.Layer, before: list[Node]) -> str:
    """Why nothing is known of what this layer does to units; empty if it is known."""
    kind = type(layer).__name__
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return "channels first"
    if isinstance(layer, keras.layers.BatchNormalization):
        axes = [axis % len(layer.output_shape) for axis in layer.axis]
        return "" if axes == [len(layer.output_shape) - 1] else "batch norm over another axis than the channels"
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return "" if layer.depth_multiplier == 1 else f"depth multiplier {layer.depth_multiplier}"
    if type(layer) is keras.layers.Conv2D:
        return "" if layer.groups == 1 else f"{layer.groups} groups"
    if isinstance(layer, keras.layers.Add):
        shapes = [tuple(shape) for shape in layer.input_shape]
        same = len(set(shapes)) == 1 and len({(node.units, node.repeats) for node in before}) == 1
        return "" if same else "an addition of different shapes"
    if isinstance(layer, keras.layers.Activation):
        return f"the activation {layer.activation.__name__}" if _is_joint(layer.activation) else ""
    if type(layer) is keras.layers.Dense or isinstance(layer, (*_PASSING, *_PER_VALUE, keras.layers.ZeroPadding2D)):
        return ""
    return f"units are not followed through layers of type {kind}"


def _is_joint(activation: Callable[..., object]) -> bool:
    return getattr(activation, "__name__", "") in _JOINT


def _numpy(function: Callable[..., object]) -> Callable[[Array], Array]:
    """A Keras activation or layer that works value by value, on float64 arrays in which NaN represents "varies"."""
    if function is keras.activations.linear:
        return identity

    def apply(values: Array) -> Array:
        """The layer's function of constants ``[..., channels]``; NaN (not constant) stays NaN."""
        if _is_joint(function):
            return np.full_like(values, np.nan)
        known = np.nan_to_num(values).astype(np.float32)
        result = np.asarray(keras.backend.get_value(function(keras.backend.constant(known[None]))))[0]
        return np.where(np.isnan(values), np.nan, result)

    return apply


def _pads(layer: keras.layers.Layer) -> bool:
    """Whether a convolution with ``padding="same"`` really reads zeros beyond the border of its input."""
    if getattr(layer, "padding", "valid") != "same":
        return False
    for size, kernel, stride, dilation in zip(
        layer.input_shape[1:3], layer.kernel_size, layer.strides, layer.dilation_rate, strict=True
    ):
        if size is None:
            return max(layer.kernel_size) > 1
        if (math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 > size:
            return True
    return False
