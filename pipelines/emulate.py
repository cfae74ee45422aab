"""`kws emulate`: a `.tflite` on an emulated board: instructions, modelled cycles, flash, RAM, every byte compared."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from firmware_export.boards import board_of, budget_of, is_file
from firmware_export.emulation.cascade_cost import cascade_cost
from firmware_export.emulation.cycles import Cycles, timing_of
from firmware_export.emulation.emulator import EmulationReport, emulate, fits
from firmware_export.emulation.example import FrontendReport, frontend_cost
from firmware_export.emulation.host_check import HostCheck, check_on_host
from firmware_export.emulation.silicon import silicon_of
from firmware_export.emulation.stream_report import StreamReport, emulate_stream
from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import DataError, KwsError, ToolchainError
from kws_tfmot.recipe import load_recipe
from kws_tfmot.tflite.reader import read_model
from pipelines.boards import EmulatedOption, emulated
from pipelines.cascade_options import (
    AfterOption,
    BeforeOption,
    VerifierOption,
    look_settings,
    pair_of,
    show_cost,
)
from pipelines.console import RichReporter, err, friendly_errors, line, table
from pipelines.foreign import FeaturesOption, equipped
from pipelines.options import (
    CoreOption,
    HopOption,
    JsonOption,
    ModelArgument,
    RecipeOption,
    StreamOption,
    WaitStatesOption,
    check_hop,
)


def command(
    model: ModelArgument,
    board: EmulatedOption = "mps2-an386",
    clips: Annotated[Path | None, typer.Option(help="Run the audio clips below this folder.")] = None,
    random: Annotated[int, typer.Option(min=1, help="Without --clips: how many random inputs.")] = 4,
    host: Annotated[
        int | None,
        typer.Option(
            min=0, help="Random inputs that the same C also runs on this computer; as many as a few seconds allow."
        ),
    ] = None,
    optimise: Annotated[str, typer.Option(help="speed, balanced or size.")] = "balanced",
    core: CoreOption = "",
    wait_states: WaitStatesOption = 0,
    stream: StreamOption = False,
    hop: HopOption = None,
    steps: Annotated[int, typer.Option(min=1, help="With --stream: how many decisions.")] = 200,
    verifier: VerifierOption = None,
    look_before: BeforeOption = None,
    look_after: AfterOption = None,
    wakes: Annotated[
        float, typer.Option("--wakes-per-hour", min=0, help="With --verifier: how often the first model wakes it.")
    ] = 20.0,
    recipe: RecipeOption = None,
    features: FeaturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the engine's firmware in QEMU and compare it with TFLite Micro's kernels; exit code 1 if a byte differs."""
    with friendly_errors():
        check_hop(stream, hop)
        look = look_settings(verifier, look_before, look_after)
        model = equipped(model, features, recipe)
        if verifier:
            report_cascade(model, verifier, look, emulated(board), wakes, as_json, optimise, stream, hop)
            return
        own = budget_of(board) if is_file(board) else None
        board, wait_states = emulated(board), wait_states or (own.wait_states if own else 0)
        if stream or read_model(model).stateful:
            report_steps(
                model,
                board,
                clips,
                recipe,
                as_json,
                hop=hop,
                steps=steps,
                optimise=optimise,
                wait_states=wait_states,
                core=core or None,
            )
            return
        inputs = features_of(clips, model, recipe) if clips else None
        with err.status("emulating") as status:
            report = emulate(
                model,
                board,
                inputs,
                random=random,
                optimise=optimise,
                wait_states=wait_states,
                core=core or None,
                progress=status.update,
            )
            if own:
                spent = {core: Cycles(*span) for core, span in report.cycles_by_core.items()}
                mine = fits(own.like, report.flash_bytes, report.ram_bytes + report.stack_bytes, spent, [own])
                report = replace(report, budgets=mine + report.budgets)
            status.update("the same C on this computer")
            checked = on_this_computer(model, optimise, host, core or board_of(board).core)
            status.update("front end")
            ear = frontend_of(model, recipe, board, wait_states)
        if as_json:
            found = {"host": asdict(checked) if checked else None, "frontend": ear.to_dict() if ear else None}
            typer.echo(json.dumps(report.to_dict() | found, indent=2))
        else:
            show(report)
            show_frontend(ear)
            show_host(checked)
    if not report.bit_exact or (checked and checked.differing_bytes):
        raise typer.Exit(1)


def on_this_computer(model: Path, optimise: str, count: int | None, core: str) -> HostCheck | None:
    """As :func:`check_on_host`; ``None`` and a note without a C compiler, as the board's figures stand without it."""
    try:
        return check_on_host(model.read_bytes(), optimise=optimise, count=count, core=core)
    except ToolchainError as error:
        RichReporter().note(f"the same C was not run on this computer, on many more inputs: {error}")
        return None


def show_host(checked: HostCheck | None) -> None:
    """One line, where it ran."""
    if checked is not None:
        equal = (
            f"[red]bytes that differ: {checked.differing_bytes}[/]" if checked.differing_bytes else "[green]equal[/]"
        )
        line(f"the same C on this computer, {checked.inputs:,} random inputs: {equal}")


def report_cascade(
    model: Path, verifier: Path, look: dict[str, int], board: str, wakes: float, as_json: bool, optimise: str,
    stream: bool, hop: int | None,
) -> None:  # fmt: skip
    """What an hour of two models as one detector costs."""
    pair = pair_of(model, verifier, look, optimise=optimise, stream=stream, hop=hop, core=board_of(board).core)
    with err.status("emulating"):
        cost = cascade_cost(pair, (model, verifier), board, wakes, optimise)
    if as_json:
        typer.echo(json.dumps(cost.to_dict(), indent=2))
    else:
        show_cost(cost)


def report_steps(
    model: Path, board: str, clips: Path | None, recipe: Path | None, as_json: bool, **options: Any
) -> None:
    """Step the model through a stream (the clips one after another, or random rows); exit code 1 if a byte differs."""
    rows = None
    if clips:
        features = features_of(clips, model, recipe)
        rows = features.reshape(-1, features.shape[-1] if features.ndim < 4 else features[0, 0].size)
    with err.status("emulating") as status:
        report = emulate_stream(model, board, rows, progress=status.update, **options)
        status.update("front end")
        ear = frontend_of(model, recipe, board, options["wait_states"])
    if as_json:
        typer.echo(json.dumps(report.to_dict() | {"frontend": ear.to_dict() if ear else None}, indent=2))
    else:
        show_steps(report)
        show_frontend(ear)
    if not report.bit_exact:
        raise typer.Exit(1)


def frontend_of(model: Path, recipe: Path | None, board: str, wait_states: int) -> FrontendReport | None:
    """What a hop of the model's front end costs; ``None`` for a model without settings, or those of another's tool."""
    try:
        contract = ModelContract.of_model(model, load_recipe(recipe).contract() if recipe else None)
        return frontend_cost(contract, board, wait_states)
    except ToolchainError:
        raise
    except KwsError:
        return None


def show_frontend(report: FrontendReport | None) -> None:
    """One line, which adds to the figures above it."""
    if report is None:
        return
    least, most = report.cycles_range
    line(
        f"the front end comes on top, each hop: [bold]{report.instructions:,}[/] instructions, modelled cycles "
        f"{least:,} to {most:,}"
    )


def show_steps(report: StreamReport) -> None:
    """Layers and totals of a step."""
    rows = [
        [
            row["layer"],
            row["kernel"],
            f"{row['instructions']:,.0f}",
            cycles_text(
                None if row["cycles"] is None else round(row["cycles"]), [round(n) for n in row["cycles_range"]]
            ),
        ]
        for row in report.layers
    ]
    table(f"{report.board}, {report.core}, {report.steps} steps", ["layer", "kernel", "instructions", "cycles"], rows)
    line(
        f"a step takes {report.step_rows} of {report.window_rows} rows: [bold]{report.step_instructions:,.0f}[/] "
        f"instructions (counted; most {report.step_instructions_most:,})"
    )
    low, high = report.step_cycles_range
    line(f"modelled cycles a step: [bold]{low:,.0f} to {high:,.0f}[/] ({report.cycles_are})")
    line(
        f"state and arena [bold]{report.ram_bytes:,} B[/], of them state {report.state_bytes:,} B; flash "
        f"[bold]{report.flash_bytes:,} B[/]; stack {report.stack_bytes:,} B"
    )
    verdict = (
        "[green]every decision equal to the whole window's[/]"
        if report.bit_exact
        else f"[red]{report.differing_bytes} bytes differ from the whole window's[/]"
    )
    line(f"against {report.reference}: {verdict}")
    line(report.note, style="dim", markup=False)


def features_of(folder: Path, model: Path, recipe: Path | None) -> np.ndarray:
    """Model inputs int8 [N, ...] of every clip below ``folder``, in the order of the paths; broken clips are reported.

    Raises:
        DataError: If there is no folder, or no clip in it can be read.
    """
    from kws_tfmot.data.audio import decode_clip
    from kws_tfmot.data.decoders import SOUND_SUFFIXES, files_below
    from kws_tfmot.frontend import Frontend
    from kws_tfmot.tflite.interpreter import input_spec
    from kws_tfmot.tflite.reader import read_model

    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}.", "Give a folder of sound files: --clips FOLDER.")
    settings = ModelContract.of_model(model, load_recipe(recipe).contract() if recipe else None).frontend
    samples = []
    for path in files_below(folder, SOUND_SUFFIXES):
        clip = decode_clip(path, settings.sample_rate, settings.clip_samples)
        if clip.problem:
            err.print(f"left out: {path}: {clip.problem}", markup=False, soft_wrap=True)
        else:
            samples.append(clip.samples)
    if not samples:
        raise DataError(
            f"no sound file below {folder} can be read.", f"Read are files that end in {', '.join(SOUND_SUFFIXES)}."
        )
    features = Frontend(settings).features(np.stack(samples))
    return features.reshape(len(features), *input_spec(read_model(model)).shape[1:])


def show(report: EmulationReport) -> None:
    """Layers, totals, and which real boards it fits."""
    rows = [
        [
            row["layer"],
            row["kernel"],
            f"{row['instructions']:,}",
            cycles_text(row["cycles"], row["cycles_range"]),
            f"{(row['cycles'] or row['instructions']) / row['macs']:.2f}" if row.get("macs") else "",
            f"{(row['cycles'] or row['instructions']) / row['nonzero_macs']:.2f}" if row.get("nonzero_macs") else "",
        ]
        for row in report.layers
    ]
    table(
        f"{report.board}, {report.core}, {report.inputs} inputs",
        ["layer", "kernel", "instructions", "cycles", "a MAC", "a non-zero MAC"],
        rows,
    )
    parts = ", ".join(f"{name} {size:,}" for name, size in report.flash_parts.items())
    line(f"instructions an inference: [bold]{report.instructions:,}[/] (counted; least {report.instructions_least:,})")
    least, most = report.cycles_range
    line(
        f"cycles: [bold]{cycles_text(report.cycles, report.cycles_range)}[/] ({least:,} to {most:,}), "
        f"{report.cycles_are}"
    )
    for core, span in list(report.cycles_by_core.items())[1:]:
        line(f"  as {timing_of(core).core}: {Cycles(*span).middle:,} ({span[0]:,} to {span[1]:,})", markup=False)
    if published := silicon_of(report.core):
        line(f"for comparison, MLPerf Tiny's keyword model on silicon: {published}", style="dim", markup=False)
    line(
        f"flash [bold]{report.flash_bytes:,} B[/] ({parts}); RAM [bold]{report.ram_bytes:,} B[/], "
        f"stack {report.stack_bytes:,} B"
    )
    verdict = (
        "[green]every output byte equal[/]" if report.bit_exact else f"[red]{report.differing_bytes} bytes differ[/]"
    )
    line(f"against {report.reference}: {verdict}")
    fits = [
        [
            row["board"],
            "yes" if row["fits"] else "NO",
            f"{row['flash_left']:,}",
            f"{row['ram_left']:,}",
            f"{row['modelled_ms'][0]:g} to {row['modelled_ms'][1]:g}",
        ]
        for row in report.budgets
    ]
    table("real boards of this core", ["board", "fits", "flash left", "RAM left", "modelled ms"], fits)
    line(report.note, style="dim", markup=False)


def cycles_text(middle: int | None, span: list[int]) -> str:
    """The middle of a range of cycles, or the range where a core is only bounded."""
    return f"{span[0]:,} to {span[1]:,}" if middle is None else f"{middle:,}"


if __name__ == "__main__":
    typer.run(command)
