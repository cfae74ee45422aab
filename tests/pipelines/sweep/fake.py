"""Trials that take no training; workers on other nodes import this module."""

from __future__ import annotations

import os
import time

from pipelines.stages.comparison_cell import CellBuild
from pipelines.stages.sweep.run import SweepPlan


class Plan(SweepPlan):
    """A sweep whose trials need nothing before them."""

    def preparation(self, builds):
        return []


def train(build: CellBuild, reporter, on_epoch) -> dict:
    """Epochs that last as long as the file ``pace`` says; resumed; ``fake/TRIAL/PROCESS.worker`` names the node."""
    folder = build.folder / "fake" / build.cell.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{os.getpid()}.worker").write_text(_node())
    state = folder / "epochs"
    first = int(state.read_text()) if state.exists() else 0
    for epoch in range(first, build.cell.recipe.train.epochs):
        begun = time.monotonic()
        while time.monotonic() - begun < float((build.folder / "pace").read_text()):  # it may change meanwhile
            time.sleep(0.02)
        state.write_text(str(epoch + 1))
        on_epoch("train", epoch, {"val_accuracy": build.cell.recipe.train.learning_rate})
    with (build.folder / "finished.txt").open("a") as log:
        log.write(f"{build.cell.name}\n")
    cell = build.cell
    return {"cell": cell.name, "variant": cell.variant, "target": None, "seed": cell.seed, "accuracy": {"int8": 0.5}}


def _node() -> str:
    try:
        import ray

        return ray.get_runtime_context().get_node_id() if ray.is_initialized() else ""
    except ImportError:
        return ""
