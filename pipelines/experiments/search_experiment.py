"""The comparison that a search must pass: a hand-made network, random ones of the same cost, another cost in the loss.

Budgets come from the reference network and from what earlier searches found, all measured on one board.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_export.emulation.cycles import Cycles
from firmware_export.emulation.emulator import emulate
from firmware_export.search_costs.cell_costs import DeviceCosts
from kws_tfmot.files import write_json
from kws_tfmot.models.mbconv_cells import parse_cells
from kws_tfmot.progress import Reporter
from kws_tfmot.recipe import Recipe, merge
from kws_tfmot.runs import Run
from kws_tfmot.search.cells.cell_choice import random_networks
from kws_tfmot.search.cells.cell_space import CellSpace
from pipelines.stages.build import Build
from pipelines.stages.comparison import folder_name
from pipelines.stages.forecast import untrained_model
from pipelines.stages.prepare import prepare_data
from pipelines.stages.search_cells import search_cells, space_of
from pipelines.stages.search_choice import RECORD

BOARD_UNITS = ("flash", "ram", "instructions", "cycles")
DEVICE = "device.json"  # what the network found takes on the board
RANDOM = "random.json"  # networks drawn under the same budget
LEAST = 0.8  # share of the budget that those take at least
REFERENCE = {"name": "ds_cnn", "size": "s", "width": None, "mix": None, "cells": None}


@dataclass(frozen=True)
class Experiment:
    """One search of the comparison; can be sent to another process.

    Attributes:
        name: Names it and its folder.
        recipe: With the settings of the search.
        source: The clips.
        folder: Where all searches lie.
        budget: Fixed limits.
        share_of: Name of an earlier search whose measured cycles, times ``share``, are a further limit.
        share: See there.
        board: Where costs are measured.
        epochs: Where augmented epochs are kept.
        random: How many networks are drawn at random under the same budget, to compare with.
    """

    name: str
    recipe: Recipe
    source: str
    folder: Path
    budget: dict[str, float]
    share_of: str = ""
    share: float = 1.0
    board: str = "mps2-an386"
    epochs: Path | None = None
    random: int = 0

    @property
    def directory(self) -> Path:
        """The run of the search."""
        return self.folder / folder_name(self.name)

    def record(self) -> dict[str, Any]:
        """What the search found."""
        return json.loads((self.directory / RECORD).read_text(encoding="utf-8"))

    def drawn(self) -> list[list[str]]:
        """The cells of the random networks."""
        return json.loads((self.directory / RANDOM).read_text(encoding="utf-8"))


def measured_on(board: str, recipe: Recipe) -> dict[str, float]:
    """Flash, RAM (stack included), instructions and modelled cycles of a recipe's network with random weights."""
    report = emulate(untrained_model(recipe), board, random=1)
    cycles = Cycles(*report.cycles_range).middle
    counted = (report.flash_bytes, report.ram_bytes + report.stack_bytes, report.instructions, cycles)
    return {unit: float(value) for unit, value in zip(BOARD_UNITS, counted, strict=True)}


def run_search(own: Experiment, reporter: Reporter) -> str:
    """Do one search, and measure what it found in all units of the board; returns its name."""
    build = Build(own.recipe, own.source, Run(own.directory), reporter, epochs=own.epochs)
    budget = dict(own.budget)
    if own.share_of:
        other = json.loads((own.folder / folder_name(own.share_of) / DEVICE).read_text(encoding="utf-8"))
        budget["cycles"] = own.share * other["cycles"]
    with build.run.locked():
        space = space_of(build)
        costs = DeviceCosts(space, budget, own.board, reporter)
        prepare_data(build)
        tables = costs.tables()
        search_cells(build, tables, budget, {"board": own.board}, costs.measure)
        cells = parse_cells(own.record()["cells"])
        every = DeviceCosts(space, BOARD_UNITS, own.board, reporter).measure(cells)
        write_json(own.directory / DEVICE, every)
        drawn = random_networks(space, tables, budget, own.random, own.recipe.seed, LEAST) if own.random else []
        write_json(own.directory / RANDOM, [space.texts(choice) for choice in drawn])
    return own.name


def variant_of(space: CellSpace, cells: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """The network as a variant of a comparison."""
    return {"model": {"name": "mbconv", "width": space.width, "mix": space.mix, "cells": list(cells)}}


def with_changes(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """The recipe with groups of settings changed."""
    return Recipe.parse(merge(recipe.model_dump(mode="json"), changes))
