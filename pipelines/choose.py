"""`kws choose`: of the models that have been built, the best one that fits a board and a latency, and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from firmware_export.board_cost import board_cost
from firmware_export.boards import BUDGETS, Budget, budget_of
from firmware_export.choice import Candidate, Verdict, choose, find_candidates, judge, limits_of
from firmware_export.emulator import COMPILER, CYCLES_PER_INSTRUCTION, EMULATOR, require
from kws_tfmot.errors import ModelError, RecipeError
from pipelines.choose_view import record_of, show_choice, show_verdicts
from pipelines.console import RichReporter, friendly_errors
from pipelines.options import JsonOption

RealBoardOption = Annotated[str, typer.Option("--board", help=f"One of {', '.join(b.key for b in BUDGETS)}.")]
LatencyOption = Annotated[str, typer.Option(help="From the last sample to the answer, such as 20ms.")]
BudgetOption = Annotated[str, typer.Option(help="Less than the board has: flash=64kB,ram=16kB,instructions=3M.")]
CyclesOption = Annotated[float, typer.Option(help="Assumed for the latency; an emulator cannot tell.")]
CYCLES = CYCLES_PER_INSTRUCTION[1]


def command(
    paths: Annotated[list[Path], typer.Argument(help="Runs, and folders of `kws compare` or `kws omni menu`.")],
    board: RealBoardOption,
    latency: LatencyOption = "",
    budget: BudgetOption = "",
    cycles: CyclesOption = CYCLES,
    optimise: Annotated[str, typer.Option(help="speed, balanced or size.")] = "balanced",
    as_json: JsonOption = False,
) -> None:
    """Measure every finished model as a whole firmware and choose the best that fits; exit code 2 if none does."""
    with friendly_errors():
        target = budget_of(board)
        limits = limits_of(target, latency, budget, cycles)
        verdicts = measured(find_candidates(paths), target, limits, optimise)
        if not as_json:
            show_verdicts(verdicts, target, limits, cycles)
        choice = choose(verdicts, limits)
        if as_json:
            typer.echo(json.dumps(record_of(verdicts, choice, target, limits, cycles), indent=2, ensure_ascii=False))
        else:
            show_choice(choice, optimise)


def measured(candidates: Sequence[Candidate], target: Budget, limits: dict[str, float], optimise: str) -> list[Verdict]:
    """Every candidate against the limits; one that cannot be a firmware says why and loses no other."""
    verdicts = []
    with RichReporter().task("on the board", len(candidates)) as task:
        for candidate in candidates:
            try:
                cost = board_cost(candidate.model, target.like, optimise, lambda text: task.advance(0, text))
                verdicts.append(judge(candidate, cost, limits))
            except (ModelError, RecipeError) as error:
                verdicts.append(judge(candidate, None, limits, error.message))
            task.advance(1, candidate.name)
    return verdicts


def demand(board: str, latency: str, budget: str, cycles: float) -> tuple[Budget, dict[str, float]] | None:
    """The board that a build must fit, and its limits; ``None`` where none was asked for.

    Raises:
        RecipeError: For a latency or budget without a board.
        ToolchainError: If nothing can be measured on this computer: better before a training than after it.
    """
    if not board:
        if latency or budget:
            raise RecipeError("--latency and --budget need a board.", "For example: --board nucleo-l476rg")
        return None
    for tool in (COMPILER, EMULATOR):
        require(tool)
    return (target := budget_of(board)), limits_of(target, latency, budget, cycles)


def check_build(directory: Path, target: Budget, limits: dict[str, float], cycles: float, optimise: str) -> None:
    """Show what the finished build in ``directory`` takes on a board.

    Raises:
        BudgetError: If it does not fit.
    """
    own = [found for found in find_candidates([directory]) if found.model.parent == directory]
    verdicts = measured(own, target, limits, optimise)
    show_verdicts(verdicts, target, limits, cycles)
    choose(verdicts, limits)


if __name__ == "__main__":
    typer.run(command)
