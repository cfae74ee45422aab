"""Sub-networks on the device: the costs for a search, and what one sub-network becomes and takes in the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from firmware_export.emulation.cycles import Cycles
from firmware_export.emulation.emulator import emulate
from firmware_export.search_costs.subnet_cost import SubnetCosts
from kws_tfmot.errors import BudgetError, ModelError
from kws_tfmot.evaluation.model_scores import model_input_of
from kws_tfmot.files import sha256_file
from kws_tfmot.runs import StageResult
from kws_tfmot.search.budget import describe, excess
from kws_tfmot.search.omni.evolution import EvaluationLog, JudgedLevels, check_budget, evolve
from kws_tfmot.search.omni.omni_settings import EvolutionSettings
from kws_tfmot.search.omni.subnet_space import Levels, Space, dominating
from kws_tfmot.tflite.interpreter import input_spec
from kws_tfmot.tflite.reader import read_model
from pipelines.stages.build import Build
from pipelines.stages.convert import INT8_MODEL
from pipelines.stages.evaluate import evaluate_build
from pipelines.stages.export import export_build
from pipelines.stages.omni import (
    evaluations_identity,
    search_log_path,
    subnetwork_build,
    uniform_files,
)
from pipelines.stages.stream import judge_on_streams

if TYPE_CHECKING:
    from kws_tfmot.search.omni.subnetwork import Subnetworks

_EMULATED_CLIPS = 4
_NEAR = 0.1  # how much a budget is tightened at most when the emulator finds more than was estimated


def open_costs(build: Build, subnets: Subnetworks, board: str | None) -> SubnetCosts:
    """The costs of all sub-networks, from the int8 files of the uniform ones (made on the way)."""
    files, layer_of = uniform_files(build, subnets)
    cache = build.run.path(f"search/costs-{board}.json") if board else None
    with build.reporter.task("costs", None) as task:
        costs = SubnetCosts(
            files,
            layer_of,
            board,
            build.recipe.export.optimise,
            cache=cache,
            progress=lambda text: task.advance(1, text),
        )
        for level in range(len(subnets.space.grid)):  # what every search begins with
            costs(subnets.space.uniform(level))
    return costs


def open_log(build: Build, subnets: Subnetworks) -> EvaluationLog:
    """The evaluations of this supernet so far; searches under all budgets share them."""

    def score(levels: Levels) -> tuple[float, float]:
        """Validation accuracy and loss of a sub-network."""
        found = subnets.score(levels)
        return found.accuracy, found.loss

    return EvaluationLog(search_log_path(build), evaluations_identity(build), score)


def finish(
    build: Build,
    subnets: Subnetworks,
    levels: Levels,
    board: str | None,
    *,
    shrink: bool = True,
    budget: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Carry a sub-network through conversion, evaluation, export, streams and (with a board) emulation: its row.

    ``shrink`` removes dead units, unless :func:`better_firmware` within ``budget`` on ``board`` is the one with them.
    """
    own = subnetwork_build(build, subnets, levels, shrink=shrink)
    if shrink and board:
        # Without its dead units it may take other kernels, of more code than the units were.
        both = [own, subnetwork_build(build, subnets, levels, shrink=False)]
        for one in both:
            run_on_board(one, board)
        own = both[better_firmware([one.run.figures(f"emulate-{board}") for one in both], budget or {})]
    evaluate_build(own)
    export_build(own)
    figures = own.run.figures("evaluate")[INT8_MODEL]
    zeros = own.run.figures("convert")["files"][INT8_MODEL]["zeros"]
    row = {
        "directory": own.run.directory.relative_to(build.run.directory).as_posix(),
        "levels": list(levels),
        "sparsities": subnets.space.sparsities(levels),
        "zero_share": sum(z["zeros"] for z in zeros) / sum(z["weights"] for z in zeros),
        "sparsity": round(subnets.zeros(levels), 6),
        "test": {k: figures[k] for k in ("accuracy", "n", "interval_95", "split_sha256", "interpreter")},
        "differing_bytes_tflm_builtin": figures["agreement"].get("builtin", {}).get("differing_values"),
        "differing_bytes_engine_tflm": own.run.figures("export").get("engine", {}).get("differing_bytes"),
        "sha256": own.run.figures("convert")["files"][INT8_MODEL]["sha256"],
    }
    judge_on_streams(own)
    row["stream"] = own.run.figures("stream")
    if board:
        run_on_board(own, board)
        row["board"] = own.run.figures(f"emulate-{board}")
    return row


def better_firmware(measured: Sequence[Mapping[str, Any]], budget: Mapping[str, float]) -> int:
    """Which of some firmwares that compute the same to ship: the smallest of those that meet every limit of ``budget``.

    Where none does, the one that is least over it.

    >>> small, fast = {"flash": 20e3, "cycles": 3e6}, {"flash": 21e3, "cycles": 2e6}
    >>> better_firmware([small, fast], {}), better_firmware([small, fast], {"flash": 24e3, "cycles": 2.5e6})
    (0, 1)
    """
    return min(range(len(measured)), key=lambda i: (excess(measured[i], budget), measured[i]["flash"]))


def run_on_board(build: Build, board: str) -> bool:
    """Run some test clips on an emulated board: ``flash``, ``ram`` (stack included), ``instructions``, ``cycles``.

    Raises:
        ModelError: If an output byte differs from TFLite Micro's.
    """
    model = build.run.path(INT8_MODEL)

    def work(_: str) -> StageResult:
        """The stage: the model on an emulated board, every output byte compared with the interpreter's."""
        features, _labels = build.features("test")
        inputs = model_input_of(input_spec(read_model(model)), features[:_EMULATED_CLIPS], build.recipe.frontend.scale)
        report = emulate(model, board, inputs, optimise=build.recipe.export.optimise)
        if not report.bit_exact:
            raise ModelError(
                f"{report.differing_bytes} output bytes on {board} differ from {report.reference}'s.",
                "Report it with the model: the two are to agree in every byte.",
            )
        macs = sum(row.get("nonzero_macs", 0) for row in report.layers)
        figures = {
            "board": board,
            "core": report.core,
            "flash": report.flash_bytes,
            "ram": report.ram_bytes + report.stack_bytes,
            "instructions": report.instructions,
            "cycles": Cycles(*report.cycles_range).middle,
            "cycles_range": report.cycles_range,
            "cycles_are": report.cycles_are,
            "macs": macs,
            "weights": report.flash_parts["weights and constants"],
            "bit_exact": report.bit_exact,
            "inputs": report.inputs,
            "compiler": report.compiler,
            "emulator": report.emulator,
        }
        return StageResult((), figures)

    inputs = [sha256_file(model), board, build.recipe.export.optimise, _EMULATED_CLIPS]
    return build.run.stage(f"emulate-{board}", inputs, work)


def search(
    build: Build,
    subnets: Subnetworks,
    costs: SubnetCosts,
    budget: Mapping[str, float],
    settings: EvolutionSettings,
    board: str | None,
    *,
    shrink: bool = True,
) -> dict[str, Any]:
    """The best sub-network within ``budget``, carried through to firmware; what was estimated holds in the emulator.

    Where the emulator finds a little more than the estimate and the budget is exceeded by that, the next best follows.

    Returns:
        The row of :func:`finish` with ``estimate``, ``validation``, ``history`` and ``evaluations``.

    Raises:
        BudgetError: If nothing fits, with the smallest achievable.
    """
    log = open_log(build, subnets)
    limits = dict(budget)
    try:
        check_budget(subnets.space, costs, budget)
    except BudgetError as refusal:
        if not (shrink and board):
            raise
        return _sparsest(build, subnets, costs, budget, board, log, refusal)
    while True:
        result = evolve(subnets.space, log, costs, limits, settings, reporter=build.reporter)
        best = result.best
        row = finish(build, subnets, best.levels, board, shrink=shrink, budget=budget)
        row |= {
            "estimate": costs(best.levels),
            "validation": {"accuracy": best.accuracy, "loss": best.loss},
            "history": result.history,
            "evaluations": result.evaluations,
        }
        over = excess(row["board"], budget) if board else 0.0
        if over == 0 or over > _NEAR:
            return row
        limits = {key: min(limits[key], limit / (1 + over)) * (1 - 1e-4) for key, limit in budget.items()}


def _sparsest(
    build: Build,
    subnets: Subnetworks,
    costs: SubnetCosts,
    budget: Mapping[str, float],
    board: str,
    log: EvaluationLog,
    refusal: BudgetError,
) -> dict[str, Any]:
    """The sparsest sub-network without its dead units, which the estimates leave in, where that meets the budget."""
    levels = subnets.space.uniform(subnets.space.top)
    row = finish(build, subnets, levels, board, budget=budget)
    if excess(row["board"], budget) > 0:
        least = describe({key: row["board"][key] for key in budget})
        raise BudgetError(
            f"no sub-network meets the budget {describe(budget)}. The smallest achievable: {least} (all layers at "
            f"{100 * subnets.space.grid[-1]:g} % zeros, dead units removed, counted on {board}).",
            refusal.hint,
        )
    found = log.evaluate(levels)
    log.save()
    validation = {"accuracy": found.accuracy, "loss": found.loss}
    return row | {"estimate": costs(levels), "validation": validation, "history": [], "evaluations": 1}


def set_choice(
    space: Space,
    log: EvaluationLog,
    costs: SubnetCosts,
    key: str,
    models: int,
    settings: EvolutionSettings,
    build: Build,
) -> list[tuple[JudgedLevels, float]]:
    """Sub-networks along the front of ``key`` against validation accuracy: one search for each of ``models`` budgets.

    The budgets lie at equal distances from the sparsest sub-network's cost to the dense one's. Every evaluation of all
    searches counts for every budget.

    Returns:
        (candidate, budget), from the smallest cost; fewer than ``models`` where a larger one is not better.
    """
    low, high = costs(space.uniform(space.top))[key], costs(space.uniform(0))[key]
    budgets = [low + (high - low) * i / max(1, models - 1) for i in range(models)]
    found: list[Levels] = []
    for i, limit in enumerate(budgets):
        title = f"search {i + 1} of {models}"
        budget = {key: limit}
        result = evolve(space, log, costs, budget, settings, start=found, description=title, reporter=build.reporter)
        found.append(result.best.levels)
    winners: list[tuple[JudgedLevels, float]] = []
    for limit in budgets:
        fitting = [c for c in log.found.values() if costs(c.levels)[key] <= limit]
        best = min(fitting, key=lambda c: c.rank(settings.fitness))
        if best not in [winner for winner, _ in winners]:
            winners.append((best, limit))
    points = [(costs(c.levels)[key], tuple(-x for x in c.rank(settings.fitness)[:2])) for c, _ in winners]
    return [winners[i] for i in dominating(points)]


def uniform_choice(space: Space, sparsities: Sequence[float] = ()) -> list[Levels]:
    """The uniform sub-networks of the whole grid, or of the levels nearest to ``sparsities``; sparsest first."""
    levels = {space.nearest(s) for s in sparsities} if sparsities else set(range(len(space.grid)))
    return [space.uniform(level) for level in sorted(levels, reverse=True)]


def describe_space(build: Build, subnets: Subnetworks) -> dict[str, Any]:
    """Float validation accuracy of every uniform sub-network, for the table after the training."""
    log = open_log(build, subnets)
    rows = [log.evaluate(subnets.space.uniform(level)) for level in range(len(subnets.space.grid))]
    log.save()
    return {"uniform": [dataclasses.asdict(row) for row in rows]}
