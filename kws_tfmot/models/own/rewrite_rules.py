"""How each kind of layer is written in the layers that pruning, quantisation and conversion know.

A rule is a function ``(writer, step, values) -> NewValue``, exact in what the layer computes. Layers without a rule are
copied as they are; what cannot be quantised among them is named by
:func:`~kws_tfmot.quantization.tfmot_qat.check_quantizable`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kws_tfmot.keras import keras
from kws_tfmot.models.own.activations import activate, activation_name
from kws_tfmot.models.own.forms import NewValue
from kws_tfmot.models.own.hard_swish import HardSwish

if TYPE_CHECKING:
    from kws_tfmot.models.own.layer_graph import LayerUse
    from kws_tfmot.models.own.writer import Writer

Rule = Callable[["Writer", "LayerUse", list[NewValue]], NewValue]
L = keras.layers


def convolution(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """``Conv1D``, ``Conv2D``: as a two-dimensional convolution, and its activation."""
    layer = step.layer
    one = isinstance(layer, L.Conv1D)
    x, padding = _padded(writer, step, values[0], one)
    weights = layer.get_weights()
    settings = {
        "filters": layer.filters,
        "kernel_size": _two(layer.kernel_size, one),
        "strides": _two(layer.strides, one),
        "dilation_rate": _two(layer.dilation_rate, one),
        "groups": layer.groups,
        "padding": padding,
    }
    weights = [weights[0][:, None] if one else weights[0], *weights[1:]]
    return _linear(writer, step, L.Conv2D, settings, weights, x)


def depthwise(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """``DepthwiseConv1D``, ``DepthwiseConv2D``."""
    layer = step.layer
    one = isinstance(layer, L.DepthwiseConv1D)
    x, padding = _padded(writer, step, values[0], one)
    weights = layer.get_weights()
    weights = [weights[0][:, None] if one else weights[0], *weights[1:]]
    return _linear(writer, step, L.DepthwiseConv2D, _depthwise_settings(layer, one, padding), weights, x)


def separable(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """``SeparableConv1D``, ``SeparableConv2D``: a depthwise convolution, then a 1x1 convolution with the bias."""
    layer = step.layer
    one = isinstance(layer, L.SeparableConv1D)
    x, padding = _padded(writer, step, values[0], one)
    first, second, *bias = layer.get_weights()
    settings = _depthwise_settings(layer, one, padding) | {"use_bias": False}
    inner = writer.call(
        L.DepthwiseConv2D(**settings, name=writer.name(step, "depthwise")), x, [first[:, None] if one else first]
    )
    weights = [second[:, None] if one else second, *bias]
    return _linear(writer, step, L.Conv2D, {"filters": layer.filters, "kernel_size": 1}, weights, inner)


def dense(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """``Dense``, also in ``TimeDistributed``.

    Over images and sequences, and before what TFMOT knows behind convolutions alone, it is a 1x1 convolution.
    """
    layer = step.layer.layer if isinstance(step.layer, L.TimeDistributed) else step.layer
    source = values[0]
    weights = layer.get_weights()
    if len(source.shape) == 1 and not writer.needs_convolution(step):
        built = {"units": layer.units}
        return _linear(writer, step, L.Dense, built, weights, source.native(writer.namer(step)), layer)
    settings = {"filters": layer.units, "kernel_size": 1}
    x = source.image(writer.namer(step))
    shape = (*source.shape[:-1], layer.units)
    return _linear(writer, step, L.Conv2D, settings, [weights[0][None, None], *weights[1:]], x, layer, shape)


def batch_norm(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """``BatchNormalization``: behind a frozen depthwise 1x1 convolution of ones where it follows no linear layer.

    TFMOT and the converter fold a batch norm into the convolution before it, and cannot quantise one that is alone.
    """
    source = values[0]
    name = writer.namer(step)
    x = source.native(name) if isinstance(source.linear, L.Dense) else source.image(name)
    if source.linear is None:
        x = writer.identity(step, x)
    config = step.layer.get_config() | {"axis": -1, "name": writer.name(step)}
    made = writer.call(L.BatchNormalization.from_config(config), x, step.layer.get_weights())
    return NewValue(source.shape, made)


def activation(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """``Activation``, ``ReLU``, ``LeakyReLU``, ``Softmax`` and the like."""
    layer = step.layer
    if isinstance(layer, L.ReLU) and layer.threshold:
        return copied(writer, step, values)
    if isinstance(layer, L.ReLU) and layer.negative_slope and layer.max_value is None:
        return activate(writer, step, values[0], "leaky_relu", float(layer.negative_slope))
    if isinstance(layer, L.ReLU) and not layer.negative_slope:
        limit = None if layer.max_value is None else float(layer.max_value)
        return activate(writer, step, values[0], "relu", limit)
    if isinstance(layer, L.Activation):
        return activate(writer, step, values[0], activation_name(layer.activation))
    return elementwise(writer, step, values)


def elementwise(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """What works value by value, of one or several inputs: on images where these are at hand."""
    same_rank = len({len(value.shape) for value in values}) == 1
    images = same_rank and all(value.is_image for value in values) and len(values[0].shape) <= 3
    tensors = [value.image(writer.namer(step)) if images else value.native(writer.namer(step)) for value in values]
    config = step.layer.get_config() | {"name": writer.name(step)}
    axis = config.get("axis")
    if images and isinstance(axis, int) and axis >= 0 and axis == len(values[0].shape):
        config["axis"] = -1  # the last dimension stays the last
    made = writer.call(type(step.layer).from_config(config), tensors if len(tensors) > 1 else tensors[0], [])
    return NewValue(writer.shape_of(step), made)


def pool(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """``MaxPooling1D`` and ``AveragePooling1D`` as two-dimensional ones."""
    layer = step.layer
    kind = L.MaxPooling2D if isinstance(layer, L.MaxPooling1D) else L.AveragePooling2D
    new = kind((layer.pool_size[0], 1), (layer.strides[0], 1), layer.padding, name=writer.name(step))
    return NewValue(writer.shape_of(step), writer.call(new, values[0].image(writer.namer(step)), []))


def global_pool(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """``GlobalAveragePooling1D``, ``GlobalMaxPooling1D``."""
    kind = L.GlobalMaxPooling2D if isinstance(step.layer, L.GlobalMaxPooling1D) else L.GlobalAveragePooling2D
    new = kind(keepdims=step.layer.keepdims, name=writer.name(step))
    return NewValue(writer.shape_of(step), writer.call(new, values[0].image(writer.namer(step)), []))


def rows(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """``ZeroPadding1D``, ``Cropping1D``, ``UpSampling1D`` and ``SpatialDropout1D`` along the rows of an image."""
    layer, name = step.layer, writer.name(step)
    if isinstance(layer, L.ZeroPadding1D):
        new: Any = L.ZeroPadding2D((tuple(layer.padding), (0, 0)), name=name)
    elif isinstance(layer, L.Cropping1D):
        new = L.Cropping2D((tuple(layer.cropping), (0, 0)), name=name)
    elif isinstance(layer, L.UpSampling1D):
        new = L.UpSampling2D((layer.size, 1), name=name)
    else:
        new = L.SpatialDropout2D(layer.rate, name=name)
    return NewValue(writer.shape_of(step), writer.call(new, values[0].image(writer.namer(step)), []))


def renamed(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """``Flatten``, ``Reshape``, ``Identity``: the same elements in another shape."""
    tensor = values[0].image(writer.namer(step)) if values[0].is_image else values[0].native(writer.namer(step))
    return NewValue(writer.shape_of(step), tensor)


def copied(writer: Writer, step: LayerUse, values: list[NewValue]) -> NewValue:
    """A layer of the same kind and settings with the same weights, in the value's own shape."""
    tensors = [value.native(writer.namer(step)) for value in values]
    config = step.layer.get_config() | {"name": writer.name(step)}
    new = type(step.layer).from_config(config)
    made = writer.call(new, tensors if len(tensors) > 1 else tensors[0], step.layer.get_weights())
    return NewValue(writer.shape_of(step), made)


def _depthwise_settings(layer: Any, one: bool, padding: str) -> dict[str, Any]:
    # TensorFlow's kernels want equal strides; along the width of 1 they change nothing.
    return {
        "kernel_size": _two(layer.kernel_size, one),
        "strides": tuple(layer.strides) * 2 if one else layer.strides,
        "dilation_rate": _two(layer.dilation_rate, one),
        "depth_multiplier": layer.depth_multiplier,
        "padding": padding,
    }


def _two(values: tuple[int, ...], one: bool) -> tuple[int, int]:
    return (int(values[0]), 1) if one else (int(values[0]), int(values[1]))


def _padded(writer: Writer, step: LayerUse, source: NewValue, one: bool) -> tuple[Any, str]:
    """The input as an image, and the padding that is left to the convolution."""
    x = source.image(writer.namer(step))
    layer = step.layer
    if layer.padding != "causal":
        return x, layer.padding
    before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
    return writer.call(L.ZeroPadding2D(((before, 0), (0, 0)), name=writer.name(step, "pad")), x, []), "valid"


def _linear(
    writer: Writer,
    step: LayerUse,
    kind: type,
    settings: dict[str, Any],
    weights: list[np.ndarray],
    x: Any,
    layer: Any = None,
    shape: tuple[int, ...] | None = None,
) -> NewValue:
    """A layer with a kernel, and its activation: within it for ReLU, else as a layer of its own."""
    layer = layer or step.layer
    function = activation_name(layer.activation)
    inside = "relu" if function == "relu" else None
    common = {"use_bias": layer.use_bias, "name": writer.name(step), "trainable": layer.trainable}
    own = "depthwise_regularizer" if kind is L.DepthwiseConv2D else "kernel_regularizer"
    common[own] = getattr(layer, own, getattr(layer, "pointwise_regularizer", None))
    common["bias_regularizer"] = layer.bias_regularizer
    new = kind(**settings, **common, activation=inside)
    value = NewValue(shape or writer.shape_of(step), writer.call(new, x, weights))
    if inside:
        return value
    if function != "linear" or len(writer.graph.readers(step.outputs[0])) == 1:
        value.linear = new
    return activate(writer, step, value, function)


RULES: dict[type, Rule] = {
    L.Conv1D: convolution,
    L.Conv2D: convolution,
    L.DepthwiseConv1D: depthwise,
    L.DepthwiseConv2D: depthwise,
    L.SeparableConv1D: separable,
    L.SeparableConv2D: separable,
    L.Dense: dense,
    L.BatchNormalization: batch_norm,
    **dict.fromkeys((L.Activation, L.ReLU, L.LeakyReLU, L.ELU, L.Softmax), activation),
    HardSwish: elementwise,
    **dict.fromkeys((L.Add, L.Multiply, L.Subtract, L.Maximum, L.Minimum, L.Concatenate, L.Dropout), elementwise),
    **dict.fromkeys((L.MaxPooling1D, L.AveragePooling1D), pool),
    **dict.fromkeys((L.GlobalAveragePooling1D, L.GlobalMaxPooling1D), global_pool),
    **dict.fromkeys((L.ZeroPadding1D, L.Cropping1D, L.UpSampling1D, L.SpatialDropout1D), rows),
    **dict.fromkeys((L.Flatten, L.Reshape, L.Identity), renamed),
}


def rule_of(layer: keras.layers.Layer) -> Rule:
    """The rule for ``layer``: its own, or to copy it."""
    if isinstance(layer, L.TimeDistributed) and type(layer.layer) is L.Dense:
        return dense
    if isinstance(layer, L.BatchNormalization) and _axis(layer) not in (-1, len(layer.input_shape) - 1):
        return copied
    return RULES.get(type(layer), copied)


def _axis(norm: keras.layers.BatchNormalization) -> int:
    axis = norm.axis
    return int(axis[0] if isinstance(axis, list | tuple) else axis)
