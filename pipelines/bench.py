"""`kws bench`: cycles on a real board: C source that measures itself there, and its log beside the modelled cycles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from firmware_export.emulation.bench_export import export_bench
from firmware_export.emulation.bench_log import compare_log, read_log
from kws_tfmot.errors import DataError
from pipelines.console import err, friendly_errors, line, table
from pipelines.options import JsonOption, ModelArgument, WaitStatesOption
from pipelines.outputs import FolderOption

group = typer.Typer(no_args_is_help=True)

_MOST_BYTES = 10_000_000  # of a log: a bench writes some kB


@group.command("write", help="A model as C source that measures itself on your board and writes a log.")
def write(
    model: ModelArgument,
    out_dir: Annotated[Path, FolderOption("--out", help="Where the C files go.")],
    core: Annotated[str, typer.Option(help="Your board's core: cortex-m0, m0plus, m3, m4, m7, m33 or m55.")],
    optimise: Annotated[str, typer.Option(help="speed, balanced or size.")] = "balanced",
) -> None:
    """Write the bench of a model."""
    with friendly_errors():
        files = export_bench(model, out_dir, core, optimise)
    line(f"{out_dir}: {len(files)} files; {out_dir / 'README.md'} says how to run them", markup=False)


@group.command("read", help="What your board measured, beside the modelled cycles.")
def read(
    log: Annotated[Path, typer.Argument(help="What the board wrote, saved from the terminal.")],
    model: ModelArgument,
    wait_states: WaitStatesOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Compare a board's log with the model of cycles; exit code 1 where its outputs are not the emulator's."""
    with friendly_errors():
        try:
            with log.open("rb") as file:
                text = file.read(_MOST_BYTES + 1).decode("latin-1")
        except OSError as error:
            raise DataError(
                f"the log {log} cannot be read: {error.strerror}", "Give the file that the board's output went to."
            ) from None
        if len(text) > _MOST_BYTES:
            raise DataError(f"the log {log} has more than {_MOST_BYTES:,} bytes.", "Save the bench's lines alone.")
        with err.status("emulating the same inputs"):
            found = compare_log(read_log(text), model, wait_states)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        rows = [
            [
                row["layer"],
                f"{row['measured_cycles']:,}",
                "{:,} to {:,}".format(*row["modelled_range"]),
                "" if row["ratio"] is None else f"{row['ratio']:.2f}",
            ]
            for row in [*found["layers"], found["total"]]
        ]
        table(f"{found['core']}, {found['compiler']}", ["layer", "measured", "modelled", "ratio"], rows)
        line(f"modelled cycles are {found['modelled_are']}", markup=False)
        verdict = "[green]as on the emulated board[/]" if found["outputs_equal"] else "[red]NOT the emulated board's[/]"
        line(f"outputs: {verdict}")
    if not found["outputs_equal"]:
        raise typer.Exit(1)
