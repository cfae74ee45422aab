"""`kws stream`: the keywords in a sound file, as the device would hear them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.emulation.example import ExampleReport, run_example
from kws_tfmot.evaluation.streaming.sources import blocks_of, read_stream
from kws_tfmot.evaluation.streaming.spotter import Heard, Spotter, StreamModel
from kws_tfmot.recipe import load_recipe
from pipelines.console import RichReporter, friendly_errors, line
from pipelines.live_view import LiveView, heard_line
from pipelines.openers import InterpreterOption, opener_of
from pipelines.options import JsonOption, ModelArgument, RecipeOption

ThresholdOption = Annotated[
    float | None, typer.Option(help="Smoothed posterior that counts as heard, 0 to 1; the model's own by default.")
]


def command(
    sound: Annotated[Path, typer.Argument(help="A WAV or FLAC file of any length and rate.")],
    model: ModelArgument,
    threshold: ThresholdOption = None,
    interpreter: InterpreterOption = "engine",
    view: Annotated[bool, typer.Option("--view", help="Watch level and scores at the speed of the sound.")] = False,
    board: Annotated[str, typer.Option(help="Let the firmware hear it too, on this emulated board.")] = "",
    recipe: RecipeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every keyword that the detector hears in a sound file, as the firmware would decide."""
    with friendly_errors():
        opened = StreamModel.open(
            model, opener_of(interpreter), load_recipe(recipe) if recipe else None, threshold=threshold
        )
        rate = opened.contract.frontend.sample_rate
        samples = read_stream(sound, rate)
        heard = watch(opened, samples, rate) if view else opened.spot(samples, RichReporter())
        emulated = run_example(model, samples, opened.contract, board) if board else None
        if as_json:
            found = report(opened, sound, len(samples) / rate, heard)
            found |= {"board": emulated.to_dict()} if emulated else {}
            typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
            return
        for each in heard:
            line(heard_line(each), markup=False)
        line(
            f"{len(heard)} detections in {len(samples) / rate:.1f} s; {opened.runner.name}; model {opened.sha256[:12]}",
            style="dim",
            markup=False,
        )
        if emulated:
            show_board(emulated)


def show_board(found: ExampleReport) -> None:
    """Whether the emulated firmware decided alike, and what it takes."""
    alike = "the same detections and scores" if found.same_as_host else "[bold red]other detections[/]"
    line(
        f"{found.board} ({found.core}): {alike} in {found.inferences} inferences; flash {found.flash_bytes:,} B, "
        f"RAM {found.ram_bytes:,} B and {found.stack_bytes:,} B of stack"
    )


def watch(model: StreamModel, samples: Any, rate: int) -> list[Heard]:
    """Play the samples to the view at their own speed; return what was heard."""
    spotter, found, length, begun = Spotter(model), [], rate // 20, time.monotonic()
    with LiveView(model) as view:
        for number, block in enumerate(blocks_of(samples, length), start=1):
            heard = spotter.push(block)
            found += heard
            time.sleep(max(0.0, begun + number * length / rate - time.monotonic()))
            view.update(block, spotter.scores, heard, number * length / rate)
    return found


def report(model: StreamModel, sound: Path, seconds: float, heard: list[Heard]) -> dict[str, Any]:
    """The JSON form."""
    return {
        "file": str(sound),
        "seconds": seconds,
        "model_sha256": model.sha256,
        "interpreter": model.runner.name,
        "detection": model.contract.detection.model_dump(mode="json"),
        "detections": [each._asdict() for each in heard],
    }


if __name__ == "__main__":
    typer.run(command)
