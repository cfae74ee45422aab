"""Folding batch norm into fully connected layers before quantisation-aware training.

TFMOT and the converter fold batch norm behind convolutions, whose int8 scales are per channel. A fully connected
layer has one scale for the whole kernel in TFMOT's scheme, the per-unit factor of the batch norm does not fit into it,
and the layer would stay in float. Folding first is exact in float and keeps every zero, as it scales whole columns.
"""

from __future__ import annotations

import numpy as np

from kws_tfmot.keras import keras


def fold_dense_batch_norm(model: keras.Model) -> keras.Model:
    """Return a model equal in output, with Dense -> BatchNormalization (-> ReLU) replaced by one Dense.

    ``kernel' = kernel * g`` and ``bias' = beta + g * (bias - mean)`` with ``g = gamma / sqrt(variance + epsilon)``.

    Args:
        model: A functional float model whose layers belong to no other model; it is left as it is.
    """
    folded = {layer: norm for layer in model.layers if (norm := _norm_after(layer)) is not None}
    if not folded:
        return model
    (entry,), (last,) = model.inputs, model.outputs
    inputs = keras.Input(entry.shape[1:], name=entry.name)
    values: dict[int, object] = {id(entry): inputs}
    gone = {layer for norm in folded.values() for layer in (norm, _relu_after(norm)) if layer is not None}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        arguments = _mapped(layer.input, values)
        if layer in gone:
            values[id(layer.output)] = arguments
        elif layer in folded:
            relu = _relu_after(folded[layer]) is not None
            values[id(layer.output)] = keras.layers.Dense(
                layer.units, activation="relu" if relu else None, name=layer.name
            )(arguments)
        else:
            values[id(layer.output)] = type(layer).from_config(layer.get_config())(arguments)
    result = keras.Model(inputs, values[id(last)], name=model.name)
    for layer in result.layers:
        original = model.get_layer(layer.name) if layer.weights else None
        if original is not None:
            layer.set_weights(
                _folded_weights(original, folded[original]) if original in folded else original.get_weights()
            )
    return result


def _mapped(tensors: object, values: dict[int, object]) -> object:
    return [values[id(t)] for t in tensors] if isinstance(tensors, list) else values[id(tensors)]


def _norm_after(layer: keras.layers.Layer) -> keras.layers.Layer | None:
    linear = isinstance(layer, keras.layers.Dense) and layer.activation is keras.activations.linear
    return only_follower(layer, keras.layers.BatchNormalization) if linear else None


def _relu_after(norm: keras.layers.Layer) -> keras.layers.Layer | None:
    relu = only_follower(norm, keras.layers.ReLU)
    standard = relu is not None and relu.max_value is None and not relu.negative_slope and not relu.threshold
    return relu if standard else None


def only_follower(layer: keras.layers.Layer, kind: type) -> keras.layers.Layer | None:
    """The one layer that reads ``layer``, if it is the only one and of ``kind``."""
    match [node.outbound_layer for node in layer.outbound_nodes]:
        case [follower] if isinstance(follower, kind):
            return follower
    return None


def _folded_weights(dense: keras.layers.Dense, norm: keras.layers.BatchNormalization) -> list[np.ndarray]:
    mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
    gamma = np.ones_like(mean) if norm.gamma is None else norm.gamma.numpy()
    beta = np.zeros_like(mean) if norm.beta is None else norm.beta.numpy()
    factor = gamma / np.sqrt(variance + norm.epsilon)
    bias = dense.bias.numpy() if dense.use_bias else np.zeros_like(mean)
    return [dense.kernel.numpy() * factor, beta + factor * (bias - mean)]
