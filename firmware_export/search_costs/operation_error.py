"""How far a table of operations is from whole networks: random ones of the space, built, linked, run and compared.

The network is dense and its activations use the whole int8 range. Zero weights cost less than the table says, and a
zero point other than -128 after a ReLU6, which quantisation-aware training may leave, one more pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from firmware_export.emulation.cycles import Cycles
from firmware_export.emulation.emulator import emulate
from firmware_export.graphs.mbconv_graph import mbconv_model
from firmware_export.search_costs.operation_cost import UNITS, OperationCosts
from kws_tfmot.models.mbconv_cells import Cell, cells_text
from kws_tfmot.progress import SILENT, Reporter

REMAINS = (
    "instructions: how often a result is cut off at int8's ends depends on the data; flash: alignment of functions; "
    "ram: a greedy plan may leave a gap, and the stack differs by some bytes between kernels"
)


def random_cells(costs: OperationCosts, seed: int) -> tuple[Cell | None, ...]:
    """A network of the space, every operation of every cell equally likely."""
    rng = np.random.default_rng(seed)
    space = costs.space
    offered = [space.operations(cell) for cell in range(space.cells)]
    return tuple(choices[int(rng.integers(len(choices)))] for choices in offered)


def compare(costs: OperationCosts, cells: Sequence[Cell | None], seed: int = 0) -> dict[str, Any]:
    """The table's figures for one network with random int8 weights beside those of the emulator.

    Args:
        costs: The space on its board.
        cells: The network.
        seed: Of the weights.

    Returns:
        ``cells``, ``macs``, ``bit_exact`` (every output byte is TFLite Micro's), and for each unit of
        :data:`~firmware_export.search_costs.operation_cost.UNITS` ``table`` (the sum a search sees), ``estimate``
        (:meth:`OperationCosts.estimate`), ``measured``, and ``table_error`` and ``error``, relative to the measured.
    """
    report = emulate(mbconv_model(costs.space, cells, seed), costs.board, random=1, encodings=("dense",))
    measured = {
        "flash": report.flash_bytes,
        "ram": report.ram_bytes + report.stack_bytes,
        "instructions": report.instructions,
        "cycles": Cycles(*report.cycles_range).middle,
    }
    estimate = costs.estimate(cells)
    row: dict[str, Any] = {
        "cells": list(cells_text(cells)),
        "macs": int(estimate["macs"]),
        "bit_exact": report.bit_exact,
    }
    choice = [costs.space.operations(number).index(cell) for number, cell in enumerate(cells)]
    for unit in UNITS:
        table = costs.cell_costs(unit).of(choice)
        row[unit] = {
            "table": int(table),
            "estimate": int(estimate[unit]),
            "measured": measured[unit],
            "table_error": round(table / measured[unit] - 1, 5),
            "error": round(estimate[unit] / measured[unit] - 1, 5),
        }
    return row


def whole_networks(costs: OperationCosts, count: int, seed: int = 0, reporter: Reporter = SILENT) -> dict[str, Any]:
    """Compare ``count`` random networks of the space.

    Returns:
        ``networks``, a list of :func:`compare`, and ``largest``: for each unit the largest relative errors, as
        ``table_error`` and ``error``; ``remains`` says where they come from.
    """
    rows = []
    with reporter.task(f"whole networks on {costs.board}", count) as task:
        for number in range(count):
            rows.append(compare(costs, random_cells(costs, seed + number), seed + number))
            task.advance(note=f"{rows[-1]['instructions']['error']:+.2%} instructions")
    largest = {
        unit: {kind: max(abs(row[unit][kind]) for row in rows) for kind in ("table_error", "error")} for unit in UNITS
    }
    return {"networks": rows, "largest": largest, "remains": REMAINS}
