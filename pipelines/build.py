"""`kws build`: a whole recipe, from clips to C code, with everything measured in `metrics.json`."""

from __future__ import annotations

import shutil
from typing import Any

import typer

from firmware_export.engine import export_engine
from firmware_export.host import EngineInterpreter
from firmware_export.tflm_export import export_tflm
from kws_tfmot.errors import RecipeError, ToolchainError
from kws_tfmot.evaluation.contract import ModelContract
from kws_tfmot.evaluation.latency import measure_frontend, measure_latency, peak_memory_bytes
from kws_tfmot.evaluation.model_accuracy import model_input_of, scores_of
from kws_tfmot.files import sha256_file
from kws_tfmot.runs import StageResult
from kws_tfmot.stages.build import Build
from kws_tfmot.stages.compress import compress
from kws_tfmot.stages.convert import INT8_MODEL, convert_model
from kws_tfmot.stages.evaluate import evaluate_build
from kws_tfmot.stages.metrics import METRICS_FILE, write_metrics
from kws_tfmot.stages.prepare import prepare_data
from kws_tfmot.stages.train import train_dense
from kws_tfmot.tflite.interpreter import input_spec, open_interpreter
from kws_tfmot.tflite.reader import read_model
from pipelines.compress import show_sparsity
from pipelines.console import out, table
from pipelines.convert import show_files
from pipelines.options import recipe_command

FIRMWARE = "firmware"


def work(build: Build) -> None:
    """Build a whole recipe: prepare, train, compress, convert, evaluate, benchmark and export."""
    if build.recipe.quantization.mode == "none":
        raise RecipeError(
            "a build ends in firmware, which needs int8. Received: quantization.mode=none",
            "Use quantization.mode=qat or ptq; `kws convert` writes float files alone.",
        )
    for stage in (prepare_data, train_dense, compress, convert_model, evaluate_build, benchmark, export):
        stage(build)
    metrics = write_metrics(build)
    show_sparsity(build)
    show_files(build)
    show_summary(build, metrics)


def benchmark(build: Build) -> bool:
    """Desktop latency of every file of the build in one run, and the front end's speed."""
    files = {name: build.run.path(name) for name in build.run.outputs("convert")}

    def stage(_: str) -> StageResult:
        import dataclasses

        rows, refused = measure_latency(files, rounds=10, reporter=build.reporter)
        frontend = measure_frontend(ModelContract.of_recipe(build.recipe))
        figures = {
            "latency": [dataclasses.asdict(row) for row in rows],
            "refused": refused,
            "frontend": frontend,
            "peak_memory_bytes": peak_memory_bytes(),
        }
        return StageResult((), figures)

    return build.run.stage("benchmark", build.run.outputs("convert"), stage)


def export(build: Build) -> bool:
    """The C files of the int8 model: for TFLM in ``firmware``, the engine's in ``firmware/engine``."""
    settings = build.recipe.export

    def stage(_: str) -> StageResult:
        model, folder = build.run.path(INT8_MODEL), build.run.path(FIRMWARE)
        shutil.rmtree(folder, ignore_errors=True)
        figures: dict[str, Any] = {}
        if "tflm" in settings.targets:
            figures["tflm"] = export_tflm(model, folder, name=settings.name).to_json()
        if "engine" in settings.targets:
            figures["engine"] = export_engine(
                model, folder / "engine", optimise=settings.optimise, labels=build.index.labels
            ) | compare_engine(build)
        written = sorted(path.relative_to(build.run.directory).as_posix() for path in folder.rglob("*.*"))
        return StageResult(tuple(written), figures)

    inputs = [sha256_file(build.run.path(INT8_MODEL)), settings.model_dump(mode="json")]
    return build.run.stage("export", inputs, stage)


def compare_engine(build: Build) -> dict[str, Any]:
    """Run the whole test split through the engine's own C, built for this machine, and through TFLM's kernels."""
    model = build.run.path(INT8_MODEL)
    features, _ = build.features("test")
    inputs = model_input_of(input_spec(read_model(model)), features, build.recipe.frontend.scale)
    try:
        engine = EngineInterpreter(model, build.recipe.export.optimise)
    except ToolchainError as error:
        build.reporter.note(f"the engine was not compared with TFLite Micro: {error.message}")
        return {}
    reference = open_interpreter(model, "tflm")
    outputs = [scores_of(interpreter, inputs, build.reporter) for interpreter in (engine, reference)]
    differing = int((outputs[0] != outputs[1]).sum())
    return {"compared_with": reference.name, "samples": len(inputs), "differing_bytes": differing}


def show_summary(build: Build, metrics: dict[str, Any]) -> None:
    """The table at the end: accuracy of every model, agreement of the interpreters, and where the files lie."""
    rows = []
    for name, row in metrics["accuracy"].items():
        low, high = row["interval_95"]
        rows.append(
            [
                name,
                f"{100 * row['accuracy']:.2f} %",
                f"{100 * low:.1f} to {100 * high:.1f}",
                str(row["n"]),
                row["interpreter"],
            ]
        )
    table("accuracy on unseen speakers", ["model", "accuracy", "95 % interval", "N", "interpreter"], rows)
    for row in metrics["accuracy"][INT8_MODEL]["agreement"].values():
        verdict = (
            "every output byte equal"
            if not row["differing_values"]
            else (
                f"{row['differing_values']:,} of {row['values']:,} output bytes differ "
                f"(largest {row['max_difference']:g}, "
                f"another winner in {row['differing_argmax']}): {row['first_operators']}"
            )
        )
        out.print(f"TFLite Micro's kernels against {row['interpreters'][1]}: {verdict}", markup=False)
    latency = {row["kind"]: row for row in metrics["benchmark"]["latency"] if row["model"] == INT8_MODEL}
    times = ", ".join(f"{kind} {row['p50_us']:,.0f} us" for kind, row in latency.items())
    out.print(f"median desktop latency of {INT8_MODEL}: {times}")
    directory = build.run.directory
    out.print(f"{directory / INT8_MODEL}: {metrics['files'][INT8_MODEL]['bytes']:,} B", markup=False)
    if tflm := metrics["export"].get("tflm"):
        sizes = f"model {tflm['model_bytes']:,} B, arena {tflm['arena_bytes']:,} B"
        out.print(f"{directory / FIRMWARE}: C array for TFLite Micro, {sizes}", markup=False)
    if engine := metrics["export"].get("engine"):
        if "differing_bytes" in engine:
            out.print(
                f"the engine's C against TFLite Micro's kernels: {engine['differing_bytes']} differing output bytes "
                f"in {engine['samples']} clips"
            )
        sizes = f"constants {engine['constant_bytes']:,} B, arena {engine['arena_bytes']:,} B"
        out.print(f"{directory / FIRMWARE / 'engine'}: C code of its own, {sizes}", markup=False)
        out.print(f"instructions on a board: kws emulate {directory / INT8_MODEL}", markup=False)
    out.print(f"{directory / METRICS_FILE}: everything measured", markup=False)
    if build.source == "synthetic":
        out.print(
            "[yellow]note[/] trained and tested on synthesised voices: the accuracy shows that the tool chain works, "
            "not how well the model hears people"
        )


command = recipe_command(work)

if __name__ == "__main__":
    typer.run(command)
