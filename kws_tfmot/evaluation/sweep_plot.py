"""A picture of a sweep: how every trial learnt, where some were stopped, and what the others came to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_tfmot.evaluation.plots import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_STOPPED = "0.6"
_SIZES = (("engine_bytes", "weights and constants of the engine, B"), ("nonzero_weights", "non-zero weights"))


def plot_sweep(record: dict[str, Any], path: str | Path) -> Path:
    """Draw accuracy on the validation split by epoch, and accuracy on the test split against size.

    Args:
        record: As :func:`pipelines.stages.sweep.record.sweep_record` makes it, with a row at least.
        path: Of the PNG.
    """
    targets = list(dict.fromkeys(trial["target"] for trial in record["trials"]))
    colours = {target: f"C{place % 10}" for place, target in enumerate(targets)}
    figure = new_figure(figsize=(11.0, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_epochs(left, record, colours)
    _draw_rows(right, record, colours)
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5), fontsize=8)
    first = record["rows"][0]
    counts = record["counts"]
    reported = ", ".join(f"{counts[kind]} {kind}" for kind in ("finished", "stopped", "failed") if counts[kind])
    note = f"N = {first['n']}, split {first['split_sha256'][:12]}, {first['interpreter']}"
    figure.suptitle(f"{record['name']}: {len(record['trials'])} trials, {reported}; {note}", fontsize=9)
    return save_figure(figure, path)


def _draw_epochs(axes: Axes, record: dict[str, Any], colours: dict[Any, str]) -> None:
    for trial in record["trials"]:
        accuracies = [100 * value for value in trial["validation_by_epoch"]]
        if not accuracies:
            continue
        epochs = range(1, len(accuracies) + 1)
        stopped = trial["status"] == "stopped"
        axes.plot(epochs, accuracies, color=_STOPPED if stopped else colours[trial["target"]], linewidth=0.8, alpha=0.8)
        if stopped:
            axes.plot(epochs[-1], accuracies[-1], "x", color=_STOPPED, markersize=5)
    axes.set_xlabel("epoch of the trial (x: stopped early)")
    axes.set_ylabel("accuracy on the validation split, %")
    axes.grid(alpha=0.3)


def _draw_rows(axes: Axes, record: dict[str, Any], colours: dict[Any, str]) -> None:
    rows = record["rows"]
    size, label = _SIZES[0] if all(_size(row, "engine_bytes") for row in rows) else _SIZES[1]
    for target, colour in colours.items():
        own = [row for row in rows if row["target"] == target]
        if own:
            x, y = [_size(row, size) for row in own], [100 * row["accuracy"]["int8"] for row in own]
            name = "dense" if target is None else f"{100 * target:g} % zeros"
            axes.plot(x, y, "o", color=colour, markersize=5, label=name)
    best = {entry["trial"] for entry in record["best"]}
    chosen = [row for row in rows if row["cell"] in best]
    x, y = [_size(row, size) for row in chosen], [100 * row["accuracy"]["int8"] for row in chosen]
    axes.plot(x, y, "o", color="black", fillstyle="none", markersize=11, label="best on the validation split")
    axes.set_xlabel(label)
    axes.set_ylabel("int8 accuracy on the test split, %")
    axes.grid(alpha=0.3)


def _size(row: dict[str, Any], name: str) -> Any:
    return row["bytes"].get("engine_constant") if name == "engine_bytes" else row[name]
