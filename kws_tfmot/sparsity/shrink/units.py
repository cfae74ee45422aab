"""Which units nothing would miss: pure logic on the zeros of the kernels.

Backward through the network, from its outputs: an input of a linear layer is needed if some needed unit of the layer
has a weight other than zero to it and the input is not a constant that can be folded into the layer's bias. What no
layer needs is dead. Needs only grow while they are propagated, so the result is the fixed point: what dies because of a
dead unit is found as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kws_tfmot.sparsity.shrink.channel_graph import Array, Mask, Node, channel_spaces
from kws_tfmot.sparsity.shrink.constants import foldable, propagate


@dataclass(frozen=True)
class Units:
    """What becomes of the units.

    Attributes:
        constants: For each node the constant of every feature, NaN where it varies.
        spaces: For each node the number of its channel space.
        needed: {space: which of its units are needed}. A space where none is keeps its first one, see ``kept``.
        protected: {space: why all its units stay whatever their weights are}.
    """

    constants: list[Array]
    spaces: list[int]
    needed: dict[int, Mask]
    protected: dict[int, str]

    def kept(self, index: int) -> Mask:
        """Which units of a node's output the smaller network has: those needed, or the first one if none is."""
        needed = self.needed[self.spaces[index]]
        return needed if needed.any() else np.arange(needed.size) == 0

    def wholly_dead(self, index: int) -> bool:
        """Whether none of the units of a node is needed."""
        return not self.needed[self.spaces[index]].any()


def needed_inputs(kernel: Array, needed: Mask, constants: Array) -> Mask:
    """Which input features a linear layer needs.

    Args:
        kernel: [taps, input features, units].
        needed: Which of its units are needed.
        constants: The foldable constant of each input feature, NaN where there is none.

    >>> kernel = np.array([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])  # three inputs, two units
    >>> needed_inputs(kernel, np.array([True, False]), np.array([np.nan, np.nan, 5.0]))
    array([ True, False, False])
    """
    return np.asarray((kernel[:, :, needed] != 0).any((0, 2)) & np.isnan(constants), np.bool_)


def dead_units(nodes: Sequence[Node]) -> Units:
    """Find the units that can be removed without changing the network's output; its last node is the output.

    >>> first = np.array([[[1.0, 0.0, 1.0, 1.0]]])  # the second unit has no input ...
    >>> second = np.array([[[1.0], [1.0], [0.0], [1.0]]])  # ... and the third no output
    >>> chain = [Node("x", "input", (), 1), Node("hidden", "linear", (0,), 4, kernel=first),
    ...          Node("out", "linear", (1,), 1, kernel=second)]
    >>> dead_units(chain).kept(1)
    array([ True, False, False,  True])
    """
    constants, spaces = propagate(nodes), channel_spaces(nodes)
    protected = _protected(nodes, spaces)
    needed = {space: np.full(nodes[space].units, space in protected) for space in sorted(set(spaces))}
    before = -1
    while before != (before := sum(int(mask.sum()) for mask in needed.values())):
        for index in reversed(range(len(nodes))):
            node = nodes[index]
            if node.kind == "linear":
                source = node.inputs[0]
                fixed = foldable(constants[source], node.pads)
                used = needed_inputs(node.kernel, needed[spaces[index]], fixed)
                needed[spaces[source]] |= used.reshape(-1, nodes[source].units).any(0)
    return Units(constants, spaces, needed, protected)


def _protected(nodes: Sequence[Node], spaces: list[int]) -> dict[int, str]:
    protected = {spaces[-1]: "the network's output"}
    for index, node in enumerate(nodes):
        if node.kind == "input":
            protected[spaces[index]] = "the network's input"
        elif node.reason:
            protected.setdefault(spaces[index], node.reason)
            for source in node.inputs if node.kind == "opaque" else ():
                protected.setdefault(spaces[source], f"read by {node.name}: {node.reason}")
    return protected
