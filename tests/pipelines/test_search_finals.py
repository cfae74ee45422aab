"""Who comes into the finals of a search, and how the rungs are run; no training."""

from __future__ import annotations

import pytest

from kws_tfmot.search.cells.cell_search_settings import CellSearchSettings
from kws_tfmot.search.cells.cell_space import CellSpace
from pipelines.stages.search_choice import Choosing, finalists, run_rungs

SPACE = CellSpace(width=4, mix=8, cells=3, input_shape=(25, 8), classes=4, kernels=(3, 5, 7), expansions=(1, 2, 3))


def choosing(number: int, share: float = 0.7) -> Choosing:
    macs = SPACE.macs()
    settings = CellSearchSettings(cells=3, kernels=(3, 5, 7), expansions=(1, 2, 3), finalists=number)
    return Choosing(SPACE, settings, [macs], {"macs": share * macs.most()})


def test_as_many_as_asked_for_compete_though_candidates_are_drawn_too() -> None:
    notes: list[str] = []
    drawn = finalists(choosing(8), [], notes.append)
    candidates = [SPACE.choice_of(row["cells"]) for row in drawn[:5]]
    rows = finalists(choosing(8), candidates, notes.append)
    assert len(rows) == 8 and not notes
    assert len({tuple(row["cells"]) for row in rows}) == 8
    assert [row["drawn_evenly"] for row in rows] == [False] * 4 + [True] * 4


def test_a_budget_that_nothing_but_the_least_meets_leaves_the_candidates() -> None:
    notes: list[str] = []
    least = SPACE.macs().least() / SPACE.macs().most()
    candidate = tuple(min(range(len(row)), key=row.__getitem__) for row in SPACE.macs().cells)
    rows = finalists(choosing(8, 1.0001 * least), [candidate], notes.append)
    assert len(rows) == 1 and len(notes) == 1 and "candidates alone" in notes[0]


@pytest.mark.parametrize(("number", "again"), [(4, 0), (7, 0), (8, 2), (16, 4)])
def test_the_best_quarter_trains_again_and_longer(number: int, again: int) -> None:
    asked: list[tuple[str, int]] = []

    def loss_of(cells: list[str], epochs: int) -> float:
        asked.append((cells[0], epochs))
        return float(cells[0])

    rows = [{"cells": [str(i)], "validation_loss": []} for i in reversed(range(number))]
    best = run_rungs(rows, 5, loss_of)
    assert [row["cells"][0] for row in best] == [str(i) for i in range(number)]
    assert asked[number:] == [(str(i), 15) for i in range(again)]
    assert [len(row["validation_loss"]) for row in best] == [2] * again + [1] * (number - again)
