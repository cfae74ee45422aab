"""`kws build`: a whole recipe, from clips to C code, with everything measured in `metrics.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kws_tfmot.errors import RecipeError
from kws_tfmot.files import write_json
from pipelines.choose import (
    BudgetOption,
    LatencyOption,
    RealBoardOption,
    check_build,
    demand,
    forecast,
)
from pipelines.compress import show_sparsity
from pipelines.console import friendly_errors, line, one_bar, table
from pipelines.convert import show_files
from pipelines.custom import OptionalRecipe, RecordingsOption, chosen_recipe, chosen_source
from pipelines.options import (
    DataOption,
    ForceOption,
    KeywordsOption,
    OutOption,
    SetOption,
    SpeakerOption,
    WaitStatesOption,
    open_build,
    resolve_recipe,
    say_moved,
)
from pipelines.stages.benchmark import benchmark_build
from pipelines.stages.build import Build
from pipelines.stages.compress import compress
from pipelines.stages.continuation import RECORD, continuation
from pipelines.stages.convert import INT8_MODEL, convert_model
from pipelines.stages.evaluate import evaluate_build
from pipelines.stages.export import FIRMWARE, export_build
from pipelines.stages.metrics import METRICS_FILE, write_metrics
from pipelines.stages.prepare import prepare_data
from pipelines.stages.rehearsal import check_network
from pipelines.stages.start import find_start, overrides_from
from pipelines.stages.train import train_dense

STAGES = {
    "prepare": prepare_data,
    "check": check_network,
    "train": train_dense,
    "compress": compress,
    "convert": convert_model,
    "evaluate": evaluate_build,
    "benchmark": benchmark_build,
    "export": export_build,
}
# What was said of an earlier recipe or model, by the first stage whose work makes it untrue.
_SAYS_OF: dict[Any, tuple[str, ...]] = {
    prepare_data: (METRICS_FILE, "report.html", "model_card.md"),
    convert_model: ("det.json", "report.html", "model_card.md"),
}


FromOption = Annotated[
    str,
    typer.Option(
        "--from", help="Train on from a model that ships (`kws zoo`), the folder of a build, or a .keras file."
    ),
]


ContinueOption = Annotated[
    str,
    typer.Option(
        "--continue",
        help="Train on from the folder of a build, or a model that ships, with its recipe, seed and data, and with "
        "--recordings of what devices heard: WORD/, not_WORD/ and _negatives_/.",
    ),
]


def work(build: Build) -> None:
    """Build a whole recipe: prepare, train, compress, convert, evaluate, benchmark and export."""
    if build.recipe.quantization.mode == "none":
        raise RecipeError(
            "a build ends in firmware, which needs int8. Received: quantization.mode=none",
            "Use quantization.mode=qat or ptq; `kws convert` writes float files alone.",
        )
    for name, stage in STAGES.items():
        with one_bar(build.reporter, name):
            if stage(build):
                build.run.set_aside(_SAYS_OF.get(stage, ()))
    build.run.require_files()
    metrics = write_metrics(build)
    show_sparsity(build)
    show_files(build)
    show_summary(build, metrics)


def show_summary(build: Build, metrics: dict[str, Any]) -> None:
    """The table at the end: accuracy of every model, agreement of the interpreters, and where the files lie."""
    rows = []
    judged = dict(metrics["accuracy"])
    detector = judged[INT8_MODEL].get("detector")
    if detector:
        judged[f"{INT8_MODEL}, its detector"] = detector
    for name, row in judged.items():
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
    what = ": of one window a clip, and of what its detector hears" if detector else ""
    table(f"accuracy on unseen speakers{what}", ["model", "accuracy", "95 % interval", "N", "interpreter"], rows)
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
        line(f"TFLite Micro's kernels against {row['interpreters'][1]}: {verdict}", markup=False)
    latency = {row["kind"]: row for row in metrics["benchmark"]["latency"] if row["model"] == INT8_MODEL}
    times = ", ".join(f"{kind} {row['p50_us']:,.0f} us" for kind, row in latency.items())
    line(f"median desktop latency of {INT8_MODEL}: {times}")
    directory = build.run.directory
    line(f"{directory / INT8_MODEL}: {metrics['files'][INT8_MODEL]['bytes']:,} B", markup=False)
    if tflm := metrics["export"].get("tflm"):
        sizes = f"model {tflm['model_bytes']:,} B, arena {tflm['arena_bytes']:,} B"
        line(f"{directory / FIRMWARE}: C array for TFLite Micro, {sizes}", markup=False)
    if engine := metrics["export"].get("engine"):
        if "differing_bytes" in engine:
            line(
                f"the engine's C against TFLite Micro's kernels: {engine['differing_bytes']} differing output bytes "
                f"in {engine['samples']} clips"
            )
        sizes = f"constants {engine['constant_bytes']:,} B, arena {engine['arena_bytes']:,} B"
        line(f"{directory / FIRMWARE / 'engine'}: C code of its own, {sizes}", markup=False)
        line(f"instructions and cycles on a board: kws emulate {directory / INT8_MODEL}", markup=False)
    line(f"{directory / METRICS_FILE}: everything measured", markup=False)
    if metrics["trust"]:
        line("[yellow]what this model can be trusted with[/] (also in the firmware's README)")
        for sentence in metrics["trust"]:
            line(f"- {sentence}", markup=False)


def beginning(
    begin: str, recipe: Path | None, keywords: str, overrides: list[str], recordings: Path | None = None
) -> tuple[Path, list[str]]:
    """The recipe to build and the changes to it, where the training goes on from the model ``begin``, or from none.

    Raises:
        RecipeError: If there is no such model, or no recipe.
    """
    if not begin:
        return chosen_recipe(recipe, keywords, recordings), overrides
    start = find_start(begin)
    return (
        recipe or start.recipe or chosen_recipe(recipe, keywords),
        [*overrides_from(start, recipe is not None, keywords), *overrides],
    )


def refuse_beside_continue(recipe: Path | None, data: str, keywords: str, begin: str) -> None:
    """Refuse what --continue says itself."""
    given = {"a recipe": recipe, "--data": data != "synthetic", "--keywords": keywords, "--from": begin}
    if beside := [name for name, value in given.items() if value]:
        raise RecipeError(
            f"--continue takes recipe, words and data from the run. Received beside it: {', '.join(beside)}.",
            "Leave it out, or use --from to change words or recipe.",
        )


def new_folder(folder: Path, goes_on: str) -> Path:
    """``folder``, unless it is that of the run which is gone on from."""
    if folder.resolve() == Path(goes_on).resolve():
        raise RecipeError(f"--out {folder} is the run that is gone on from.", "Give another folder; it stays as it is.")
    return folder


def command(
    recipe: OptionalRecipe = None,
    data: DataOption = "synthetic",
    out_dir: OutOption = None,
    overrides: SetOption = [],  # noqa: B006 - typer copies it
    keywords: KeywordsOption = "",
    speaker_pattern: SpeakerOption = "",
    force: ForceOption = False,
    recordings: RecordingsOption = None,
    begin: FromOption = "",
    goes_on: ContinueOption = "",
    board: RealBoardOption = "",
    latency: LatencyOption = "",
    budget: BudgetOption = "",
    wait_states: WaitStatesOption = 0,
) -> None:
    """Build a whole recipe, or a spotter of any words: --keywords "hey nova,lights on", with --recordings or without.

    --from MODEL trains on from a model that is there, with its recipe unless another is given; --continue RUN with
    recordings beside all that made it.

    With --board, foresee and measure whether it fits, with exit code 2 if it does not. Weights are stored for its core,
    unless the recipe or --set has an export.core.
    """
    with friendly_errors():
        wanted = demand(board, latency, budget)
        if goes_on:
            refuse_beside_continue(recipe, data, keywords, begin)
            going = continuation(goes_on, recordings)
            line(going.said, markup=False)
            chosen, changes, source = going.recipe, [*going.overrides, *overrides], going.source
            out_dir = new_folder(out_dir or going.folder(), goes_on)
        else:
            going = None
            chosen, changes = beginning(begin, recipe, keywords, overrides, recordings)
            source = chosen_source(data, recordings)
        if wanted and not names_core(chosen, changes, bool(begin or goes_on)):
            changes = [*changes, f"export.core=cortex-{wanted[0].timing}"]
        build = open_build(chosen, source, out_dir, changes, keywords, speaker_pattern, force)
        with build.run.locked():
            if going:
                write_json(build.run.path(RECORD), going.record)
            if wanted:
                forecast(build, *wanted, wait_states)
            work(build)
        say_moved(build)
        if wanted:
            check_build(build.run.directory, *wanted, build.recipe.export.optimise, wait_states)


def names_core(recipe: Path, changes: list[str], inherited: bool) -> bool:
    """Whether ``export.core`` was asked for; a recipe inherited from a model carries that of the model's own board."""
    if any(change.split("=")[0].strip() == "export.core" for change in changes):
        return True
    return not inherited and "core" in resolve_recipe(recipe, changes).export.model_fields_set


if __name__ == "__main__":
    typer.run(command)
