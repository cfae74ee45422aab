"""`kws choose`: of the models that have been built, the best one that fits a board and a latency, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.boards import BUDGETS, Budget, budget_of, emulated_for
from firmware_export.emulation.board_cost import BoardCost, board_cost
from firmware_export.emulation.emulator import EMULATOR
from firmware_export.emulation.firmware_build import COMPILER, require
from kws_tfmot.errors import BudgetError, ModelError, RecipeError
from kws_tfmot.recipe import load_recipe
from kws_tfmot.search.budget import excess
from pipelines.choose_view import explain, record_of, show_choice, show_verdicts
from pipelines.console import RichReporter, friendly_errors
from pipelines.options import HopOption, JsonOption, StreamOption, WaitStatesOption, check_hop
from pipelines.stages.build import Build
from pipelines.stages.choice import Candidate, Verdict, choose, costs_of, find_candidates, judge, limits_of
from pipelines.stages.forecast import untrained_model

RealBoardOption = Annotated[
    str, typer.Option("--board", help=f"Your own, FILE.yaml, or one of {', '.join(b.key for b in BUDGETS)}.")
]
LatencyOption = Annotated[str, typer.Option(help="From the last sample to the answer, such as 20ms.")]
BudgetOption = Annotated[str, typer.Option(help="Less than the board has: flash=64kB,ram=16kB,cycles=3M.")]
FORECAST_ERROR = 0.05


def command(
    paths: Annotated[list[Path], typer.Argument(help="Runs, folders of `kws compare` or `kws omni set`, recipes.")],
    board: RealBoardOption,
    latency: LatencyOption = "",
    budget: BudgetOption = "",
    wait_states: WaitStatesOption = 0,
    optimise: Annotated[str, typer.Option(help="speed, balanced or size.")] = "balanced",
    stream: StreamOption = False,
    hop: HopOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure every finished model as a whole firmware and choose the best that fits; exit code 2 if none does."""
    with friendly_errors():
        check_hop(stream, hop)
        target = _target(board)
        limits = limits_of(target, latency, budget)
        steps = {"stream": stream, "hop": hop}
        verdicts = measured(find_candidates(paths), target, limits, optimise, wait_states, **steps)
        if not as_json:
            show_verdicts(verdicts, target, limits)
        choice = choose(verdicts, limits)
        if as_json:
            typer.echo(
                json.dumps(
                    record_of(verdicts, choice, target, limits, wait_states or target.wait_states),
                    indent=2,
                    ensure_ascii=False,
                )
            )
        else:
            show_choice(choice, optimise)


def _target(name: str) -> Budget:
    """A real board or one of the user's own, of a core that is emulated."""
    target = budget_of(name)
    emulated_for(target)
    return target


def measured(
    candidates: Sequence[Candidate],
    target: Budget,
    limits: dict[str, float],
    optimise: str,
    wait_states: int = 0,
    **steps: Any,
) -> list[Verdict]:
    """Every candidate against the limits; one that cannot be a firmware says why and loses no other.

    ``steps`` are ``stream`` and ``hop`` of a firmware that takes steps in place of windows.

    A recipe is measured with random weights, see :mod:`pipelines.stages.forecast`.
    """
    verdicts = []
    with RichReporter().task("on the board", len(candidates)) as task:
        for candidate in candidates:
            try:
                model = candidate.path if candidate.trained else untrained_model(load_recipe(candidate.path))
                cost = _cost(model, target, optimise, wait_states, lambda text: task.advance(0, text), **steps)
                verdicts.append(judge(candidate, cost, limits))
            except (ModelError, RecipeError) as error:
                verdicts.append(judge(candidate, None, limits, error.message))
            task.advance(1, candidate.name)
    return verdicts


def _cost(
    model: Path | bytes,
    target: Budget,
    optimise: str,
    wait_states: int,
    progress: Callable[[str], None] | None = None,
    **steps: Any,
) -> BoardCost:
    waits = wait_states or target.wait_states
    return board_cost(model, target.like, optimise, progress, timing=target.timing, wait_states=waits, **steps)


def demand(board: str, latency: str, budget: str) -> tuple[Budget, dict[str, float]] | None:
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
    return (target := _target(board)), limits_of(target, latency, budget)


def forecast(build: Build, target: Budget, limits: dict[str, float], wait_states: int = 0) -> None:
    """Say before the training what the recipe will take on a board; nothing where it has been trained.

    Raises:
        BudgetError: If it will not fit, by more than the forecast can be wrong.
    """
    recipe = build.recipe
    if build.run.outputs("convert"):
        return
    cost = _cost(untrained_model(recipe), target, recipe.export.optimise, wait_states)
    verdict = judge(Candidate(recipe.name, build.run.directory), cost, limits)
    show_verdicts([verdict], target, limits)
    over = excess(costs_of(cost), {key: limit for key, limit in limits.items() if key in costs_of(cost)})
    uncertain = recipe.sparsity and (recipe.sparsity.shrink or recipe.sparsity.resolved_allocation == "global")
    if over > FORECAST_ERROR and not uncertain:
        raise BudgetError(
            f"the model that {recipe.name} makes will not fit {target.key}: {explain(verdict)}. Nothing was trained.",
            "Set a higher sparsity.target or a smaller model, or build without --board.",
        )


def check_build(directory: Path, target: Budget, limits: dict[str, float], optimise: str, wait_states: int = 0) -> None:
    """Show what the finished build in ``directory`` takes on a board.

    Raises:
        BudgetError: If it does not fit.
    """
    own = [found for found in find_candidates([directory]) if found.path.parent == directory]
    verdicts = measured(own, target, limits, optimise, wait_states)
    show_verdicts(verdicts, target, limits)
    choose(verdicts, limits)


if __name__ == "__main__":
    typer.run(command)
