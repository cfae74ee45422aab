"""Fit the constants of the engine's cost model to the emulator's cycles: what `core_costs.py` holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.search_costs.encoding_cost import CORES, measure, window_column
from kws_tfmot.files import write_json
from kws_tfmot.provenance import commit_of
from pipelines.console import err, friendly_errors, table


def command(
    cores: Annotated[list[str], typer.Option("--core", help="m0plus, m3, m4 or m55; all by default.")] = [],  # noqa: B006
    result: Annotated[Path | None, typer.Option("--out", help="Write the constants to this JSON file.")] = None,
) -> None:
    """Measure every encoding's kernels on the emulated cores and fit their constants (some minutes a core)."""
    record: dict[str, dict[str, Any]] = {}
    with friendly_errors(), err.status("measuring") as status:
        for core in cores or list(CORES):
            kinds = measure(core, status.update)
            record[core] = {
                "window": window_column(core),
                "planes_window": window_column(core, "planes"),
                "kinds": {k: {n: asdict(f) if f else None for n, f in v.items()} for k, v in kinds.items()},
            }
    for core, found in record.items():
        rows = [
            [kind, form, *(f"{fit[key]:,}" for key in ("each", "word", "row", "column")), f"{100 * fit['error']:.1f} %"]
            for kind, forms in found["kinds"].items()
            for form, fit in forms.items()
            if fit is not None
        ]
        title = f"{core}: cycles; a window's column {found['window']}, more in planes {found['planes_window']}"
        table(title, ["encoding", "kernel", "each", "word", "row", "column", "largest error"], rows)
    if result is not None:
        write_json(result, {"commit": commit_of(Path(__file__).resolve().parent), "cores": record})


if __name__ == "__main__":
    typer.run(command)
