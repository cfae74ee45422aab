"""What a comparison says: means, spreads, differences seed by seed, and pictures of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kws_tfmot.evaluation.plots import new_figure, save_figure
from kws_tfmot.files import write_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes


SCHEMA_VERSION = 1
ComparisonRow = dict[str, Any]


def mean_and_spread(values: Sequence[float]) -> dict[str, float | None]:
    """Mean and sample standard deviation; the spread of one value is ``None``.

    >>> mean_and_spread([1.0, 3.0])
    {'mean': 2.0, 'spread': 1.4142135623730951}
    """
    given = np.asarray(values, np.float64)
    return {"mean": float(given.mean()), "spread": float(given.std(ddof=1)) if len(given) > 1 else None}


def summarise(rows: Sequence[ComparisonRow], baseline: str | None = None) -> list[dict[str, Any]]:
    """One entry for each variant and sparsity: mean and spread over the seeds.

    With a ``baseline`` the difference of the int8 accuracy is taken seed by seed against that variant: at the same
    sparsity where it has it, else against its only one. Its mean and spread are those of the differences.

    Args:
        rows: As :func:`pipelines.stages.comparison_cell.row_of` makes them.
        baseline: Name of a variant.

    >>> rows = [{"variant": v, "target": None, "seed": s, "accuracy": {"int8": a}, "n": 9, "nonzero_weights": 5,
    ...          "zero_share": 0.0, "bytes": {"slim": 7}, "board": None}
    ...         for v, s, a in (("a", 1, 0.5), ("a", 2, 0.7), ("b", 1, 0.6), ("b", 2, 0.8))]
    >>> [round(entry["against"]["mean"], 9) for entry in summarise(rows, "a") if "against" in entry]
    [0.1]
    """
    groups: dict[tuple[str, float | None], list[ComparisonRow]] = {}
    for row in rows:
        groups.setdefault((row["variant"], row["target"]), []).append(row)
    entries = []
    for (variant, target), own in groups.items():
        entry = {
            "variant": variant,
            "target": target,
            "seeds": [row["seed"] for row in own],
            "n": own[0]["n"],
            "accuracy": mean_and_spread([row["accuracy"]["int8"] for row in own]),
        }
        for name, get in FIGURES.items():
            values = [value for row in own if (value := get(row)) is not None]
            entry[name] = mean_and_spread(values) if values else None
        others = _baseline_rows(groups, baseline, target)
        if others and variant != baseline:
            pairs = [
                row["accuracy"]["int8"] - others[row["seed"]]["accuracy"]["int8"]
                for row in own
                if row["seed"] in others
            ]
            if pairs:
                entry["against"] = {"baseline": baseline, "pairs": len(pairs), **mean_and_spread(pairs)}
        entries.append(entry)
    return entries


def _baseline_rows(
    groups: dict[tuple[str, float | None], list[ComparisonRow]], baseline: str | None, target: float | None
) -> dict[int, ComparisonRow]:
    own = {key[1]: rows for key, rows in groups.items() if key[0] == baseline}
    found = own.get(target) or (next(iter(own.values())) if len(own) == 1 else [])
    return {row["seed"]: row for row in found}


def _step_ratio(row: ComparisonRow, key: str) -> float | None:
    steps = row.get(key) or {}
    return steps["sparsify"] / steps["train"] if {"sparsify", "train"} <= steps.keys() else None


def _missed(row: ComparisonRow, target: str) -> float | None:
    return ((row.get("stream") or {}).get("missed_at") or {}).get(target)


# What is averaged besides the accuracy, by its name in the summary.
FIGURES = {
    "dense_accuracy": lambda row: row["accuracy"].get("dense"),
    "float_accuracy": lambda row: row["accuracy"].get("float"),
    "nonzero_weights": lambda row: row["nonzero_weights"],
    "zero_share": lambda row: row["zero_share"],
    "file_bytes": lambda row: row["bytes"]["slim"],
    "gzip_bytes": lambda row: row["bytes"].get("slim_gzip"),
    "engine_bytes": lambda row: row["bytes"].get("engine_constant"),
    "instructions": lambda row: row["board"] and row["board"]["instructions"],
    "cycles": lambda row: row["board"] and row["board"].get("cycles"),
    "flash_bytes": lambda row: row["board"] and row["board"].get("flash_bytes"),
    "missed_at_0.5": lambda row: _missed(row, "0.5"),
    "missed_at_0.1": lambda row: _missed(row, "0.1"),
    "sparse_step_over_dense": lambda row: _step_ratio(row, "step_ms"),
    "sparse_step_cpu_over_dense": lambda row: _step_ratio(row, "step_cpu_ms"),
}


def comparison_record(
    name: str, rows: Sequence[ComparisonRow], baseline: str | None, failures: dict[str, str], about: dict[str, Any]
) -> dict[str, Any]:
    """The JSON of a comparison, schema version 1.

    ``schema_version``, ``name``, ``rows`` (one for each cell of the comparison), ``summary`` (:func:`summarise`),
    ``baseline``, ``failures`` (name to reason), and whatever ``about`` adds: command, commit, versions, settings.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "baseline": baseline,
        "rows": list(rows),
        "summary": summarise(rows, baseline),
        "failures": failures,
        **about,
    }


def write_comparison(record: dict[str, Any], folder: Path) -> None:
    """Write ``NAME.json`` and, if there are rows, ``NAME.png`` into ``folder``."""
    write_json(folder / f"{record['name']}.json", record)
    if record["rows"]:
        plot_comparison(record, folder / f"{record['name']}.png")


_PANELS = (
    ("nonzero_weights", "non-zero weights"),
    ("engine_bytes", "weights and constants of the engine, B"),
    ("file_bytes", "bytes of the .tflite"),
    ("instructions", "instructions of an inference"),
    ("cycles", "modelled cycles of an inference, no wait states"),
)
_ON_BOARD = ("instructions", "cycles")
_LOG_FROM = 3.0  # largest over smallest, from which an axis is logarithmic


def plot_comparison(record: dict[str, Any], path: str | Path) -> Path:
    """Draw accuracy against non-zero weights, stored bytes and instructions, a line for each variant.

    Points are means, bars the sample standard deviation over the seeds.
    """
    summary = record["summary"]
    known = {
        name
        for name, _ in _PANELS
        if (all if name in _ON_BOARD else any)(entry[name] for entry in summary)  # never some variants' counts alone
    }
    if "engine_bytes" in known:
        known.discard("file_bytes")  # what is flashed, where it is known
    panels = [(name, label) for name, label in _PANELS if name in known]
    figure = new_figure(figsize=(4.6 * len(panels), 4.4), layout="constrained")
    for place, (name, label) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        _draw(axes, summary, name)
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
        if place == 0:
            axes.set_ylabel("int8 accuracy on unseen speakers, %")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4), fontsize=8)
    first = record["rows"][0]
    seeds = sorted({row["seed"] for row in record["rows"]})
    note = f"N = {first['n']}, split {first['split_sha256'][:12]}, seeds {', '.join(map(str, seeds))}"
    figure.suptitle(f"{record['name']}: mean and standard deviation; {note}; {first['interpreter']}", fontsize=9)
    return save_figure(figure, path)


def _draw(axes: Axes, summary: list[dict[str, Any]], name: str) -> None:
    """One line for each variant."""
    variants = list(dict.fromkeys(entry["variant"] for entry in summary))
    drawn: list[float] = []
    for variant in variants:
        own = [entry for entry in summary if entry["variant"] == variant and entry[name]]
        own.sort(key=lambda entry: entry[name]["mean"])
        x = [entry[name]["mean"] for entry in own]
        drawn += x
        axes.errorbar(
            x,
            [100 * entry["accuracy"]["mean"] for entry in own],
            yerr=[100 * (entry["accuracy"]["spread"] or 0.0) for entry in own],
            xerr=[entry[name]["spread"] or 0.0 for entry in own],
            marker="s" if len(own) == 1 else "o",
            markersize=4,
            linewidth=1.2,
            capsize=2,
            label=variant,
        )
    if drawn and max(drawn) > _LOG_FROM * min(drawn):
        axes.set_xscale("log")
