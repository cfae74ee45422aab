"""`kws export`: a `.tflite` as C code for a firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_export.boards import board_of
from firmware_export.codegen.rename import DEFAULT_NAME as PACKAGE_NAME
from firmware_export.emulation.cascade_firmware import export_cascade
from firmware_export.emulation.example import export_example
from firmware_export.encodings.core_costs import DEFAULT_CORE
from firmware_export.engine import DEFAULT_NAME, export_engine
from firmware_export.packages.package_export import TARGETS as PACKAGES
from firmware_export.packages.package_export import export_package
from firmware_export.tflm.esphome import EsphomeReport, export_esphome
from firmware_export.tflm.tflm_export import ExportReport, export_tflm
from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.recipe import load_recipe
from kws_tfmot.tflite.metadata import read_settings
from pipelines.boards import core_of_board, emulated
from pipelines.cascade_options import AfterOption, BeforeOption, VerifierOption, look_settings, pair_of
from pipelines.console import friendly_errors, line, table
from pipelines.foreign import FeaturesOption, equipped
from pipelines.monitor_options import NEAR, CountOption, NearOption, TakeMsOption, TakesOption, monitor_settings
from pipelines.options import CoreOption, HopOption, ModelArgument, RecipeOption, StreamOption, check_hop
from pipelines.outputs import FolderOption

TARGETS = ("tflm", "engine", "firmware", "esphome", *PACKAGES)
TFLM_NAME = "kws_model"

BALANCED = "balanced"


def command(
    model: ModelArgument,
    out_dir: Annotated[Path, FolderOption("--out", help="Where the C files go.")],
    target: Annotated[
        str,
        typer.Option(
            help="tflm: a C array for TensorFlow Lite Micro. engine: C code with its own kernels. "
            "firmware: the engine, the audio front end and a board's start-up code. "
            "esphome: the model with state and the manifest for ESPHome's micro_wake_word. "
            f"{', '.join(PACKAGES)}: the same with examples, as a package of that tool chain."
        ),
    ] = "tflm",
    optimise: Annotated[str, typer.Option(help="All but tflm and esphome: speed, balanced or size.")] = BALANCED,
    core: CoreOption = "",
    board: Annotated[
        str,
        typer.Option(
            help="firmware: an emulated board, a real one or FILE.yaml, see `kws emulate --help`. engine and packages: "
            "the board whose core decides how weights are stored."
        ),
    ] = "mps2-an386",
    decode: Annotated[bool, typer.Option(help="tflm: pack sparse weights for TFLM_DECODE where smaller.")] = False,
    stream: StreamOption = False,
    hop: HopOption = None,
    name: Annotated[
        str,
        typer.Option(
            help="What files and C identifiers begin with, so that two models link together; kws_model for tflm, model "
            f"for engine and firmware, {PACKAGE_NAME} for packages by default."
        ),
    ] = "",
    recipe: RecipeOption = None,
    features: FeaturesOption = None,
    count_scores: CountOption = False,
    keep_takes: TakesOption = 0,
    take_ms: TakeMsOption = None,
    near: NearOption = NEAR,
    verifier: VerifierOption = None,
    look_before: BeforeOption = None,
    look_after: AfterOption = None,
) -> None:
    """Write the C files that put a .tflite into a firmware."""
    with friendly_errors():
        if target not in TARGETS:
            raise RecipeError(
                f"unknown target {target!r}.{did_you_mean(target, TARGETS)} Allowed: {', '.join(TARGETS)}."
            )
        monitor = monitor_settings(count_scores, keep_takes, take_ms, near)
        look = look_settings(verifier, look_before, look_after)
        _refuse_what_the_target_ignores(target, core, optimise, decode, counted=monitor is not None)
        if verifier and (target != "firmware" or monitor is not None or features or recipe):
            raise RecipeError(
                "--verifier takes --target firmware, models that carry their settings, and no --keep-takes or "
                "--count-scores."
            )
        model = equipped(model, features, recipe)
        check_hop(stream or target == "esphome", hop)
        steps: dict[str, Any] = {"stream": stream, "hop": hop}
        if target == "tflm":
            written = export_tflm(model, out_dir, decode=decode, name=name or TFLM_NAME, **steps, **_settings(recipe))
            show_tflm(written, out_dir)
        elif target == "engine":
            own = core or core_of_board(board) or DEFAULT_CORE
            options: dict[str, Any] = {"name": name or DEFAULT_NAME, "labels": _labels(model, recipe)}
            show_engine(export_engine(model, out_dir, optimise=optimise, core=own, **steps, **options), out_dir)
        elif target == "esphome":
            contract = _contract(model, recipe)
            show_esphome(export_esphome(model, out_dir, contract, name=name, hop=hop), out_dir)
        elif verifier:
            own = core or board_of(emulated(board)).core
            pair = pair_of(model, verifier, look, core=own, optimise=optimise, **steps)
            files = export_cascade(pair, out_dir, emulated(board), name=name or DEFAULT_NAME)
            line(f"{out_dir}: {', '.join(files)}", markup=False)
        else:
            options = {"optimise": optimise, "monitor": monitor, **steps}
            _write_chain(model, out_dir, _contract(model, recipe), target, board, core, name, options)


def _write_chain(
    model: Path,
    out_dir: Path,
    contract: ModelContract,
    target: str,
    board: str,
    core: str,
    name: str,
    options: dict[str, Any],
) -> None:
    """From microphone to label: a firmware for a board, or a package of a tool chain."""
    if target == "firmware":
        options |= {"name": name or DEFAULT_NAME, "core": core or None}
        files = export_example(model, out_dir, contract, emulated(board), **options)
        line(f"{out_dir}: {', '.join(files)}", markup=False)
    else:
        options |= {"name": name or PACKAGE_NAME, "core": core or core_of_board(board) or None}
        show_package(export_package(model, out_dir, contract, target, **options), out_dir)


def _refuse_what_the_target_ignores(target: str, core: str, optimise: str, decode: bool, *, counted: bool) -> None:
    """An option that would do nothing is an error."""
    if target in ("tflm", "esphome") and (core or optimise != BALANCED):
        given = f"--core {core}" if core else f"--optimise {optimise}"
        raise RecipeError(
            f"--target {target} keeps weights as the model has them; --core and --optimise say how the engine stores "
            f"them. Received: {given}",
            "Leave them out, or give another --target.",
        )
    if target != "tflm" and decode:
        raise RecipeError(
            f"--decode packs weights for TFLite Micro's DECODE. Received: --target {target}, whose own encodings "
            "leave zeros out.",
            "Leave it out.",
        )
    if counted and target in ("tflm", "engine", "esphome"):
        raise RecipeError(
            f"--target {target} has no detector that could count or keep anything.",
            f"Use --target firmware, {', '.join(PACKAGES)}.",
        )


def _contract(model: Path, recipe: Path | None) -> ModelContract:
    return ModelContract.of_model(model, load_recipe(recipe).contract() if recipe else None)


def _settings(recipe: Path | None) -> dict[str, Any]:
    """Labels and front end for a model that carries none."""
    if recipe is None:
        return {}
    contract = load_recipe(recipe).contract()
    return {"labels": list(contract.labels), "frontend": contract.frontend.model_dump(mode="json")}


def _labels(model: Path, recipe: Path | None) -> tuple[str, ...]:
    given = _settings(recipe) or read_settings(model) or {}
    return tuple(given.get("labels") or ())


def show_tflm(report: ExportReport, out_dir: Path) -> None:
    """What was written and what it will take on the device."""
    line(f"{out_dir}: {', '.join(report.files)}", markup=False)
    line(
        f"model {report.model_bytes:,} B (given: {report.source_bytes:,} B), {len(report.operators)} operators, "
        f"arena {report.arena_bytes:,} B as reserved"
    )
    for decision in report.decode:
        line(str(decision), markup=False, style="dim")


def show_package(record: dict[str, Any], out_dir: Path) -> None:
    """Where the package lies, what it is called and what it takes."""
    line(f"{out_dir}: {len(record['files'])} files for {record['target']}; begin with README.md", markup=False)
    line(
        f"{record['name']}: constants {record['constant_bytes']:,} B, arena {record['arena_bytes']:,} B; "
        f"self-test {record['selftest_checksum']}",
        markup=False,
    )


def show_esphome(report: EsphomeReport, out_dir: Path) -> None:
    """What was written, and how ESPHome will decide."""
    micro = report.manifest["micro"]
    line(f"{out_dir}: {', '.join(report.files)}", markup=False)
    line(
        f"{report.manifest['wake_word']}: {report.rows} rows of {micro['feature_step_size']} ms a step, heard where "
        f"the mean of {micro['sliding_window_size']} outputs exceeds {micro['probability_cutoff']}; model "
        f"{report.model_bytes:,} B, arena {micro['tensor_arena_size']:,} B (64-bit pointers; an ESP32 needs less)",
        markup=False,
    )


def show_engine(report: dict[str, Any], out_dir: Path) -> None:
    """The encoding that each layer's weights got, and the sizes."""
    rows = [
        [row["layer"], f"{row['weights']:,}", f"{row['sparsity']:.1%}", row["encoding"], f"{row['encoded_bytes']:,}"]
        for row in report["layers"]
        if "encoding" in row
    ]
    table("weights in flash", ["layer", "weights", "zeros", "encoding", "bytes"], rows)
    line(f"{out_dir}: {len(report['files'])} files", markup=False)
    line(f"constants {report['constant_bytes']:,} B, arena {report['arena_bytes']:,} B")
    if step := report.get("step"):
        line(
            f"a step takes {step['rows']} of {step['window_rows']} rows; {step['warm_up_steps']} steps until the first "
            f"decision; {step['state_bytes']:,} B of the arena are kept"
        )


if __name__ == "__main__":
    typer.run(command)
