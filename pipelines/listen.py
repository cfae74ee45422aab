"""`kws listen`: the keywords a microphone hears, live."""

from __future__ import annotations

import itertools
import json
from contextlib import ExitStack
from typing import Annotated

import typer

from kws_tfmot.evaluation.streaming.sources import input_devices, microphone
from kws_tfmot.evaluation.streaming.spotter import Spotter, StreamModel
from kws_tfmot.recipe import load_recipe
from pipelines.console import friendly_errors, line, out
from pipelines.foreign import FeaturesOption, equipped
from pipelines.live_view import LevelWatch, LiveView, heard_line
from pipelines.openers import InterpreterOption, opener_of
from pipelines.options import HopOption, ModelArgument, RecipeOption, StreamOption
from pipelines.stream import SensitivityOption, ThresholdOption, best_scores


def command(
    model: ModelArgument,
    threshold: ThresholdOption = None,
    sensitivity: SensitivityOption = 0,
    device: Annotated[str, typer.Option(help="Number or part of the name of an input.")] = "",
    devices: Annotated[bool, typer.Option("--devices", help="List the inputs and stop.")] = False,
    seconds: Annotated[float, typer.Option(min=0, help="Stop after this time; 0: at Ctrl-C.")] = 0.0,
    interpreter: InterpreterOption = "engine",
    stream: StreamOption = False,
    hop: HopOption = None,
    recipe: RecipeOption = None,
    features: FeaturesOption = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="One JSON object a line: detections, notes on the level, at the end the best."),
    ] = False,
) -> None:
    """Listen to a microphone and show level, scores and every keyword heard."""
    with friendly_errors():
        if devices:
            for text in input_devices() or ["no input"]:
                line(text, markup=False)
            return
        model = equipped(model, features, recipe)
        opened = StreamModel.open(
            model, opener_of(interpreter, stream, hop), load_recipe(recipe) if recipe else None, threshold=threshold
        ).with_sensitivity(sensitivity)
        try:
            listen(opened, int(device) if device.isdigit() else device or None, seconds, as_json)
        except KeyboardInterrupt:
            line("stopped", style="dim")


def listen(model: StreamModel, device: str | int | None, seconds: float, as_json: bool) -> None:
    """Push what the microphone gives to the model; detections and notes stay on the screen as lines, the view goes."""
    rate = model.contract.frontend.sample_rate
    spotter, watch, done = Spotter(model), LevelWatch(rate), 0
    blocks = microphone(rate, rate // 20, device)
    first = next(blocks)  # an input that cannot be opened is an error before the view covers the screen
    with ExitStack() as stack:
        stack.callback(_show_best, model, spotter, as_json)
        view = stack.enter_context(LiveView(model)) if out.is_terminal and not as_json else None
        for block in itertools.chain([first], blocks):
            done += len(block)
            heard = spotter.push(block)
            for each in heard:
                line(json.dumps(each._asdict(), ensure_ascii=False) if as_json else heard_line(each), markup=False)
            for note in watch.push(block):
                _show_note(done / rate, note, as_json)
            if view:
                view.update(block, spotter.scores, heard, done / rate, watch.problems)
            if seconds and done >= seconds * rate:
                return


def _show_note(seconds: float, note: str, as_json: bool) -> None:
    if as_json:
        line(json.dumps({"seconds": seconds, "note": note}), markup=False)
    else:
        line(f"{seconds:9.2f} s  note: {note}", style="yellow", markup=False)


def _show_best(model: StreamModel, spotter: Spotter, as_json: bool) -> None:
    """The best score of each keyword, whatever was heard: how far it was from its threshold."""
    rows = best_scores(model, spotter)
    if as_json:
        line(json.dumps({"best": rows}, ensure_ascii=False), markup=False)
        return
    for word, row in rows.items():
        line(f"best: {word} {row['score']:.3f} (threshold {row['threshold']:.3f})", markup=False)


if __name__ == "__main__":
    typer.run(command)
