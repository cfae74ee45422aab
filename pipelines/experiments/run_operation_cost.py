"""The cost table of an MBConv space, and its error on whole networks; ``make bench-search``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.search_costs.operation_cost import UNITS, OperationCosts
from firmware_export.search_costs.operation_error import whole_networks
from kws_tfmot.files import write_json
from kws_tfmot.provenance import own_commit
from kws_tfmot.search.cells.cell_space import CellSpace
from kws_tfmot.search.cells.costs import CellCosts
from pipelines.console import RichReporter, err, friendly_errors, out, table


def show_costs(space: CellSpace, costs: dict[str, CellCosts], board: str) -> None:
    """Each operation as the first cell, and as one after it."""
    rows = []
    for number, operation in enumerate(space.operations(0)):
        figures = [" / ".join(f"{row[number]:,.0f}" for row in costs[unit].cells[:2]) for unit in costs]
        rows.append([str(operation), *figures])
    rows.append(["all networks", *(f"{costs[unit].fixed:,.0f}" for unit in costs)])
    table(f"operations of width {space.width} on {board}, first cell / later cells", ["operation", *costs], rows)


def show_errors(found: dict[str, Any]) -> None:
    """What the table foresees of whole networks, and what they take."""
    for unit in UNITS:
        rows = [
            [
                ", ".join(row["cells"]),
                f"{row[unit]['estimate']:,}",
                f"{row[unit]['measured']:,}",
                f"{row[unit]['error']:+.2%}",
                f"{row[unit]['table_error']:+.2%}",
            ]
            for row in found["networks"]
        ]
        table(f"whole networks: {unit}", ["network", "estimate", "measured", "error", "of the table alone"], rows)


def command(
    width: Annotated[int, typer.Option(help="Channels of the cells.")] = 24,
    cells: Annotated[int, typer.Option(help="Cells of the largest network.")] = 6,
    frames: Annotated[int, typer.Option(help="Frames of the features.")] = 49,
    coefficients: Annotated[int, typer.Option(help="Coefficients of a frame.")] = 10,
    classes: Annotated[int, typer.Option(help="Number of labels.")] = 12,
    board: Annotated[str, typer.Option(help="An emulated board.")] = "mps2-an386",
    networks: Annotated[int, typer.Option(help="Random networks to build and run.")] = 8,
    seed: Annotated[int, typer.Option(help="Of the random networks.")] = 0,
    result: Annotated[Path | None, typer.Option("--out", help="Write the figures to this JSON file.")] = None,
) -> None:
    """Measure what operations cost, and how far their sums are from whole networks. Exit code 1 if a byte differs."""
    space = CellSpace(width, 2 * width, cells, (frames, coefficients), classes)
    with friendly_errors():
        reporter = RichReporter()
        costs = OperationCosts(space, board, reporter)
        tables = {unit: costs.cell_costs(unit) for unit in UNITS}
        found = whole_networks(OperationCosts(space, board), networks, seed, reporter)
    show_costs(space, tables, board)
    show_errors(found)
    out.print(
        f"Instructions are counted by QEMU, cycles are modelled, no wait states. What remains: {found['remains']}."
    )
    if result is not None:
        commit = {"commit": own_commit()}
        record = {
            "command": shlex.join(["python", "-m", "pipelines.experiments.run_operation_cost", *sys.argv[1:]]),
            **commit,
            "board": board,
            "space": {"width": width, "mix": 2 * width, "cells": cells, "input": [frames, coefficients]},
            "operations": [str(operation) for operation in space.operations(0)],
            "costs": {u: {"fixed": t.fixed, "first": t.cells[0], "later": t.cells[-1]} for u, t in tables.items()},
            **found,
            "networks": [row | commit for row in found["networks"]],
        }
        write_json(result, record)
    if not all(row["bit_exact"] for row in found["networks"]):
        err.print("[red]an output byte differs from TFLite Micro's[/red]")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(command)
