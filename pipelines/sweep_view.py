"""What `kws sweep` says when it is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.compare_view import missed_text
from pipelines.console import line, table


def show(record: dict[str, Any], folder: Path) -> None:
    """The finished trials, the best first; where others were stopped; failures; and where the files lie."""
    if rows := sorted(record["rows"], key=_rank):
        first = rows[0]
        title = f"N = {first['n']} ({first['split_sha256'][:12]}), {first['interpreter']}"
        columns = [
            "finished",
            "zeros",
            "seed",
            "validation, %",
            "test int8, %",
            "missed",
            "non-zero",
            "engine, B",
            "instructions",
            "cycles",
        ]
        table(title, columns, [_cells(row) for row in rows])
    stopped = [trial for trial in record["trials"] if trial["status"] == "stopped"]
    if stopped:
        reported = [[*_name(trial), str(len(by)), f"{100 * by[-1]:.2f}"] for trial in stopped if (by := _curve(trial))]
        table("stopped early", ["trial", "zeros", "seed", "at epoch", "validation, %"], reported)
    for name, reason in record["failures"].items():
        line(f"{name}: {reason}", style="red", markup=False)
    for best in record["best"]:
        line(
            f"best on the validation split, {_zeros(best)}: {best['variant']}, seed {best['seed']}: "
            f"{100 * best['validation_accuracy']:.2f} %, on the test split {100 * best['accuracy']:.2f} % (int8)",
            markup=False,
        )
    counts = record["counts"]
    line(f"{counts['finished']} finished, {counts['stopped']} stopped early, {counts['failed']} failed")
    line(f"{folder / record['name']}.json and .png", markup=False)


def _rank(row: dict[str, Any]) -> tuple[float, float]:
    return row["target"] or 0.0, -(row.get("validation_accuracy") or 0.0)


def _zeros(row: dict[str, Any]) -> str:
    return "dense" if row["target"] is None else f"{100 * row['target']:g} % zeros"


def _name(row: dict[str, Any]) -> list[str]:
    return [row["variant"], _zeros(row).removesuffix(" zeros"), str(row["seed"])]


def _curve(trial: dict[str, Any]) -> list[float]:
    return trial["validation_by_epoch"]


def _cells(row: dict[str, Any]) -> list[str]:
    def figure(value: float | None) -> str:
        """A figure without decimals; empty where there is none."""
        return "" if value is None else f"{value:,.0f}"

    validation = row.get("validation_accuracy")
    return [
        *_name(row),
        "" if validation is None else f"{100 * validation:.2f}",
        f"{100 * row['accuracy']['int8']:.2f}",
        missed_text(row["stream"]) if row.get("stream") else "",
        figure(row["nonzero_weights"]),
        figure(row["bytes"].get("engine_constant")),
        figure(row["board"] and row["board"]["instructions"]),
        figure(row["board"] and row["board"].get("cycles")),
    ]
