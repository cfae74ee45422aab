"""`kws report`: a finished build as one HTML page that needs nothing else, and a model card beside it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.boards import BOARDS
from firmware_export.emulation.device_report import device_figures
from firmware_export.emulation.emulator import EMULATOR
from firmware_export.emulation.firmware_build import COMPILER
from kws_tfmot.evaluation.report import (
    Clips,
    ReportInput,
    RunFacts,
    judge_clips,
    read_comparison,
    read_det,
    read_run,
    render_card,
    render_page,
    trusting,
)
from kws_tfmot.files import write_text
from kws_tfmot.recipe import load_recipe
from kws_tfmot.runs import Run, StageResult
from kws_tfmot.tflite.interpreter import open_interpreter
from pipelines.boards import emulated
from pipelines.console import RichReporter, friendly_errors, line
from pipelines.outputs import FileOption

DET = "det.json"
DEMO = "demo.html"  # of `kws demo`, linked where it lies beside the report


def command(
    run: Annotated[Path, typer.Argument(help="The directory of a finished `kws build`.")],
    out: Annotated[Path | None, FileOption(help="The page; RUN/report.html by default. The card lies beside.")] = None,
    data: Annotated[
        str, typer.Option("--data", help="The run's source of clips: adds pictures and mistakes to listen to.")
    ] = "",
    clips: Annotated[int, typer.Option(min=0, help="How many mistakes at most.")] = 8,
    boards: Annotated[str, typer.Option("--boards", help=f"Emulated boards, or all: {', '.join(BOARDS)}.")] = (
        "mps2-an386,microbit"
    ),
    comparison: Annotated[Path | None, typer.Option(help="A JSON of `kws compare`: adds its plots.")] = None,
    det: Annotated[Path | None, typer.Option(help="What `kws det --json` said; RUN/det.json if there is one.")] = None,
) -> None:
    """Write a finished build as one self-contained HTML page, and a model card in Markdown."""
    with friendly_errors():
        facts, reporter = read_run(run), RichReporter()
        page_path = out or run / "report.html"
        streams = det or (run / DET if (run / DET).is_file() else None)
        report = ReportInput(
            facts=facts,
            det=read_det(streams) if streams else {},
            comparison=read_comparison(comparison) if comparison else None,
            device=device_of(facts, parse_boards(boards), reporter),
            clips=clips_of(facts, data, clips, reporter) if data else None,
            demo=DEMO if page_path.with_name(DEMO).is_file() else "",
        )
        with trusting(run / "metrics.json"):
            texts = render_page(report), render_card(report)
        page = write_text(page_path, texts[0])
        card = write_text(page.with_name("model_card.md"), texts[1])
    if missing := report.device["missing"]:
        line(f"[yellow]note[/] nothing was measured on a board: {missing}")
    line(f"{page}: {page.stat().st_size / 1000:,.0f} kB, needs nothing else", markup=False)
    line(f"{card}: the model card", markup=False)


def parse_boards(text: str) -> list[str]:
    """Names of emulated boards, separated by commas; ``all`` means all.

    Raises:
        RecipeError: For an unknown one.
    """
    if text.strip() == "all":
        return list(BOARDS)
    return [emulated(name.strip()) for name in text.split(",") if name.strip()]


def device_of(facts: RunFacts, boards: list[str], reporter: RichReporter) -> dict[str, Any]:
    """The device's figures, kept in the run: boards that have been emulated are not emulated again."""
    run = Run(facts.directory)
    optimise = load_recipe(facts.directory / "recipe.yaml").export.optimise
    tools = [tool for tool in (COMPILER, EMULATOR) if shutil.which(tool)]

    def work(_: str) -> StageResult:
        """The stage: figures of the model on each board."""
        with reporter.task("on the boards", None) as task:
            figures = device_figures(
                facts.model, boards, optimise=optimise, progress=lambda text: task.advance(1, text)
            )
        return StageResult((), figures)

    with run.locked():
        run.stage("device", [facts.model_sha256, optimise, boards, tools], work)
    return run.figures("device")


def clips_of(facts: RunFacts, data: str, count: int, reporter: RichReporter) -> Clips:
    """Test clips judged by the kernels that the run was judged by."""
    return judge_clips(facts, data, open_interpreter(facts.model, "tflm"), count, reporter=reporter)


if __name__ == "__main__":
    typer.run(command)
