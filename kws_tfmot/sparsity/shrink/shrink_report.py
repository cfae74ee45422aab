"""The size that sparse training found, layer by layer, and why units stayed that have nothing to say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kws_tfmot.sparsity.shrink.channel_graph import Mask, Node
from kws_tfmot.sparsity.shrink.constants import foldable
from kws_tfmot.sparsity.shrink.units import Units


@dataclass(frozen=True)
class LayerSize:
    """One layer with a kernel. ``units_*`` are units or channels, ``weights_*`` kernel elements.

    Attributes:
        layer: Its name.
        units_before: Units of the network as it was trained.
        units_after: Units that stay.
        weights_before: Kernel elements as trained.
        weights_after: Kernel elements that stay, zero or not.
        nonzero: Those that are not zero.
        reason: Why units without a live input, or all of them, stay; empty if there is nothing to say.
    """

    layer: str
    units_before: int
    units_after: int
    weights_before: int
    weights_after: int
    nonzero: int
    reason: str = ""


def layer_sizes(nodes: Sequence[Node], units: Units) -> list[LayerSize]:
    """One row for each layer with a kernel, in the order of the network."""
    return [_size(nodes, units, i) for i, node in enumerate(nodes) if node.kind in ("linear", "depthwise")]


def size_table(sizes: Iterable[LayerSize]) -> list[dict[str, str | int | float]]:
    """Rows for a table or JSON, with the whole network last.

    >>> rows = size_table([LayerSize("a", 8, 6, 80, 60, 15, "why"), LayerSize("b", 4, 4, 32, 24, 6)])
    >>> rows[0]
    {'layer': 'a', 'units': '8 -> 6', 'weights': '80 -> 60', 'sparsity': 0.75, 'stays': 'why'}
    >>> rows[2]
    {'layer': 'total', 'units': '12 -> 10', 'weights': '112 -> 84', 'sparsity': 0.75, 'stays': ''}
    """
    rows = list(sizes)
    counted = ("units_before", "units_after", "weights_before", "weights_after", "nonzero")
    total = LayerSize("total", *(sum(getattr(row, name) for row in rows) for name in counted))
    return [
        {
            "layer": row.layer,
            "units": f"{row.units_before} -> {row.units_after}",
            "weights": f"{row.weights_before} -> {row.weights_after}",
            "sparsity": round(1 - row.nonzero / max(1, row.weights_after), 4),
            "stays": row.reason,
        }
        for row in [*rows, total]
    ]


def _size(nodes: Sequence[Node], units: Units, index: int) -> LayerSize:
    node, kept = nodes[index], units.kept(index)
    weights, inputs = node.kernel[..., kept], 1
    if node.kind == "linear":
        source = node.inputs[0]
        repeats, space = nodes[source].repeats, units.spaces[source]
        inputs = repeats * int(units.kept(source).sum())
        weights = weights * np.tile(units.needed[space], repeats)[:, None] * units.needed[units.spaces[index]][kept]
    size = len(node.kernel) * inputs * int(kept.sum())
    return LayerSize(
        node.name, node.units, int(kept.sum()), node.kernel.size, size, int(np.count_nonzero(weights)),
        _reason(nodes, units, index),
    )  # fmt: skip


def _reason(nodes: Sequence[Node], units: Units, index: int) -> str:
    space = units.spaces[index]
    if units.wholly_dead(index):
        return "all units are dead; one with zero weights replaces them"
    constant = ~np.isnan(units.constants[index]) & units.needed[space]
    if not constant.any():
        return ""
    count = f"{int(constant.sum())} unit{'s' if constant.sum() > 1 else ''} without live inputs"
    if space in units.protected:
        return f"{count}: {units.protected[space]}"
    return f"{count}: {_blockers(nodes, units, space, constant)}"


def _blockers(nodes: Sequence[Node], units: Units, space: int, constant: Mask) -> str:
    """Which layers cannot take the constants of a space's units into a bias."""
    padded, joined = [], []
    for node in nodes:
        sources = [i for i in node.inputs if units.spaces[i] == space]
        if not sources:
            continue
        seen = [units.constants[i].reshape(-1, nodes[i].units)[:, constant] for i in sources]
        if node.pads and (np.isnan(foldable(seen[0], True)) & ~np.isnan(seen[0])).any():
            padded.append(node.name)
        elif node.kind == "add" and np.isnan(sum(seen)).any():
            joined.append(node.name)
    parts = [f"not zero before the padded kernel of {', '.join(padded)}"] if padded else []
    parts += [f"added to live units in {', '.join(joined)}"] if joined else []
    return "; ".join(parts) or "read beside live units of the same channel"
