"""Stage `export`: the int8 model of a build as C code, checked against the kernels it was judged with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from firmware_export.emulation.emulator import EMULATOR, emulate
from firmware_export.emulation.firmware_build import COMPILER, require
from firmware_export.emulation.host import EngineInterpreter
from firmware_export.emulation.steps import open_engine
from firmware_export.engine import export_engine
from firmware_export.tflm.tflm_export import export_tflm
from kws_tfmot.errors import ToolchainError
from kws_tfmot.evaluation.model_scores import model_input_of, scores_of
from kws_tfmot.evaluation.trust import trust
from kws_tfmot.files import sha256_file, write_text
from kws_tfmot.runs import StageResult
from kws_tfmot.tflite.interpreter import input_spec, open_interpreter
from kws_tfmot.tflite.reader import read_model
from pipelines.stages.build import Build
from pipelines.stages.convert import INT8_MODEL

FIRMWARE = "firmware"
COUNTED_BOARD = "mps2-an386"
COUNTED_CLIPS = 2  # the count hardly depends on the clip
COUNTED_KEYS = (
    "board",
    "core",
    "inputs",
    "instructions",
    "cycles",
    "cycles_range",
    "cycles_are",
    "flash_bytes",
    "ram_bytes",
    "bit_exact",
    "compiler",
    "emulator",
)


def export_build(build: Build) -> bool:
    """The C files of the int8 model: for TFLM in ``firmware``, the engine's in ``firmware/engine``."""
    settings = build.recipe.export

    def stage(_: str) -> StageResult:
        """The stage: the folder ``firmware`` with the C code of every target."""
        model, folder = build.run.path(INT8_MODEL), build.run.path(FIRMWARE)
        shutil.rmtree(folder, ignore_errors=True)
        figures: dict[str, Any] = {}
        if "tflm" in settings.targets:
            try:
                figures["tflm"] = export_tflm(model, folder, name=settings.name).to_json()
            except ToolchainError as error:
                build.reporter.note(f"not exported for TFLM: {error.message}")
        if "engine" in settings.targets:
            figures["engine"] = export_engine(
                model,
                folder / "engine",
                optimise=settings.optimise,
                labels=build.index.labels,
                core=settings.core,
            ) | compare_engine(build)
        _say_what_to_trust(build, folder)
        written = sorted(path.relative_to(build.run.directory).as_posix() for path in folder.rglob("*.*"))
        return StageResult(tuple(written), figures)

    inputs = [sha256_file(build.run.path(INT8_MODEL)), settings.model_dump(mode="json"), _trust(build)]
    return build.run.stage("export", inputs, stage)


def _trust(build: Build) -> list[str]:
    return trust(
        build.run.figures("prepare").get("speech"),
        build.run.figures("evaluate")[INT8_MODEL],
        build.recipe.model.weights,
    )


def _say_what_to_trust(build: Build, folder: Path) -> None:
    """Add to every README of the firmware what the model can be trusted with."""
    if sentences := _trust(build):
        text = "\n## What this model can be trusted with\n\n" + "".join(f"- {one}\n" for one in sentences)
        for readme in sorted(folder.rglob("README.md")):
            write_text(readme, readme.read_text(encoding="utf-8") + text)


def compare_engine(build: Build) -> dict[str, Any]:
    """Run the whole test split through the engine's own C, built for this machine, and through TFLM's kernels."""
    model = build.run.path(INT8_MODEL)
    features, _ = build.features("test")
    inputs = model_input_of(input_spec(read_model(model)), features, build.recipe.frontend.scale)
    try:
        stateful = read_model(model).stateful
        export = build.recipe.export
        engine = open_engine(model) if stateful else EngineInterpreter(model, export.optimise, export.core)
    except ToolchainError as error:
        build.reporter.note(f"the engine was not compared with TFLite Micro: {error.message}")
        return {}
    reference = open_interpreter(model, "tflm")
    outputs = [scores_of(interpreter, inputs, build.reporter) for interpreter in (engine, reference)]
    differing = int((outputs[0] != outputs[1]).sum())
    return {"compared_with": reference.name, "samples": len(inputs), "differing_bytes": differing}


def count_instructions(build: Build) -> bool:
    """Instructions and modelled cycles of an int8 inference on an emulated Cortex-M4F; nothing without the tools."""
    model, settings = build.run.path(INT8_MODEL), build.recipe.export
    if read_model(model).stateful:
        build.reporter.note(
            "the model keeps state from one inference to the next, to be reset before each window; "
            f"its instructions: kws emulate {model}"
        )
        return False

    def stage(_: str) -> StageResult:
        """The stage: instructions and memory on an emulated board, on test clips spread over the split."""
        features, _labels = build.features("test")
        spec = input_spec(read_model(model))
        chosen = features[:: max(1, len(features) // COUNTED_CLIPS)][:COUNTED_CLIPS]
        inputs = model_input_of(spec, chosen, build.recipe.frontend.scale)
        report = emulate(model, COUNTED_BOARD, inputs, optimise=settings.optimise).to_dict()
        return StageResult((), {key: report[key] for key in COUNTED_KEYS})

    try:
        for tool in (COMPILER, EMULATOR):
            require(tool)
    except ToolchainError as error:
        build.reporter.note(f"instructions were not counted: {error.message} {error.hint}")
        return False
    inputs = [sha256_file(model), settings.optimise, COUNTED_BOARD, COUNTED_CLIPS]
    return build.run.stage("instructions", inputs, stage)
