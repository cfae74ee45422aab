"""What `kws compare` shows: the summary of a comparison as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.console import line, table


def show(record: dict[str, Any], folder: Path) -> None:
    """The summary as a table, the failures, and where the files lie."""
    if record["rows"]:
        first = record["rows"][0]
        title = f"int8 on the test split, N = {first['n']} ({first['split_sha256'][:12]}), {first['interpreter']}"
        against = f"- {record['baseline']}" if record["baseline"] else "difference"
        figures = ["non-zero", "engine, B", "flash, B", "instructions", "cycles", "step", "CPU", "seeds"]
        table(
            title,
            ["variant", "sparsity", "accuracy, %", against, *figures],
            [_cells(entry) for entry in record["summary"]],
        )
        line("mean ± standard deviation over the seeds; step, CPU: time of a sparse training step over a dense one")
    for name, reason in record["failures"].items():
        line(f"{name}: {reason}", style="red", markup=False)
    line(f"{folder / record['name']}.json and .png", markup=False)


def _cells(entry: dict[str, Any]) -> list[str]:
    def figure(name: str, pattern: str = "{:,.0f}") -> str:
        return pattern.format(entry[name]["mean"]) if entry[name] else ""

    return [
        entry["variant"],
        "dense" if entry["target"] is None else f"{entry['target']:g}",
        _with_spread(entry["accuracy"], "{:.2f}"),
        _with_spread(entry["against"], "{:+.2f}") if "against" in entry else "",
        figure("nonzero_weights"),
        figure("engine_bytes"),
        figure("flash_bytes"),
        figure("instructions"),
        figure("cycles") if "cycles" in entry else "",
        figure("sparse_step_over_dense", "{:.2f}x"),
        figure("sparse_step_cpu_over_dense", "{:.2f}x"),
        ", ".join(map(str, entry["seeds"])),
    ]


def _with_spread(value: dict[str, float | None], pattern: str) -> str:
    spread = "" if value["spread"] is None else f" ± {100 * value['spread']:.2f}"
    return pattern.format(100 * (value["mean"] or 0.0)) + spread
