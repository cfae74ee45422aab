"""`kws stream`: the keywords in a sound file, as the device would hear them."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from firmware_export.boards import board_of
from firmware_export.emulation.cascade_firmware import run_cascade
from firmware_export.emulation.example import ExampleReport, run_example
from kws_tfmot.data.levels import SoundLevels
from kws_tfmot.detection.detector import NEVER
from kws_tfmot.detection.monitor import MonitorPlan
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.streaming.cascade import Cascade
from kws_tfmot.evaluation.streaming.collector import Collector
from kws_tfmot.evaluation.streaming.sources import blocks_of, read_stream, stream_pieces, survey_stream
from kws_tfmot.evaluation.streaming.spotter import Heard, Spotter, StreamModel
from kws_tfmot.recipe import load_recipe
from kws_tfmot.tflite.document import read_source
from pipelines.boards import emulated as stands_for
from pipelines.cascade_options import AfterOption, BeforeOption, VerifierOption, look_settings, pair_of
from pipelines.console import RichReporter, friendly_errors, line
from pipelines.foreign import FeaturesOption, equipped
from pipelines.live_view import LiveView, heard_line
from pipelines.monitor_options import NEAR, NearOption, TakeMsOption, monitor_settings, write_takes
from pipelines.openers import InterpreterOption, opener_of
from pipelines.options import HopOption, JsonOption, ModelArgument, RecipeOption, StreamOption
from pipelines.outputs import FolderOption

ThresholdOption = Annotated[
    float | None, typer.Option(help="Smoothed posterior that counts as heard, 0 to 1; the model's own by default.")
]

SensitivityOption = Annotated[
    int, typer.Option(help="Decide as the firmware does at this sensitivity, -100 to 100; 0: the model's thresholds.")
]


def command(
    sound: Annotated[Path, typer.Argument(help="A sound file of any length, rate and kind.")],
    model: ModelArgument,
    threshold: ThresholdOption = None,
    sensitivity: SensitivityOption = 0,
    interpreter: InterpreterOption = "engine",
    stream: StreamOption = False,
    hop: HopOption = None,
    view: Annotated[bool, typer.Option("--view", help="Watch level and scores at the speed of the sound.")] = False,
    board: Annotated[
        str, typer.Option(help="Let the firmware hear it too, on this board, see `kws emulate --help`.")
    ] = "",
    keep: Annotated[
        Path | None,
        FolderOption(
            "--keep", help="Keep triggers and near misses here as WAV files, as a firmware with a recorder does."
        ),
    ] = None,
    take_ms: TakeMsOption = None,
    near: NearOption = NEAR,
    verifier: VerifierOption = None,
    look_before: BeforeOption = None,
    look_after: AfterOption = None,
    recipe: RecipeOption = None,
    features: FeaturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every keyword that the detector hears in a sound file, as the firmware would decide."""
    with friendly_errors():
        model = equipped(model, features, recipe)
        machine = stands_for(board) if board else ""
        opened = StreamModel.open(
            model, opener_of(interpreter, stream, hop), load_recipe(recipe) if recipe else None, threshold=threshold
        )
        look = look_settings(verifier, look_before, look_after)
        if sensitivity and machine:
            raise RecipeError("--board runs the firmware as it begins: at sensitivity 0. Leave one of the two out.")
        opened = opened.with_sensitivity(sensitivity)
        if verifier:
            if keep or view or recipe or features:
                raise RecipeError("--verifier goes with neither --keep nor --view, --recipe or --features.")
            opener = opener_of(interpreter, stream, hop)
            cascade = Cascade.of(opened, StreamModel.open(verifier, opener), **look)
            hear_twice(cascade, sound, (model, verifier), machine, as_json, look, stream=stream, hop=hop)
            return
        collector = collecting(opened, keep, take_ms, near)
        result = hear(opened, sound, view, collector)
        kept = (
            write_takes(collector, keep, sound.stem, opened.contract.frontend.sample_rate) if keep and collector else {}
        )
        samples = read_stream(sound, opened.contract.frontend.sample_rate) if machine else None
        emulated = None
        if samples is not None:
            emulated = run_example(model, samples, opened.contract, machine, stream=stream, hop=hop)
        if as_json:
            found = (
                report(opened, sound, result)
                | counted(collector, kept)
                | ({"board": emulated.to_dict()} if emulated else {})
            )
            typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
            return
        for each in result.heard:
            line(heard_line(each), markup=False)
        show(opened, result)
        if kept:
            line(f"kept in {keep}: {kept['triggers']} triggers, {kept['near_misses']} near misses", markup=False)
        if emulated:
            show_board(emulated)


class StreamResult(NamedTuple):
    """What a file made heard, the model's best scores on it, and how loud it is."""

    heard: list[Heard]
    spotter: Spotter | Collector
    levels: SoundLevels
    notes: list[str]


def hear_twice(
    cascade: Cascade,
    sound: Path,
    models: tuple[Path, Path],
    machine: str,
    as_json: bool,
    look: dict[str, int],
    **steps: Any,
) -> None:
    """Print what two models as one detector hear in a file, and whether their firmware hears the same."""
    samples = read_stream(sound, cascade.contract.frontend.sample_rate)
    wakes, heard = cascade.first.spot(samples), cascade.spot(samples)
    board = None
    if machine:
        pair = pair_of(*models, look, core=board_of(machine).core, **steps)
        board = run_cascade(pair, (read_source(models[0]), read_source(models[1])), samples, machine, steps["hop"])
    if as_json:
        found = {"detections": [each._asdict() for each in heard], "wakes": [each._asdict() for each in wakes]}
        typer.echo(json.dumps(found | ({"board": board.to_dict()} if board else {}), indent=2, ensure_ascii=False))
        return
    for each in heard:
        line(heard_line(each), markup=False)
    line(f"{len(heard)} detections; the first model woke the second {len(wakes)} times", style="dim", markup=False)
    if board:
        show_board(board)


def collecting(model: StreamModel, keep: Path | None, take_ms: int | None, near: float) -> Collector | None:
    """A collector where takes are to be kept.

    Raises:
        RecipeError: For a number outside its range, or settings of takes where none are kept.
    """
    if keep is None:
        monitor_settings(False, 0, take_ms, near)
        return None
    monitor = MonitorPlan.of(model.plan, model.contract.frontend, takes=1, take_ms=take_ms, near=near)
    return Collector(model, monitor)


def counted(collector: Collector | None, kept: dict[str, int]) -> dict[str, Any]:
    """The counters of every keyword, and how many takes were written, for JSON."""
    if collector is None:
        return {}
    plan, words = collector.model.plan, collector.statistics.words
    keywords = {label: asdict(words[plan.labels.index(label)]) for label in plan.keywords}
    return {"statistics": keywords, "kept": kept}


def hear(model: StreamModel, sound: Path, view: bool = False, collector: Collector | None = None) -> StreamResult:
    """Listen to a file piece by piece; with ``view`` at its own speed, shown. A ``collector`` is who listens.

    Raises:
        DataError: If it cannot be read.
    """
    found, rate = survey_stream(sound), model.contract.frontend.sample_rate
    spotter = collector or Spotter(model)
    heard, seconds = [], found.levels.seconds
    pieces = stream_pieces(sound, rate, found.gain)
    if view:
        heard = watch(spotter, itertools.chain.from_iterable(blocks_of(each, rate // 20) for each in pieces), rate)
    else:
        with RichReporter().task("listening", math.ceil(seconds)) as task:
            done = 0
            for piece in pieces:
                heard += spotter.push(piece)
                done += len(piece)
                task.reach(min(math.ceil(done / rate), math.ceil(seconds)), math.ceil(seconds))
    return StreamResult(heard, spotter, found.levels, [*found.problems(), *too_short(spotter, seconds)])


def too_short(spotter: Spotter | Collector, seconds: float) -> list[str]:
    """What to say of a file that ends before the first full window, or before the first whole average."""
    plan, settings = spotter.model.plan, spotter.model.contract.frontend
    if spotter.inferences >= plan.window:
        return []
    whole = (settings.clip_ms + (plan.window - 1) * plan.stride * settings.hop_ms) / 1000
    what = f"{spotter.inferences} of the {plan.window} decisions that are averaged" if spotter.inferences else "none"
    return [
        f"too short: {seconds:.2f} s; the first smoothed decision is due after {whole:.2f} s ({what} came): a word "
        "in it is hardly heard. Add silence around it, or judge short clips with `kws det --positives`"
    ]


def show(model: StreamModel, result: StreamResult) -> None:
    """Best score and level, whatever was heard, and what is odd."""
    rows = best_scores(model, result.spotter)
    if rows:
        word = max(rows, key=lambda name: rows[name]["score"])
        line(
            f"best: {word} {rows[word]['score']:.3f} (threshold {rows[word]['threshold']:.3f}); level "
            f"{result.levels.rms_db:.1f} dBFS, loudest tenth {result.levels.loud_db:.0f}",
            markup=False,
        )
    for note in result.notes:
        line(f"note: {note}", style="yellow", markup=False)
    line(
        f"{len(result.heard)} detections in {result.levels.seconds:.1f} s; {model.runner.name}; "
        f"model {model.sha256[:12]}",
        style="dim",
        markup=False,
    )


def best_scores(model: StreamModel, spotter: Spotter | Collector) -> dict[str, dict[str, float]]:
    """Highest smoothed posterior of every keyword beside its threshold."""
    plan = model.plan
    return {
        label: {"score": int(best) / ONE, "threshold": threshold / ONE}
        for label, best, threshold in zip(plan.labels, spotter.best, plan.thresholds, strict=True)
        if threshold != NEVER
    }


def show_board(found: ExampleReport) -> None:
    """Whether the emulated firmware decided alike, and what it takes."""
    alike = "the same detections and scores" if found.same_as_host else "[bold red]other detections[/]"
    line(
        f"{found.board} ({found.core}): {alike} in {found.inferences} inferences; flash {found.flash_bytes:,} B, "
        f"RAM {found.ram_bytes:,} B and {found.stack_bytes:,} B of stack"
    )


def watch(spotter: Spotter | Collector, blocks: Iterable[Any], rate: int) -> list[Heard]:
    """Play blocks of samples to the view at their own speed; return what was heard."""
    found: list[Heard] = []
    done, begun = 0, time.monotonic()
    with LiveView(spotter.model) as view:
        for block in blocks:
            heard = spotter.push(block)
            found += heard
            done += len(block)
            time.sleep(max(0.0, begun + done / rate - time.monotonic()))
            view.update(block, spotter.scores, heard, done / rate)
    return found


def report(model: StreamModel, sound: Path, result: StreamResult) -> dict[str, Any]:
    """The JSON form."""
    levels = result.levels
    return {
        "file": str(sound),
        "seconds": levels.seconds,
        "model_sha256": model.sha256,
        "interpreter": model.runner.name,
        "detection": model.contract.detection.model_dump(mode="json"),
        "detections": [each._asdict() for each in result.heard],
        "inferences": result.spotter.inferences,
        "best": best_scores(model, result.spotter),
        "level": {
            "rms_dbfs": levels.rms_db,
            "loud_dbfs": levels.loud_db,
            "floor_dbfs": levels.floor_db,
            "peak": levels.peak,
            "clipped_share": levels.clipped,
            "silent_share": levels.silent,
        },
        "notes": result.notes,
    }


if __name__ == "__main__":
    typer.run(command)
