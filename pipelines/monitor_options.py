"""Options that put counters and a recorder into a firmware, and the takes as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kws_tfmot.detection.counters import TRIGGER
from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.streaming.collector import Collector
from kws_tfmot.files import write_files

CountOption = Annotated[
    bool,
    typer.Option(
        "--count-scores", help="firmware and packages: count triggers, near misses and best scores of every keyword."
    ),
]
TakesOption = Annotated[
    int,
    typer.Option(
        "--keep-takes",
        help="firmware and packages: keep the sound of so many triggers and near misses in RAM, and count scores.",
    ),
]
TakeMsOption = Annotated[
    int | None,
    typer.Option("--take-ms", help="How long a take is; by default the window, the moving average and a second."),
]
NearOption = Annotated[
    float, typer.Option("--near", help="Share of its threshold from which a keyword's score is a near miss.")
]
NEAR = 0.6


def monitor_settings(count: bool, takes: int, take_ms: int | None, near: float) -> dict[str, Any] | None:
    """Settings of :meth:`~kws_tfmot.detection.monitor.MonitorPlan.of`; ``None`` where nothing is asked for.

    Raises:
        RecipeError: For a length or a level without anything to count or keep.
    """
    if count or takes:
        return {"takes": takes, "take_ms": take_ms, "near": near}
    if take_ms is not None or near != NEAR:
        raise RecipeError("--take-ms and --near need --keep-takes or --count-scores: nothing is kept or counted.")
    return None


def write_takes(collector: Collector, folder: Path, name: str, rate: int) -> dict[str, int]:
    """Every take as ``triggers/WORD/NAME_NUMBER.wav`` or ``near_misses/WORD/...``; how many of each kind."""
    files: dict[str, str | bytes] = {}
    counts = {"triggers": 0, "near_misses": 0}
    for take in collector.new_takes:
        kind = "triggers" if take.event.kind == TRIGGER else "near_misses"
        counts[kind] += 1
        word = collector.model.plan.labels[take.event.label]
        files[f"{kind}/{word}/{name}_{take.number:04}.wav"] = take.wav(rate)
    write_files(files, folder)
    return counts
