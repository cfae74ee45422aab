"""How a spotter made from words alone hears people: synthetic speech plus k recordings, judged on real recordings."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from kws_tfmot.data import ClipIndex, prepare
from kws_tfmot.data.labels import UNKNOWN
from kws_tfmot.evaluation.model_accuracy import evaluate_model
from kws_tfmot.files import cache_root, write_json
from kws_tfmot.provenance import own_commit, versions
from kws_tfmot.recipe import Recipe, load_recipe
from kws_tfmot.runs import Run
from pipelines.console import RichReporter, friendly_errors, line, table
from pipelines.stages.build import Build
from pipelines.stages.comparison_cell import STAGES
from pipelines.stages.convert import INT8_MODEL

ROOT = Path(__file__).resolve().parent.parent.parent
ALL = "all"


def command(
    recordings: Annotated[Path, typer.Option(help="Real recordings, in the layout of Speech Commands.")],
    recipe: Annotated[Path, typer.Option(help="The recipe for custom keywords.")] = ROOT / "recipes/custom.yaml",
    counts: Annotated[str, typer.Option(help="Recordings of each keyword, by commas; 20+20: and of other words.")] = (
        "0,5,20,20+20"
    ),
    reference: Annotated[bool, typer.Option(help="Also train on all recordings of the training speakers.")] = True,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 3,
    runs: Annotated[Path, typer.Option(help="Where the runs are kept; what is done is skipped.")] = Path("runs/custom"),
    results: Annotated[Path, typer.Option(help="Where the JSON is written.")] = ROOT / "results/custom_keywords.json",
    overrides: Annotated[list[str], typer.Option("--set", help="Change the recipe: key=value.")] = [],  # noqa: B006
) -> None:
    """Train on synthetic speech and few recordings of the training speakers; judge on the recordings of the others."""
    with friendly_errors():
        base = load_recipe(recipe, overrides)
        index = prepare(f"folder:{recordings}", base.clips, cache_root() / "audio")
        rows: list[dict[str, Any]] = []
        for seed in range(1, seeds + 1):
            own = base.model_copy(update={"seed": seed})
            for count in [*counts.split(","), *([ALL] if reference else [])]:
                source = source_of(index, recordings, count, seed, runs)
                rows.append(row_of(own, source, count, f"folder:{recordings}", runs / f"{count}-seed{seed}"))
                write_json(results, record_of(base, index, rows))
        show(rows)
        line(f"written to {results}", markup=False)


def source_of(index: ClipIndex, root: Path, count: str, seed: int, runs: Path) -> str:
    """The source of clips of a row; recordings of the training speakers are laid out as a user would."""
    if count == ALL:
        return f"folder:{root}"
    keywords, _, others = count.partition("+")
    if not int(keywords):
        return "synthetic"
    folder = runs / f"recordings-{count}-seed{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    for word in index.settings.keywords:
        _lay_out(choose(index, word, int(keywords), seed), root, folder / word)
    if others:
        _lay_out(choose(index, UNKNOWN, int(others), seed), root, folder / "unknown")
    return f"synthetic+folder:{folder}"


def choose(index: ClipIndex, label: str, count: int, seed: int) -> list[str]:
    """Paths of ``count`` training clips of ``label``, of as many different speakers as there are."""
    paths = sorted(clip.path for clip in index.clips if clip.split == "train" and clip.label == label)
    by_path = {clip.path: clip.speaker for clip in index.clips}
    taken: dict[str, int] = defaultdict(int)
    ranked: list[tuple[int, int, str]] = []
    for i in np.random.default_rng([seed, len(label)]).permutation(len(paths)):
        speaker = by_path[paths[i]]
        ranked.append((taken[speaker], len(ranked), paths[i]))
        taken[speaker] += 1
    return [path for _, _, path in sorted(ranked)[:count]]


def _lay_out(paths: Sequence[str], root: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in paths:
        word, name = path.split("/")
        shutil.copy(root / path, folder / f"{word}_{name}")


def row_of(recipe: Recipe, source: str, count: str, real: str, directory: Path) -> dict[str, Any]:
    """Build one model and judge its int8 file on its own test split and on the unseen speakers of the recordings."""
    build = Build(recipe, source, Run(directory), RichReporter())
    with build.run.locked():
        for stage in STAGES:
            stage(build)
    model = build.run.path(INT8_MODEL)
    found = {split: evaluate_model(model, real, split=split).to_dict() for split in ("validation", "test")}
    figures = build.run.figures("evaluate")[INT8_MODEL]
    return {
        "recordings": count,
        "seed": recipe.seed,
        "speech": build.run.figures("prepare")["speech"],
        "own_test": {key: figures[key] for key in ("accuracy", "n", "split_sha256", "interpreter")},
        "real": {split: _short(value) for split, value in found.items()},
        "commits": build.run.commits(),
    }


def _short(accuracy: dict[str, Any]) -> dict[str, Any]:
    """Accuracy, recall of the keywords together, and how many other words were taken for a keyword."""
    labels, confusion = accuracy["labels"], np.array(accuracy["confusion"])
    words = len(labels) - 2
    spoken = confusion[:words].sum()
    other = confusion[labels.index(UNKNOWN)]
    return {key: accuracy[key] for key in ("accuracy", "n", "split_sha256", "interpreter", "labels", "confusion")} | {
        "keyword_recall": float(np.trace(confusion[:words, :words]) / spoken),
        "keywords": int(spoken),
        "unknown_taken_for_keyword": float(other[:words].sum() / other.sum()),
        "unknown": int(other.sum()),
    }


def record_of(recipe: Recipe, index: ClipIndex, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What is written: every row, and mean and standard deviation over the seeds."""
    return {
        "schema_version": 1,
        "command": shlex.join(["python", "-m", "pipelines.experiments.run_custom_experiments", *sys.argv[1:]]),
        "commit": own_commit(),
        "recipe": recipe.model_dump(mode="json"),
        "test_sha256": index.split_sha256("test"),
        "rows": rows,
        "summary": summary_of(rows),
        "versions": versions(),
    }


def summary_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation (n - 1) over the seeds for every number of recordings, on the real test split."""
    summary = []
    for count in dict.fromkeys(row["recordings"] for row in rows):
        own = [row for row in rows if row["recordings"] == count]
        summary.append({"recordings": count, "seeds": len(own)} | {
            key: {"mean": float(np.mean(values)), "spread": float(np.std(values, ddof=1)) if len(values) > 1 else None}
            for key in ("accuracy", "keyword_recall", "unknown_taken_for_keyword")
            for values in [[row["real"]["test"][key] for row in own]]
        } | {"own_test": float(np.mean([row["own_test"]["accuracy"] for row in own]))})  # fmt: skip
    return summary


def show(rows: list[dict[str, Any]]) -> None:
    """The summary as a table."""
    columns = ["recordings of each word", "own test", "real test", "spread", "words heard", "others taken for one"]
    lines = [
        [row["recordings"], f"{100 * row['own_test']:.1f} %", f"{100 * row['accuracy']['mean']:.1f} %",
         "" if row["accuracy"]["spread"] is None else f"{100 * row['accuracy']['spread']:.1f}",
         f"{100 * row['keyword_recall']['mean']:.1f} %", f"{100 * row['unknown_taken_for_keyword']['mean']:.1f} %"]
        for row in summary_of(rows)
    ]  # fmt: skip
    test = rows[0]["real"]["test"]
    table(f"N = {test['n']} clips of unseen speakers, split {test['split_sha256'][:12]}, int8", columns, lines)


if __name__ == "__main__":
    typer.run(command)
