"""`kws det --positives ... --negatives ...`: a model on recordings as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kws_tfmot.errors import DataError, RecipeError
from kws_tfmot.evaluation.streaming.cascade import Cascade
from kws_tfmot.evaluation.streaming.product import StreamEvaluation
from kws_tfmot.evaluation.streaming.recordings_det import TARGETS, evaluate_files
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.evaluation.streaming.word_files import word_files
from kws_tfmot.files import write_bytes
from kws_tfmot.progress import Reporter
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.metadata import read_settings, write_settings
from pipelines.console import line, table
from pipelines.det_view import interval, number, percent

RUN_MODEL = "model_int8.tflite"


class Arguments(NamedTuple):
    """What is on the command line, sorted."""

    models: list[Path]
    positives: list[str]
    negatives: list[Path]


def sort_arguments(given: Sequence[Path], positives: Sequence[str], negatives: Sequence[Path]) -> Arguments:
    """Models apart from further values of the options: ``--negatives A B MODEL`` means both folders.

    A run's folder is the int8 model in it.

    Raises:
        RecipeError: If no model is left, or a folder holds none.
    """
    models, words, folders = [], list(positives), list(negatives)
    for path in given:
        if path.is_dir() and (path / RUN_MODEL).is_file():
            models.append(path / RUN_MODEL)
        elif path.is_dir() and negatives:
            folders.append(path)
        elif path.is_dir():
            raise RecipeError(f"{path} is no run: it holds no {RUN_MODEL}.", "Give a .tflite file or a run's folder.")
        elif "=" in str(path) and not path.exists() and positives:
            words.append(str(path))
        else:
            models.append(path)
    if not models:
        raise RecipeError("expected a model: a .tflite file, or the folder of a run.")
    return Arguments(models, words, folders)


def judge_files(
    model: StreamModel | Cascade, arguments: Arguments, per_hour: float, reporter: Reporter
) -> StreamEvaluation:
    """As :func:`evaluate_files`, with ``per_hour`` among the targets."""
    files = word_files(arguments.positives, arguments.negatives, model.plan.keywords)
    return evaluate_files(model, files, tuple(dict.fromkeys((per_hour, *TARGETS))), reporter)


def save_thresholds(model: Path, figures: dict[str, Any], per_hour: float, out: Path) -> None:
    """Write ``model`` with each word's threshold for ``per_hour`` false accepts an hour.

    Raises:
        DataError: If no threshold of a word meets it.
    """
    chosen = {word: row["threshold_at"][f"{per_hour:g}"] for word, row in figures["words"].items()}
    if missing := [word for word, threshold in chosen.items() if threshold is None]:
        raise DataError(
            f"no threshold has so few false accepts an hour: {', '.join(missing)}; there is none to save.",
            "Allow more with --false-accepts-per-hour, or train on more other words.",
        )
    data = read_source(model)
    detection = figures["detection"] | {"thresholds": chosen}
    write_bytes(out, write_settings(data, (read_settings(data) or {}) | {"detection": detection}))


def show_files(name: str, figures: dict[str, Any]) -> None:
    """Every word at the model's threshold and at the targets."""
    targets = list(figures["total"]["missed_at"])
    rows = []
    for word, row in figures["words"].items():
        wrong = number(row["false_accepts_per_hour"]), interval(row["false_accepts_per_hour_95"])
        missed = percent(row["missed"]), interval(row["missed_95"], 100)
        rows.append([word, str(row["n"]), f"{row['threshold']:.3f}", *missed, *wrong])
    table(
        f"{name}: at the model's threshold",
        ["word", "N", "threshold", "missed", "95 %", "false accepts / h", "95 %"],
        rows,
    )
    table(
        "missed at so many false accepts an hour (threshold)",
        ["word", *targets],
        [[word, *(_at(row, target) for target in targets)] for word, row in figures["words"].items()],
    )
    line(
        f"{figures['positives']} positives; {figures['hours']:.2f} h of negatives in {figures['negatives']} files; "
        f"intervals by {figures['interval_by']}; each file between {figures['context_s']:.2f} s of near silence"
    )
    if "wakes_per_hour" in figures:
        line(f"the first model woke the second {figures['wakes_per_hour']:.1f} times an hour of negatives")
    per_heard = figures["total"]["detections_per_heard"]
    if per_heard is not None:
        line(f"detections for a word heard: {per_heard:.3f}")
    line(f"{figures['interpreter']}; model {figures['model_sha256'][:12]}", style="dim", markup=False)
    for note in figures["notes"]:
        line(f"note: {note}", style="dim", markup=False)


def _at(row: dict[str, Any], target: str) -> str:
    threshold = row["threshold_at"][target]
    return f"{percent(row['missed_at'][target])} ({'none' if threshold is None else f'{threshold:.3f}'})"


def title_of_files(figures: dict[str, Any]) -> str:
    """What the picture shows."""
    return (
        f"{figures['hours']:.2f} h of negatives, {figures['positives']} positives, intervals by "
        f"{figures['interval_by']}\n{figures['interpreter']}"
    )


def as_json_of(reports: dict[str, StreamEvaluation]) -> dict[str, Any]:
    """One model's figures as they are; several models' by name, with the hours that they share."""
    found = {name: report.to_dict() for name, report in reports.items()}
    first = next(iter(found.values()))
    return first if len(found) == 1 else {"hours": first["hours"], "models": found}
