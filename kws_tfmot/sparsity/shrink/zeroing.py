"""Making dead units exactly zero where their constant cannot be folded, while the network can still adapt to it.

A unit without live inputs has a constant output c. Read by a kernel larger than 1x1 with zero padding, c is not the
same as a bias, as the borders see zeros. With ``gamma = beta = 0`` in the batch norm behind it (or a bias of 0) it is 0
everywhere, for which the padding makes no difference, and the unit can be removed. That changes the network, so it
belongs into the fine-tuning with fixed masks: multiply the variables of :func:`zeroing_factors` by their factors after
each step.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws_tfmot.keras import keras
from kws_tfmot.sparsity.shrink.channel_graph import Array, Mask, Node
from kws_tfmot.sparsity.shrink.constants import propagate
from kws_tfmot.sparsity.shrink.reading import read_graph


@dataclass(frozen=True)
class Zeroed:
    """Units that were made exactly zero.

    Attributes:
        layer: The batch norm whose gamma and beta, or the layer whose bias became zero there.
        units: Their indices.
        before: What the reader saw of each of them until then, the same at every position.
        reader: The layer with zero padding that they could not be folded into.
    """

    layer: str
    units: tuple[int, ...]
    before: tuple[float, ...]
    reader: str


def zeroing_plan(nodes: Sequence[Node]) -> tuple[dict[str, Mask], list[Zeroed]]:
    """Which units of which batch norm or bias have to be zero so that dead units in front of zero padding are.

    The plan depends on where the weights are zero and not on the value of the constants: units that are zero already,
    by an earlier call or by their ReLU, are in it too, so that they stay zero. Zeroing may kill further units behind
    it, which are found as well.

    Returns:
        ``{layer: which of its units}``, and what that changes.

    >>> dead = np.array([[[1.0, 0.0]]])  # the second unit has no input, but a bias
    >>> nodes = [Node("x", "input", (), 1),
    ...          Node("conv", "linear", (0,), 2, kernel=dead, bias=np.array([0.0, 3.0])),
    ...          Node("depthwise", "depthwise", (1,), 2, kernel=np.ones((9, 2)), pads=True)]
    >>> plan, changes = zeroing_plan(nodes)
    >>> plan, changes
    ({'conv': array([False,  True])}, [Zeroed(layer='conv', units=(1,), before=(3.0,), reader='depthwise')])
    """
    nodes = list(nodes)
    plan: dict[str, Mask] = {}
    changes: list[Zeroed] = []
    while True:
        found = _next(nodes, plan)
        if found is None:
            return plan, changes
        reader, sources = found
        seen = propagate(nodes)[nodes[reader].inputs[0]]
        for source, units in sources.items():
            node = nodes[source]
            new = units & ~plan.get(node.name, np.zeros_like(units))
            plan[node.name] = plan.get(node.name, new) | new
            nodes[source] = _silent(node, new)
            if (changed := new & (seen != 0)).any():
                indices, values = np.flatnonzero(changed).tolist(), seen[changed].tolist()
                changes.append(Zeroed(node.name, tuple(indices), tuple(values), nodes[reader].name))


def zeroing_factors(model: keras.Model, masks: Mapping[str, Mask] | None = None) -> list[tuple[Any, Array]]:
    """(variable, float factors 0 or 1 of its shape) that keep the plan's units at zero in training.

    Use it after the masks have changed for the last time, and multiply after each step:
    ``variable.assign(variable * factors)``.

    Args:
        model: A float model without wrappers.
        masks: {layer: which weights of its kernel stay}, where the kernels do not hold the masks' zeros yet.
    """
    plan, _ = zeroing_plan(read_graph(model, masks))
    pairs = []
    for name, silent in plan.items():
        for variable in _variables(model.get_layer(name)):
            pairs.append((variable, np.where(silent, 0.0, 1.0)))
    return pairs


def zero_dead(model: keras.Model, masks: Mapping[str, Mask] | None = None) -> list[Zeroed]:
    """Make dead units in front of zero padding exactly zero, in place; see the module.

    Returns:
        What was changed; units that were zero already are not in it.
    """
    _, changes = zeroing_plan(read_graph(model, masks))
    for variable, factors in zeroing_factors(model, masks):
        variable.assign(keras.backend.get_value(variable) * factors)
    return changes


def _variables(layer: keras.layers.Layer) -> list[Any]:
    if isinstance(layer, keras.layers.BatchNormalization):
        return [variable for variable in (layer.gamma, layer.beta) if variable is not None]
    return [layer.bias]


def _silent(node: Node, units: Mask) -> Node:
    if node.kind == "norm":
        return dataclasses.replace(
            node, scale=np.where(units, 0.0, node.scale), offset=np.where(units, 0.0, node.offset)
        )
    return dataclasses.replace(node, bias=None if node.bias is None else np.where(units, 0.0, node.bias))


def _next(nodes: list[Node], plan: dict[str, Mask]) -> tuple[int, dict[int, Mask]] | None:
    """The first layer with padding that reads constants whose sources are not in the plan, and those sources."""
    constants = propagate(nodes)
    for index, node in enumerate(nodes):
        if not node.pads:
            continue
        sources = _sources(nodes, constants, node.inputs[0], ~np.isnan(constants[node.inputs[0]]))
        new = {s: units for s, units in sources.items() if (units & ~plan.get(nodes[s].name, ~units)).any()}
        if new:
            return index, new
    return None


def _sources(nodes: list[Node], constants: list[Array], index: int, wanted: Mask) -> dict[int, Mask]:
    """The batch norms and biases that decide the ``wanted`` constant units behind a node; none where they cannot."""
    node = nodes[index]
    zero_stays_zero = node.function(np.zeros(1))[0] == 0
    if not wanted.any() or not zero_stays_zero or node.kind in ("input", "opaque") or node.repeats > 1:
        return {}
    if node.kind == "norm":
        return {index: wanted} if node.zeroable else {}
    if node.kind in ("linear", "depthwise"):
        if node.bias is None:
            return {}
        # Only what the bias alone decides: constant inputs would still be added.
        return {index: wanted & (constants[index] == node.function(node.bias))}
    branches = [_sources(nodes, constants, source, wanted) for source in node.inputs]
    # An addition is silent where all it adds is.
    decided = [np.any([np.zeros_like(wanted), *branch.values()], axis=0) for branch in branches]
    return {place: units & np.all(decided, axis=0) for branch in branches for place, units in branch.items()}
