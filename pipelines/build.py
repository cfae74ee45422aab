"""`kws build`: a whole recipe, from clips to C code, with everything measured in `metrics.json`."""

from __future__ import annotations

import shutil
from typing import Any

import typer

from firmware_export.tflm_export import export_tflm
from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.contract import ModelContract
from kws_tfmot.evaluation.latency import measure_frontend, measure_latency, peak_memory_bytes
from kws_tfmot.files import sha256_file
from kws_tfmot.runs import StageResult
from kws_tfmot.stages.build import Build
from kws_tfmot.stages.compress import compress
from kws_tfmot.stages.convert import INT8_MODEL, convert_model
from kws_tfmot.stages.evaluate import evaluate_build
from kws_tfmot.stages.metrics import METRICS_FILE, write_metrics
from kws_tfmot.stages.prepare import prepare_data
from kws_tfmot.stages.train import train_dense
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
    """The C files of the int8 model."""
    settings = build.recipe.export

    def stage(_: str) -> StageResult:
        shutil.rmtree(build.run.path(FIRMWARE), ignore_errors=True)
        report = export_tflm(build.run.path(INT8_MODEL), build.run.path(FIRMWARE), name=settings.name)
        return StageResult(tuple(f"{FIRMWARE}/{name}" for name in report.files), report.to_json())

    inputs = [sha256_file(build.run.path(INT8_MODEL)), settings.model_dump(mode="json")]
    return build.run.stage("export", inputs, stage)


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
    arena = metrics["export"]["arena_bytes"]
    out.print(f"{directory / INT8_MODEL}: {metrics['files'][INT8_MODEL]['bytes']:,} B", markup=False)
    out.print(
        f"{directory / FIRMWARE}: C code, model {metrics['export']['model_bytes']:,} B, arena {arena:,} B", markup=False
    )
    out.print(f"{directory / METRICS_FILE}: everything measured", markup=False)
    if build.source == "synthetic":
        out.print(
            "[yellow]note[/] trained and tested on synthesised voices: the accuracy shows that the tool chain works, "
            "not how well the model hears people"
        )


command = recipe_command(work)

if __name__ == "__main__":
    typer.run(command)
