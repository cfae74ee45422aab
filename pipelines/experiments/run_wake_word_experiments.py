"""How detectors made from words alone hear people: the recipe wake_word and what each ingredient of it gives."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from kws_tfmot.errors import ToolchainError
from kws_tfmot.files import write_json
from kws_tfmot.provenance import own_commit, versions
from kws_tfmot.runs import Run
from pipelines.console import friendly_errors, line, table
from pipelines.stages.convert import INT8_MODEL

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED, RECORDED = "wake_word", "half"
# What the recipe is without one of its ingredients, or with one that it lacks.
ABLATIONS: dict[str, tuple[str, ...]] = {
    "no foreign accents": ("streams.speech.foreign=0", "streams.speech.kokoro_foreign=[0,0]"),
    "no common words one at a time": ("streams.speech.other_words=0",),
    "no scrambled stretches": ("streams.stretch.scrambled_share=0",),
    "no warp of frequency": ("streams.stretch.frequency_warp=0",),
    "a third of a phrase's utterances with a pause": ("streams.speech.paused=0.33",),
    "few other words by Kokoro": ("streams.speech.kokoro=[360,60,40]", "streams.speech.kokoro_other_words=0"),
    "no classes of words": ("streams.word_classes=null", "streams.stretch.words_share=0"),
    "a quarter of the stretches": ("streams.fresh=900", "streams.replayed=2700", "streams.batch_size=32"),
    "three teachers": ("streams.teachers=3",),
    "local front": ("model.local=true",),
    "scores as they are": ("streams.temperature=1",),
    "hard negatives": ("streams.hard_negatives=4",),
    "eSpeak NG alone": ("streams.speech.engines=[espeak]",),
    "no Kokoro": ("streams.speech.engines=[espeak,hibari,piper]",),
    "no masks": ("streams.frequency_masks=0", "streams.time_masks=0"),
    "no rooms, no equaliser": ("streams.stretch.room_probability=0", "streams.stretch.equaliser_probability=0"),
    "weight of negatives rising to 10": ("streams.negative_weights=[3,10]",),
    "noisier and quieter": (
        "streams.stretch.noise_probability=0.8",
        "streams.stretch.noise_snr_db=[-3,35]",
        "streams.stretch.room_probability=0.6",
        "streams.stretch.level_skew=1",
    ),
    "even tempo": ("streams.stretch.time_warp=0",),
    "even pace": ("streams.stretch.vocal_tract=[0.82,1.22]", "streams.stretch.wander=0"),
    "no short words, bursts, cuts": (
        "streams.stretch.short_talk=0",
        "streams.stretch.bursts_probability=0",
        "streams.stretch.cut_together=0",
    ),
    "no words cut short": ("streams.stretch.shares=[0.35,0,0.35,0.3]",),
}


class WordBuild(NamedTuple):
    """One build to be judged."""

    variant: str
    word: str
    seed: int
    overrides: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Its place among the runs."""
        return f"{self.variant}-{self.word}-{self.seed}".replace(" ", "_").replace(",", "")


def command(
    recordings: Annotated[Path, typer.Option(help="A folder for each wake word, with recordings of people.")],
    noise: Annotated[list[Path], typer.Option(help="More recordings in which none of them is said.")] = [],  # noqa: B006
    others: Annotated[
        Path | None,
        typer.Option(
            help="Recordings of other words, whose speakers are not among the negatives: "
            "they train beside half of the recordings."
        ),
    ] = None,
    words: Annotated[str, typer.Option(help="Words to build for, by commas; empty: all folders.")] = "",
    variants: Annotated[str, typer.Option(help="wake_word, half, and ablations; empty: all.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds of the recipe; ablations have one.")] = 3,
    runs: Annotated[Path, typer.Option(help="Where the runs are kept; what is done is skipped.")] = Path("runs/wake"),
    results: Annotated[Path, typer.Option(help="Where the JSON is written.")] = ROOT / "results/wake_word.json",
    overrides: Annotated[list[str], typer.Option("--set", help="Change the recipe: key=value.")] = [],  # noqa: B006
) -> None:
    """Build from words alone and from half of the recordings; judge the int8 files on recordings of people."""
    with friendly_errors():
        folders = {path.name: path for path in sorted(recordings.iterdir()) if path.is_dir()}
        chosen = [word.strip() for word in words.split(",") if word.strip()] or list(folders)
        wanted = [name.strip() for name in variants.split(",") if name.strip()] or [SHIPPED, RECORDED, *ABLATIONS]
        found: list[dict[str, Any]] = []
        for row in rows_of(wanted, chosen, seeds, tuple(overrides)):
            found.append(_done(row, folders, noise, runs, others))
            write_json(results, record_of(found))
            show(found)
        line(f"written to {results}", markup=False)


def rows_of(variants: Sequence[str], words: Sequence[str], seeds: int, overrides: tuple[str, ...]) -> list[WordBuild]:
    """The builds, those of the first seed first.

    >>> [row.seed for row in rows_of(["wake_word", "no masks"], ["nova"], 2, ())]
    [1, 1, 2]
    """
    rows = []
    for seed in range(1, seeds + 1):
        for variant in variants:
            if seed == 1 or variant in (SHIPPED, RECORDED):
                rows += [WordBuild(variant, word, seed, (*ABLATIONS.get(variant, ()), *overrides)) for word in words]
    return rows


def _done(
    row: WordBuild, folders: Mapping[str, Path], noise: Sequence[Path], runs: Path, others: Path | None
) -> dict[str, Any]:
    """What a row measured, built and judged now unless that was done before."""
    run, record = runs / row.folder, runs / f"{row.folder}.json"
    if record.is_file():
        return dict(json.loads(record.read_text(encoding="utf-8")))
    recipe = "wake_word_recorded" if row.variant == RECORDED else SHIPPED
    build = ["build", recipe, "--keywords", row.word, "--out", str(run), "--set", f"seed={row.seed}"]
    positives = folders[row.word]
    if row.variant == RECORDED:
        trained, positives = _halves(folders[row.word], row.word, runs / f"recordings-{row.word}", others)
        build += ["--recordings", str(trained)]
    for override in row.overrides:
        build += ["--set", override]
    _kws(build)
    det = ["det", str(run / INT8_MODEL), "--positives", f"{row.word}={positives}", "--json"]
    for folder in [*(path for word, path in folders.items() if word != row.word), *noise]:
        det += ["--negatives", str(folder)]
    answer = json.loads(_kws(det))
    judged = answer if "words" in answer else next(iter(answer.values()))
    done = Run(run)
    figures = done.figures("train")
    result = {
        "variant": row.variant, "recipe": recipe, "word": row.word, "seed": row.seed, "overrides": list(row.overrides),
        "other_words_of_people": len(_recordings(others)) if others and row.variant == RECORDED else 0,
        "hours": judged["hours"], **judged["words"][row.word], "threshold": figures.get("threshold"),
        "commit": own_commit(), "commits": done.commits(),
    }  # fmt: skip
    write_json(record, result)
    return result


def _halves(folder: Path, word: str, out: Path, others: Path | None) -> tuple[Path, Path]:
    """Every other recording as a user would lay it out, with ``others`` as words unknown, and the rest to test on."""
    train, test = out / "train", out / "test"
    copies = [(path, (train / word if place % 2 else test) / _name(path, folder))
              for place, path in enumerate(_recordings(folder))]  # fmt: skip
    if others:
        copies += [(path, train / "unknown" / _name(path, others)) for path in _recordings(others)]
    for path, target in copies:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return train, test


def _name(path: Path, folder: Path) -> str:
    """All of the way below ``folder``: the same name in two folders is another recording."""
    return "-".join(path.relative_to(folder).parts)


def _recordings(folder: Path) -> list[Path]:
    return [*sorted(folder.rglob("*.flac")), *sorted(folder.rglob("*.wav"))]


def _kws(arguments: Sequence[str]) -> str:
    """What the command printed.

    Raises:
        ToolchainError: It failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.kws", *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        raise ToolchainError(f"kws {shlex.join(arguments)} ended with code {done.returncode}.",
                             "Its own words are above; run this again to go on.")  # fmt: skip
    return done.stdout


def record_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is written: every row, and the mean over words and seeds of each variant."""
    return {
        "schema_version": 1,
        "command": shlex.join(["python", "-m", "pipelines.experiments.run_wake_word_experiments", *sys.argv[1:]]),
        "rows": list(rows),
        "summary": summary_of(rows),
        "versions": versions(),
    }


def summary_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean misses of each variant at its models' thresholds and at targets of false accepts an hour.

    >>> summary_of([{"variant": "a", "missed": 0.5, "false_accepts_per_hour": 0.0, "missed_at": {"0.5": 0.25}}])
    [{'variant': 'a', 'builds': 1, 'missed': 0.5, 'false_accepts_per_hour': 0.0, 'missed_at_0.5': 0.25}]
    """
    summary = []
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == variant]
        means = {key: float(np.mean([row[key] for row in own])) for key in ("missed", "false_accepts_per_hour")}
        for target in own[0]["missed_at"]:
            means[f"missed_at_{target}"] = float(np.mean([row["missed_at"][target] for row in own]))
        summary.append({"variant": variant, "builds": len(own), **means})
    return summary


def show(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows so far."""
    body = [
        [row["variant"], row["word"], str(row["seed"]), f"{100 * row['missed']:.1f} %",
         f"{row['false_accepts_per_hour']:.2f}", *(f"{100 * share:.1f} %" for share in row["missed_at"].values())]
        for row in rows
    ]  # fmt: skip
    targets = [f"at {target}/h" for target in rows[0]["missed_at"]]
    columns = ["variant", "word", "seed", "missed", "FA/h", *targets]
    table("Wake words from words alone, judged on people", columns, body)


if __name__ == "__main__":
    typer.run(command)
