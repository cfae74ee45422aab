"""Which units have the same output whatever the input is, and what it is.

Forward through the network, NaN standing for "varies". A linear unit is constant when every weight to a varying input
is zero; its value is ``function(bias + sum of weight * constant)``. A constant other than zero stops being one where a
kernel larger than 1x1 reads it with zero padding: the borders see zeros in its place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws_tfmot.sparsity.shrink.channel_graph import Array, Node


def foldable(constants: Array, pads: bool) -> Array:
    """The constants that a layer can replace by a bias: all, or behind zero padding only 0; the others become NaN.

    >>> foldable(np.array([0.0, 2.0, np.nan]), pads=True)
    array([ 0., nan, nan])
    >>> foldable(np.array([0.0, 2.0, np.nan]), pads=False)
    array([ 0.,  2., nan])
    """
    return np.where(pads & (constants != 0), np.nan, constants)


def contribution(kernel: Array, constants: Array) -> Array:
    """What constant inputs add to each unit: ``sum over f of constants[f] * sum over taps of kernel[:, f, :]``.

    Args:
        kernel: [taps, input features, units].
        constants: [input features]; NaN (varying) features are left out.

    >>> contribution(np.array([[[1.0, 2.0], [3.0, 4.0]]]), np.array([np.nan, 10.0]))
    array([30., 40.])
    """
    known = ~np.isnan(constants)
    return np.asarray(constants[known] @ kernel[:, known].sum(0), np.float64)


def constant_units(kernel: Array, bias: Array | None, constants: Array) -> Array:
    """Value of each unit of a linear layer before its activation, NaN where it depends on a varying input.

    >>> kernel = np.array([[[0.0, 1.0, 0.0], [0.0, 0.0, 3.0]]])  # two inputs, three units
    >>> constant_units(kernel, np.array([0.5, 0.5, 0.5]), np.array([np.nan, 2.0]))
    array([0.5, nan, 6.5])
    """
    varies = (kernel[:, np.isnan(constants)] != 0).any((0, 1))
    values = contribution(kernel, constants) + (0.0 if bias is None else bias)
    return np.where(varies, np.nan, values)


def propagate(nodes: Sequence[Node]) -> list[Array]:
    """The constant of every feature behind each node in inference, NaN where it varies.

    >>> dead = np.array([[[1.0, 0.0]]])  # one input, two units, the second without any weight
    >>> chain = [Node("x", "input", (), 1), Node("dense", "linear", (0,), 2, kernel=dead, bias=np.array([0.0, -3.0])),
    ...          Node("relu", "elementwise", (1,), 2, function=lambda v: np.maximum(v, 0))]
    >>> propagate(chain)[1:]
    [array([nan, -3.]), array([nan,  0.])]
    """
    values: list[Array] = []
    for node in nodes:
        values.append(_after(node, [values[i] for i in node.inputs]))
    return values


def _after(node: Node, inputs: list[Array]) -> Array:
    if node.kind in ("input", "opaque"):
        return np.full(node.features, np.nan)
    if node.kind == "add":
        return np.asarray(sum(inputs), np.float64)
    values = foldable(inputs[0], node.pads)
    if node.kind == "linear":
        values = constant_units(node.kernel, node.bias, values)
    elif node.kind == "depthwise":
        # As a linear layer of its own for each channel, so that a channel without weights forgets its input.
        values = np.where((node.kernel != 0).any(0), values * node.kernel.sum(0), 0.0)
        values = values if node.bias is None else values + node.bias
    elif node.kind == "norm":
        values = np.where(node.scale == 0, 0.0, values * node.scale) + node.offset
    return node.function(np.tile(values, node.features // values.size))
