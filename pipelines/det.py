"""`kws det`: false accepts an hour against false rejects, on long streams of known truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kws_tfmot.data import prepare
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.streaming.cascade import Cascade
from kws_tfmot.evaluation.streaming.composed import StreamSettings
from kws_tfmot.evaluation.streaming.det_plot import plot_det
from kws_tfmot.evaluation.streaming.product import StreamEvaluation, evaluate_composed, evaluate_recordings
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.evaluation.streaming.under_noise import CLEAN
from kws_tfmot.files import cache_root, write_bytes
from kws_tfmot.recipe import apply_override, load_recipe
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.metadata import read_settings, write_settings
from pipelines.cascade_options import AfterOption, BeforeOption, VerifierOption, look_settings
from pipelines.console import RichReporter, friendly_errors
from pipelines.det_files import as_json_of, judge_files, save_thresholds, show_files, sort_arguments, title_of_files
from pipelines.det_view import show, title_of
from pipelines.foreign import FeaturesOption, equipped
from pipelines.openers import FAST, InterpreterOption, opener_of
from pipelines.options import HopOption, JsonOption, RecipeOption, StreamOption, named_model
from pipelines.outputs import FileOption


def command(
    models: Annotated[
        list[Path],
        typer.Argument(
            parser=named_model,
            metavar="MODELS",
            help="A .tflite file, a model that ships, or a run's folder; several to compare on the same sound.",
        ),
    ],
    data: Annotated[str, typer.Option("--data", help="Clips to compose streams of: folder:PATH, tfds:NAME.")] = "",
    recordings: Annotated[
        list[Path], typer.Option(help="Sound files or folders with a label track (.csv, Audacity's .txt) beside each.")
    ] = [],  # noqa: B006 - typer copies it
    positives: Annotated[
        list[str], typer.Option(help="WORD=FOLDER: sound files of any kind, the word said once in each.")
    ] = [],  # noqa: B006 - typer copies it
    negatives: Annotated[
        list[Path], typer.Option(help="Folders of sound files of any kind and length without the words.")
    ] = [],  # noqa: B006 - typer copies it
    per_hour: Annotated[float, typer.Option("--false-accepts-per-hour", min=0, help="Choose the threshold for it.")] = (
        0.5
    ),
    split: Annotated[str, typer.Option(help="Whose speakers are judged: test, validation, or all.")] = "test",
    tune: Annotated[str, typer.Option(help="Whose speakers the threshold is chosen on.")] = "validation",
    overrides: Annotated[
        list[str], typer.Option("--set", help="Of the stream: hours=2, seed=7, snr_db=[10,10], ...")
    ] = [],  # noqa: B006 - typer copies it
    snr: Annotated[str, typer.Option(help="Accuracy of single clips at these SNRs, dB; empty: none.")] = (
        "clean,20,10,5,0"
    ),
    interpreter: InterpreterOption = "",
    step_by_step: StreamOption = False,
    hop: HopOption = None,
    save: Annotated[Path | None, FileOption(help="Write the model with the chosen threshold in it.")] = None,
    plot: Annotated[Path | None, FileOption(help="Write the DET curves as PNG.")] = None,
    verifier: VerifierOption = None,
    look_before: BeforeOption = None,
    look_after: AfterOption = None,
    recipe: RecipeOption = None,
    features: FeaturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """False accepts an hour against false rejects over a long stream, and the threshold for a target."""
    with friendly_errors():
        arguments = sort_arguments(models, positives, negatives)
        filed = bool(positives or negatives)
        if bool(data) + bool(recordings) + filed != 1:
            raise RecipeError(
                "expected either --data, or --recordings, or --positives and --negatives.",
                "For example: --data folder:PATH, or --recordings day1.wav, or --positives alexa=FOLDER --negatives "
                "FOLDER",
            )
        if save and len(arguments.models) > 1:
            raise RecipeError(f"--save takes one model. Received: {len(arguments.models)}")
        look = look_settings(verifier, look_before, look_after)
        if verifier and (not filed or save):
            raise RecipeError(
                "--verifier is judged with --positives and --negatives, and --save has no model to write to.",
                "Save the second model's threshold from `kws det` of it alone, or edit it with `kws adapt`.",
            )
        stream, ratios, known = stream_settings(overrides), parse_ratios(snr), load_recipe(recipe) if recipe else None
        reports: dict[str, StreamEvaluation] = {}
        reporter = RichReporter()
        opener = opener_of(interpreter or (FAST if filed and not step_by_step else "engine"), step_by_step, hop)
        for path, name in zip(arguments.models, names_of(arguments.models), strict=True):
            model = StreamModel.open(equipped(path, features, recipe), opener, known)
            if filed:
                judged = Cascade.of(model, StreamModel.open(verifier, opener), **look) if verifier else model
                reports[name] = judge_files(judged, arguments, per_hour, reporter)
                continue
            if recordings:
                reports[name] = evaluate_recordings(model, recordings, per_hour=per_hour, reporter=reporter)
                continue
            settings = model.contract.clips.for_evaluation() if split == "all" else model.contract.clips
            with reporter.task("reading clips", None) as task:
                index = prepare(data, settings, cache_root() / "audio", task.reach)
            reports[name] = evaluate_composed(
                model, index, stream, split=split, tune="all" if split == "all" else tune, per_hour=per_hour,
                snr_db=ratios, reporter=reporter,
            )  # fmt: skip
        first = next(iter(reports.values()))
        if plot:
            plot_det(reports, title_of_files(first.figures) if filed else title_of(reports), plot)
        if save and filed:
            save_thresholds(arguments.models[0], first.figures, per_hour, save)
        elif save:
            save_threshold(arguments.models[0], first, save)
        if as_json:
            named = as_json_of(reports) if filed else {name: found.to_dict() for name, found in reports.items()}
            typer.echo(json.dumps(named, indent=2, ensure_ascii=False))
            return
        for name, found in reports.items():
            (show_files if filed else show)(name, found.to_dict())


def stream_settings(overrides: list[str]) -> StreamSettings:
    """Settings of the composed stream from ``key=value`` texts."""
    values: dict[str, Any] = {}
    for override in overrides:
        apply_override(values, override)
    return StreamSettings.parse(values, "stream")


def parse_ratios(text: str) -> list[float]:
    """``"clean,20,0"`` as numbers."""
    try:
        return [CLEAN if part.strip() == "clean" else float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise RecipeError(f"expected numbers in dB, or clean, separated by commas. Received: --snr {text!r}") from None


def names_of(models: list[Path]) -> list[str]:
    """A short name for each model: as many of its last folders as tell it from the others."""
    for parts in range(1, max(len(path.parts) for path in models) + 1):
        names = ["/".join(path.with_suffix("").parts[-parts:]) for path in models]
        if len(set(names)) == len(names):
            return names
    raise RecipeError(f"expected different models. Received: {', '.join(map(str, models))}")


def save_threshold(model: Path, report: StreamEvaluation, out: Path) -> None:
    """Write ``model`` with the chosen threshold for every keyword in its settings.

    Raises:
        RecipeError: If no threshold meets the target.
    """
    if report.threshold is None:
        raise RecipeError(
            "no threshold has so few false accepts an hour, so there is none to save.",
            "Allow more with --false-accepts-per-hour, or train on more other words.",
        )
    data = read_source(model)
    detection = report.figures["detection"] | {"threshold": report.threshold / ONE, "thresholds": {}}
    write_bytes(out, write_settings(data, (read_settings(data) or {}) | {"detection": detection}))


if __name__ == "__main__":
    typer.run(command)
