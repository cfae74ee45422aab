"""The cost of each operation of a search space, and what the sums say of whole networks."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_export.codegen.memory_plan import live_bytes
from firmware_export.engine import build
from firmware_export.graphs.mbconv_graph import cell_layers_model, mbconv_model
from firmware_export.ir import Layer
from firmware_export.operators.kernels.elementwise import Elementwise
from firmware_export.search_costs import operation_counts
from firmware_export.search_costs.operation_cost import UNITS, OperationCosts, cell_costs
from firmware_export.search_costs.operation_counts import Measurements
from firmware_export.search_costs.operation_error import random_cells, whole_networks
from kws_tfmot.errors import RecipeError, ToolchainError
from kws_tfmot.models.mbconv_cells import Cell
from kws_tfmot.search.cells.cell_space import CellSpace

SPACE = CellSpace(8, 16, 3, (25, 8), 5, kernels=(3, 7), expansions=(1, 3))
NETWORKS = (
    [Cell(3, 1)],
    [Cell(7, 2), None, Cell(5, 1)],
    [Cell(5, 6), Cell(3, 4), Cell(7, 1), Cell(7, 3)],
)


@pytest.fixture(scope="module")
def costs(tmp_path_factory) -> OperationCosts:
    return OperationCosts(SPACE, measurements=Measurements("mps2-an386", tmp_path_factory.mktemp("measured")))


def shape_of(layer: Layer) -> object:
    """What a layer's instructions depend on; the padding's value is not part of it."""
    window = getattr(layer.operation, "window", None)
    return type(layer.operation), window and replace(window, zero_point=0)


@pytest.mark.parametrize("cells", NETWORKS)
def test_the_models_have_the_multiplications_of_the_space(cells: list[Cell | None]) -> None:
    space = CellSpace(8, 16, len(cells), (51, 10), 12)
    engine = build(mbconv_model(space, cells))
    macs = sum(engine.work(number)[0] for number in range(len(engine.program.layers)))
    choice = [space.operations(number).index(cell) for number, cell in enumerate(cells)]
    assert macs == space.macs().of(choice)
    adds = [layer for layer in engine.program.layers if isinstance(layer.operation, Elementwise)]
    assert len(adds) == sum(cell is not None for cell in cells[1:])


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("expansion", [1, 3])
def test_the_counted_layers_are_those_of_a_network(expansion: int, first: bool) -> None:
    model, keys = cell_layers_model(SPACE, expansion, first)
    layers = [layer for layer in build(model).program.layers if layer.name[0].isdigit()]
    cell = Cell(7, expansion)
    whole = build(mbconv_model(SPACE, [cell, cell])).program.layers
    per_cell = 2 + (expansion > 1)
    start = 1 if first else 1 + per_cell
    same = whole[start : start + per_cell + (not first)]
    picked = [layer for layer, key in zip(layers, keys, strict=True) if key[1] in (0, 7)]
    assert [shape_of(layer) for layer in picked] == [shape_of(layer) for layer in same]


@pytest.mark.parametrize("cells", NETWORKS)
def test_arenas_are_the_least_that_the_layers_need(cells: list[Cell | None]) -> None:
    """A value that shrinks in place leaves its bytes to others: the wide inside of a cell does not outlive it."""
    engine = build(mbconv_model(CellSpace(16, 32, len(cells), (51, 10), 12), cells), encodings=("dense",))
    assert engine.plan.arena == pytest.approx(max(live_bytes(engine.program, "dense")), abs=16)


@pytest.mark.device
def test_sums_of_operations_are_what_whole_networks_take(costs: OperationCosts) -> None:
    found = whole_networks(costs, 2, seed=5)
    assert all(row["bit_exact"] for row in found["networks"])
    assert len({tuple(row["cells"]) for row in found["networks"]}) == 2
    assert found["largest"]["instructions"]["error"] < 0.002
    assert found["largest"]["flash"]["error"] < 0.005
    assert found["largest"]["ram"]["error"] < 0.02
    for unit in UNITS:  # a table has one code for all networks, and so counts kernels that one of them lacks
        assert found["largest"][unit]["table_error"] < 0.3
        assert all(row[unit]["table_error"] > -0.005 for row in found["networks"])


@pytest.mark.device
def test_tables_have_the_form_of_the_space(costs: OperationCosts) -> None:
    for unit in UNITS:
        table = costs.cell_costs(unit)
        assert [len(row) for row in table.cells] == [len(row) for row in SPACE.macs().cells] == [4, 5, 5]
        assert table.unit == unit
        assert all(cost > 0 for row in table.cells for cost in row[:4])
        assert all(row[4] == 0 for row in table.cells[1:])
        assert table.least() < table.most()
    assert costs.cell_costs("ram").combine == "max"
    with pytest.raises(RecipeError, match="Did you mean 'flash'"):
        costs.cell_costs("flahs")


@pytest.mark.device
def test_an_estimate_knows_macs_and_bytes_exactly(costs: OperationCosts) -> None:
    cells = random_cells(costs, 3)
    estimate = costs.estimate(cells)
    engine = build(mbconv_model(SPACE, cells), encodings=("dense",))
    assert estimate["weights"] == engine.constant_bytes
    assert estimate["macs"] == sum(engine.work(number)[0] for number in range(len(engine.program.layers)))


@pytest.mark.device
def test_what_was_measured_is_not_measured_again(costs: OperationCosts, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {unit: costs.cell_costs(unit) for unit in UNITS}

    def refuse(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(operation_counts, "run_engine", refuse)
    again = OperationCosts(SPACE, measurements=Measurements("mps2-an386", costs._measured._folder))
    assert {unit: again.cell_costs(unit) for unit in UNITS} == known
    with pytest.raises(AssertionError, match="measured again"):  # another board is another measurement
        OperationCosts(SPACE, "mps2-an385", measurements=Measurements("mps2-an385", costs._measured._folder)).estimate(
            [Cell(3, 1)]
        )


@pytest.mark.device
def test_a_space_too_large_for_the_board_is_refused(tmp_path: Path) -> None:
    space = CellSpace(64, 128, 2, (51, 20), 12)
    costs = OperationCosts(space, "microbit", measurements=Measurements("microbit", tmp_path))
    with pytest.raises(ToolchainError, match="cannot be counted on microbit") as caught:
        costs.cell_costs("instructions")
    assert "macs" in str(caught.value)


def test_without_a_toolchain_the_way_out_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda tool: None)
    for unit in UNITS:
        with pytest.raises(ToolchainError, match="apt install") as caught:
            cell_costs(SPACE, unit)
        assert "macs needs neither" in str(caught.value)
