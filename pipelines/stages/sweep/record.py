"""What a sweep says: the JSON of a comparison, and beside it every trial, how it learnt and how it ended."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from kws_tfmot.evaluation.comparison_summary import comparison_record
from kws_tfmot.evaluation.sweep_plot import plot_sweep
from kws_tfmot.files import write_json
from pipelines.stages.sweep.halving import group_of
from pipelines.stages.sweep.run import SweepPlan, SweepResult


def sweep_record(plan: SweepPlan, result: SweepResult, about: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a sweep: :func:`~kws_tfmot.evaluation.comparison_summary.comparison_record`, whose rows also hold
    ``validation_accuracy`` and ``epochs``, and

    ``trials``: for each ``trial``, ``variant``, ``parameters``, ``target`` and ``seed`` its ``status`` (finished,
    stopped, failed) and ``validation_by_epoch``; ``counts`` of each status; ``best``: among the finished trials that
    compete with each other the one with the highest accuracy on the validation split, and its accuracy on the test
    split; ``dense_first``, whether epochs count from the end of the dense model.
    """
    rows = [row | {"parameters": plan.trials.parameters.get(row["variant"], {})} for row in result.rows]
    record = comparison_record(plan.sweep.name, rows, plan.sweep.baseline, result.failures, about)
    trials = _trials(plan, result)
    counts = Counter(trial["status"] for trial in trials)
    return record | {
        "trials": trials,
        "counts": {kind: counts[kind] for kind in ("finished", "stopped", "failed")},
        "best": _best(plan, rows),
        "dense_first": plan.dense_first,
    }


def write_sweep(record: dict[str, Any], folder: Path) -> None:
    """Write ``NAME.json`` and, if a trial has finished, ``NAME.png`` into ``folder``."""
    write_json(folder / f"{record['name']}.json", record)
    if record["rows"]:
        plot_sweep(record, folder / f"{record['name']}.png")


def _trials(plan: SweepPlan, result: SweepResult) -> list[dict[str, Any]]:
    finished = {row["cell"] for row in result.rows}
    return [
        {
            "trial": cell.name,
            "variant": cell.variant,
            "parameters": plan.trials.parameters.get(cell.variant, {}),
            "target": cell.target,
            "seed": cell.seed,
            "status": "finished" if cell.name in finished else "stopped" if cell.name in result.stopped else "failed",
            "validation_by_epoch": [round(accuracy, 5) for accuracy in result.epochs[cell.name]],
        }
        for cell in plan.trials.cells
    ]


def _best(plan: SweepPlan, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    within = plan.sweep.early_stopping.within if plan.sweep.early_stopping else ("sparsity.target",)
    cells = {cell.name: cell for cell in plan.trials.cells}
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row.get("validation_accuracy") is not None:
            groups.setdefault(group_of(cells[row["cell"]], within), []).append(row)
    best = [max(own, key=lambda row: row["validation_accuracy"]) for own in groups.values()]
    return [
        {
            "trial": row["cell"],
            "variant": row["variant"],
            "target": row["target"],
            "seed": row["seed"],
            "validation_accuracy": row["validation_accuracy"],
            "accuracy": row["accuracy"]["int8"],
        }
        for row in best
    ]
