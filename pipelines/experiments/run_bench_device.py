"""The device bench: instructions, modelled cycles, flash and RAM of the engine, beside TFLM with CMSIS-NN."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.emulation.example import FrontendReport
from firmware_export.emulation.silicon import PUBLISHED, silicon_of
from kws_tfmot.files import write_json
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.provenance import own_commit
from pipelines.console import err, friendly_errors, out, table
from pipelines.experiments import device_bench
from pipelines.experiments.bench_changes import worse


def _against(value: int, goal: int | None, other: int | None) -> str:
    parts = [f"{value:,}"]
    if goal is not None:
        parts.append(f"{'<=' if value <= goal else '>'} {goal:,}")
    if other is not None:
        parts.append(f"({other:,})")
    return " ".join(parts)


def show_goals(rows: list[device_bench.BenchRow]) -> None:
    """Each figure, its goal, and TFLM + CMSIS-NN's in brackets."""
    columns = ["model", "core", "instructions", "cycles", "flash in all, B", "RAM in all but stack, B", "stack, B"]
    cells = []
    for row in rows:
        goal = row.goal
        cells.append(
            [
                row.title,
                row.core,
                _against(row.instructions, goal.instructions, goal.tflm_instructions),
                _against(row.cycles, goal.cycles, goal.tflm_cycles and sum(goal.tflm_cycles) // 2),
                _against(row.flash, goal.flash, goal.tflm_flash),
                _against(row.ram, goal.ram, goal.tflm_ram),
                f"{row.stack:,}",
                "yes" if row.bit_exact else "NO",
            ]
        )
    title = "MLPerf Tiny keyword architecture, batch 1; in brackets TFLM + CMSIS-NN, front end: microfrontend"
    table(title, [*columns, "exact"], cells)


def show_layers(row: device_bench.BenchRow) -> None:
    """Where a model's cycles go."""
    cells = []
    for layer in row.layers:
        macs, kept = layer.get("macs", 0), layer.get("nonzero_macs", 0)
        cycles = sum(layer["cycles_range"]) // 2 if "cycles_range" in layer else None  # steps have none by layer
        each = f"{cycles / macs:.2f}" if macs and cycles is not None else ""
        useful = f"{cycles / kept:.2f}" if kept and cycles is not None else ""
        shown = "" if cycles is None else f"{cycles:,}"
        cells.append([layer["layer"], layer["kernel"], f"{layer['instructions']:,.0f}", shown, each, useful])
    columns = ["layer", "kernel", "instructions", "cycles", "a MAC", "a non-zero MAC"]
    table(f"{row.title}, {row.core}, layer by layer", columns, cells)


def show_boards(reports: list[device_bench.EmulationReport]) -> None:
    """The cores without a goal."""
    cells = []
    for (title, _, _), r in zip(device_bench.OTHERS, reports, strict=True):
        figures = (
            f"{value:,}"
            for value in (r.instructions, sum(r.cycles_range) // 2, r.flash_bytes, r.ram_bytes, r.stack_bytes)
        )
        cells.append([title, r.board, r.core, *figures, "yes" if r.bit_exact else "NO"])
    columns = ["model", "board", "core", "instructions", "cycles", "flash, B", "RAM, B", "stack, B", "exact"]
    table("without a goal", columns, cells)


def show_frontends(reports: list[tuple[FrontendSettings, FrontendReport]]) -> None:
    """A hop of each front end, on every core that its board is timed as."""
    cells = []
    for settings, r in reports:
        for core, span in r.cycles_by_core.items():
            figures = (f"{value:,}" for value in (r.instructions, sum(span) // 2, r.flash_bytes, r.ram_bytes))
            cells.append([f"{settings.kind}, {settings.hop_ms} ms", core, *figures, "yes" if r.bit_exact else "NO"])
    table("front end, one hop", ["kind", "core", "instructions", "cycles", "flash, B", "RAM, B", "exact"], cells)


def command(
    layers: Annotated[bool, typer.Option(help="Show every model layer by layer.")] = True,
    boards: Annotated[bool, typer.Option(help="Also run the cores without a goal.")] = True,
    result: Annotated[Path | None, typer.Option("--out", help="Write the figures to this JSON file.")] = None,
    strict: Annotated[bool, typer.Option(help="Exit code 1 where a goal is missed, too.")] = False,
) -> None:
    """Measure the engine from scratch in QEMU. Missed goals are listed.

    Exit code 1 where a byte differs or a figure is worse than in the file that --out is about to replace.
    """
    with friendly_errors(), err.status("building") as status:
        rows = device_bench.goals(status.update)
        reports = device_bench.other_boards(status.update) if boards else []
        ears = device_bench.frontends(status.update) if boards else []
    show_goals(rows)
    if layers:
        for row in rows:
            if row.layers:
                show_layers(row)
    if reports:
        show_boards(reports)
        show_frontends(ears)
    out.print(
        "Instructions are counted by QEMU; cycles are modelled, no wait states, the middle of a range. In brackets the "
        "same for TFLM with CMSIS-NN. Random weights, so figures depend on shapes and zeros."
    )
    for core in ("Cortex-M0+", "Cortex-M4", "Cortex-M33", "Cortex-M7", "Cortex-M55"):
        out.print(f"published for MLPerf Tiny's keyword model on {core}: {silicon_of(core)}")
    record = _record(rows, reports, ears)
    before = json.loads(result.read_text(encoding="utf-8")) if result is not None and result.is_file() else {}
    worsened = worse(before, record)
    if result is not None:
        write_json(result, record)
    missed = [f"{row.title} on {row.core}" for row in rows if not row.reached]
    if missed:
        out.print(f"[yellow]a goal is missed[/]: {'; '.join(missed)} (docs/device.md says by what)")
    exact = all(row.bit_exact for row in rows) and all(report.bit_exact for report in reports)
    exact = exact and all(report.bit_exact for _, report in ears)
    for sentence in worsened:
        out.print(f"[red]worse than before[/]: {sentence}")
    if not exact or worsened or (strict and missed):
        raise typer.Exit(1)


def _record(
    rows: list[device_bench.BenchRow],
    reports: list[device_bench.EmulationReport],
    ears: list[tuple[FrontendSettings, FrontendReport]],
) -> dict[str, Any]:
    """What is written: every row with the commit that it was measured at."""
    commit = {"commit": own_commit()}
    named = (
        [(title, report) for (title, _, _), report in zip(device_bench.OTHERS, reports, strict=True)] if reports else []
    )
    return {
        "command": shlex.join(["python", "-m", "pipelines.experiments.run_bench_device", *sys.argv[1:]]),
        **commit,
        "silicon": [one._asdict() for one in PUBLISHED],
        "goals": [row.to_dict() | commit for row in rows],
        "boards": [{"title": title, **report.to_dict(), **commit} for title, report in named],
        "frontends": [{"kind": s.kind, "hop_ms": s.hop_ms, **report.to_dict(), **commit} for s, report in ears],
    }


if __name__ == "__main__":
    typer.run(command)
