"""`metrics.json`: everything a build measured, in one versioned file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kws_tfmot.evaluation.trust import trust
from kws_tfmot.files import sha256_file, write_json
from kws_tfmot.provenance import versions
from kws_tfmot.runs import ASIDE, MANIFEST
from pipelines.stages.build import Build
from pipelines.stages.convert import INT8_MODEL

METRICS_FILE = "metrics.json"
SCHEMA_VERSION = 1


def write_metrics(build: Build) -> dict[str, Any]:
    """Gather the figures of all stages into ``metrics.json`` and return them.

    Schema version 1: ``recipe``, ``seed``, ``data`` (source, labels, splits with SHA-256 and counts), ``model``
    (parameters, MACs), ``sparsity`` (per layer and in all, layers left dense and why), ``quantization``, ``accuracy``
    (a dictionary for each model: accuracy in 0-1, n, interval_95, interpreter, split_sha256, per class, agreement, and
    of a network for streams ``detector``, what its detector hears of the clips),
    ``tflite`` (kind, bytes and zeros of each file), ``export``, ``benchmark``, ``files`` (bytes and SHA-256 of
    everything in the run), ``seconds`` of each stage and the ``commits`` that did it, ``trust`` (sentences on models
    of synthetic speech), ``versions``.
    """
    run = build.run
    metrics = {
        "schema_version": SCHEMA_VERSION,
        "recipe": build.recipe.name,
        "seed": build.recipe.seed,
        "data": run.figures("prepare"),
        "model": run.figures("train"),
        "sparsity": run.figures("sparsify") or None,
        "quantization": {"mode": build.recipe.quantization.mode} | run.figures("quantize"),
        "accuracy": run.figures("evaluate"),
        "tflite": run.figures("convert").get("files", {}),
        "export": run.figures("export"),
        "benchmark": run.figures("benchmark") or None,
        "files": _files(run.directory),
        "seconds": run.seconds(),
        "commits": run.commits(),
        "trust": trust(
            run.figures("prepare").get("speech"), run.figures("evaluate")[INT8_MODEL], build.recipe.model.weights
        ),
        "versions": versions(),
    }
    write_json(run.path(METRICS_FILE), metrics)
    return metrics


def _files(directory: Path) -> dict[str, dict[str, Any]]:
    names = sorted(p for p in directory.rglob("*") if p.is_file() and not _is_internal(p.relative_to(directory)))
    return {
        path.relative_to(directory).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
        for path in names
    }


def _is_internal(path: Path) -> bool:
    return path.parts[0] in ("logs", "state", ".lock", ASIDE, MANIFEST, METRICS_FILE)
