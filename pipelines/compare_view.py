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
        figures = ["missed, %", "non-zero", "engine, B", "flash, B", "instructions", "cycles", "step", "CPU", "seeds"]
        table(
            title,
            ["variant", "sparsity", "accuracy, %", against, *figures],
            [_cells(entry) for entry in record["summary"]],
        )
        line("mean ± standard deviation over the seeds; step, CPU: time of a sparse training step over a dense one")
        line(
            "missed: of the keywords on a stream of test speakers, at 0.5 false accepts an hour on validation speakers"
        )
    for name, reason in record["failures"].items():
        line(f"{name}: {reason}", style="red", markup=False)
    line(f"{folder / record['name']}.json and .png", markup=False)


def _cells(entry: dict[str, Any]) -> list[str]:
    def figure(name: str, pattern: str = "{:,.0f}") -> str:
        """A mean over seeds as text; empty where it was not measured."""
        return pattern.format(entry[name]["mean"]) if entry[name] else ""

    return [
        entry["variant"],
        "dense" if entry["target"] is None else f"{entry['target']:g}",
        _with_spread(entry["accuracy"], "{:.2f}"),
        _with_spread(entry["against"], "{:+.2f}") if "against" in entry else "",
        _with_spread(entry["missed_at_0.5"], "{:.1f}") if entry.get("missed_at_0.5") else "",
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


def missed_text(stream: dict[str, Any]) -> str:
    """Misses at 0.5 false accepts an hour with their interval, or why there are none.

    >>> missed_text({"missed_at": {"0.5": 0.125}, "missed_at_95": {"0.5": [0.1, 0.2]}})
    '12.5 % (10.0 to 20.0)'
    >>> missed_text({"problem": "no other words"})
    'not judged'
    """
    missed = stream.get("missed_at", {}).get("0.5")
    if missed is None:
        return "no threshold" if "missed_at" in stream else "not judged"
    span = stream["missed_at_95"]["0.5"]
    return f"{100 * missed:.1f} %" + (f" ({100 * span[0]:.1f} to {100 * span[1]:.1f})" if span else "")
