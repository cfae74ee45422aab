"""A network as far as dead units are concerned: nodes over NumPy arrays, and which of them share channels.

A *unit* is a unit of a fully connected layer or a channel of a convolution. It lives in a *channel space*: linear
layers start a new space, depthwise convolutions, batch norm, activations, pooling, dropout and flattening carry on the
one in front of them, and an addition makes one space of those it joins. A unit is kept or removed in all of its space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Kind = Literal["input", "linear", "depthwise", "norm", "elementwise", "add", "opaque"]


def _none() -> Array:
    return np.zeros(0)


def identity(values: Array) -> Array:
    """The activation of a layer that has none."""
    return values


@dataclass(frozen=True, eq=False)
class Node:
    """One layer. Its output has ``repeats * units`` features, unit ``u`` being every feature ``p * units + u``.

    Attributes:
        name: The layer's name.
        kind: ``opaque`` is a layer that nothing is known of: the units before and behind it stay.
        inputs: Indices of the nodes it reads.
        units: Channels of its output.
        repeats: Positions that a flattening laid side by side, otherwise 1.
        kernel: ``linear``: [taps, input features, units]; ``depthwise``: [taps, units].
        bias: [units] of ``linear`` and ``depthwise``, ``None`` if there is none.
        scale: ``norm``: ``gamma / sqrt(variance + epsilon)``, [features].
        offset: ``norm``: ``beta - scale * mean``, [features].
        zeroable: Whether its own parameters can make its output zero (a batch norm without gamma cannot).
        pads: Whether zeros are put around what the layer reads, so that its borders see other inputs than its middle.
        function: What it does to each value at the end.
        reason: Why an ``opaque`` layer is one, or why a ``linear`` layer cannot lose units.
    """

    name: str
    kind: Kind
    inputs: tuple[int, ...]
    units: int
    repeats: int = 1
    kernel: Array = field(default_factory=_none)
    bias: Array | None = None
    scale: Array = field(default_factory=_none)
    offset: Array = field(default_factory=_none)
    zeroable: bool = True
    pads: bool = False
    function: Callable[[Array], Array] = identity
    reason: str = ""

    @property
    def features(self) -> int:
        """Size of the output's last axis."""
        return self.repeats * self.units


def channel_spaces(nodes: Sequence[Node]) -> list[int]:
    """For each node the number of its channel space: the index of the first node in it.

    >>> chain = [Node("x", "input", (), 1), Node("a", "linear", (0,), 8), Node("a_bn", "norm", (1,), 8),
    ...          Node("b", "linear", (2,), 8), Node("sum", "add", (2, 3), 8)]
    >>> channel_spaces(chain)
    [0, 1, 1, 1, 1]
    """
    parents = list(range(len(nodes)))

    def root(index: int) -> int:
        """The tensor that represents a set of tensors with common channels."""
        while parents[index] != index:
            index = parents[index]
        return index

    for index, node in enumerate(nodes):
        if node.kind not in ("input", "linear", "opaque"):
            for source in node.inputs:
                first, second = sorted((root(index), root(source)))
                parents[second] = first
    return [root(index) for index in range(len(nodes))]
