"""`kws benchmark`: desktop latency by interpreter, resolver and threads, against another model in the same run."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from firmware_export.emulation.steps import StepInterpreter, open_timed_engine
from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import KwsError
from kws_tfmot.evaluation.latency import Timed, measure_frontend, measure_latency, peak_memory_bytes
from pipelines.console import RichReporter, friendly_errors, line, table
from pipelines.foreign import FeaturesOption, equipped
from pipelines.options import HopOption, JsonOption, ModelArgument, RecipeOption, StreamOption, check_hop


def command(
    model: ModelArgument,
    against: Annotated[Path | None, typer.Option(help="Another .tflite, usually the dense one.")] = None,
    threads: Annotated[str, typer.Option(help="Thread counts, separated by commas.")] = "1,2",
    rounds: Annotated[int, typer.Option(min=1, max=100_000, help="Rounds through all combinations.")] = 20,
    stream: StreamOption = False,
    hop: HopOption = None,
    recipe: RecipeOption = None,
    features: FeaturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time a .tflite on this machine. Desktop times say nothing about a Cortex-M; its cycles: kws emulate."""
    with friendly_errors():
        check_hop(stream, hop)
        model = equipped(model, features, recipe)
        others: dict[str, Callable[[bytes], Timed]] = {"engine": open_timed_engine}
        if stream:
            others["engine step"] = functools.partial(StepInterpreter, hop=hop)
        models = {model.name: model} | ({str(against): against} if against else {})
        counts = _thread_counts(threads)
        rows, refused = measure_latency(models, threads=counts, rounds=rounds, others=others, reporter=RichReporter())
        figures = {
            "latency": [dataclasses.asdict(row) for row in rows],
            "refused": refused,
            "frontend": _frontend(model, recipe),
            "peak_memory_bytes": peak_memory_bytes(),
        }
        if as_json:
            typer.echo(json.dumps(figures, indent=2))
        else:
            show(figures, model.name)


def show(figures: dict, first: str) -> None:
    """Percentiles, and the ratio of the medians of ``first`` to the other model's in the same interpreter."""
    medians = {(r["model"], r["kind"], r["threads"]): r["p50_us"] for r in figures["latency"]}
    rows = []
    for r in figures["latency"]:
        reference = medians.get((first, r["kind"], r["threads"]))
        ratio = f"{r['p50_us'] / reference:.2f}" if reference and r["model"] != first else ""
        cells = [f"{r[key]:,.1f}" for key in ("p50_us", "p90_us", "p99_us")]
        rows.append([r["model"], r["kind"], str(r["threads"]), *cells, str(r["runs"]), ratio])
    columns = ["model", "interpreter", "threads", "p50", "p90", "p99", "N", "ratio"]
    alone = all(r["model"] == first for r in figures["latency"])  # nothing to compare, and one name says nothing
    shown = slice(1, -1) if alone else slice(None)
    title = f"latency of one inference or step of {first}, microseconds" if alone else "latency, microseconds"
    table(title, columns[shown], [row[shown] for row in rows])
    if not alone:
        line(f"ratio: of the medians, to {first}", style="dim", markup=False)
    for kind, name in {r["kind"]: r["interpreter"] for r in figures["latency"]}.items():
        line(f"{kind}: {name}", markup=False)
    for what, reason in figures["refused"].items():
        line(f"not run: {what}: {reason}", style="dim", markup=False)
    if frontend := figures["frontend"]:
        line(f"front end ({frontend['backend']}): {frontend['clips_per_second']:,.0f} clips a second on one core")
    line(f"peak memory of this process: {figures['peak_memory_bytes'] / 2**20:,.0f} MiB")


def _frontend(model: Path, recipe: Path | None) -> dict | None:
    from kws_tfmot.recipe import load_recipe

    try:
        return measure_frontend(ModelContract.of_model(model, load_recipe(recipe).contract() if recipe else None))
    except KwsError:  # a model of unknown origin has no front end to time
        if recipe:
            raise
        return None


def _thread_counts(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        counts = ()
    if not counts or counts[0] < 1:
        raise KwsError(f"expected thread counts separated by commas, such as 1,2. Received: --threads {text!r}")
    return counts


if __name__ == "__main__":
    typer.run(command)
