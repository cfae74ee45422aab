"""One cell of a comparison: the build of a variant at a sparsity with a seed, and its row of figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kws_tfmot.errors import KwsError, RecipeError
from kws_tfmot.models.model_settings import OWN
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.runs import Run
from pipelines.stages.build import Build, OnStageEpoch
from pipelines.stages.comparison import ComparisonCell
from pipelines.stages.compress import compress
from pipelines.stages.convert import INT8_MODEL, convert_model
from pipelines.stages.epochs import draw_epochs
from pipelines.stages.evaluate import evaluate_build
from pipelines.stages.prepare import prepare_data
from pipelines.stages.rehearsal import rehearse
from pipelines.stages.sparsify import PRUNED_MODEL
from pipelines.stages.train import FLOAT_MODEL, dense_settings, initial_network, train_dense

Stage = Callable[[Build], Any]
STAGES: tuple[Stage, ...] = (prepare_data, train_dense, compress, convert_model, evaluate_build)
# What a cell takes over from its dense parent, and from an earlier cell with the same sparse training.
DENSE_STAGES = ("train",)
SPARSE_STAGES = ("sparsify",)
CHECKED = "checked"  # the folder of the build that is only checked


@dataclass(frozen=True)
class CellBuild:
    """A cell and where it is built; can be sent to another process.

    Attributes:
        cell: What is built.
        source: As for :class:`~pipelines.stages.build.Build`.
        folder: The folder of the comparison; the cell's run is ``folder/cells/NAME``.
        epochs: As for :class:`~pipelines.stages.build.Build`.
        shares_with: Name of an earlier cell with the same sparse training; empty for none.
        stages: Further stages, after the evaluation.
    """

    cell: ComparisonCell
    source: str
    folder: Path
    epochs: Path | None = None
    shares_with: str = ""
    stages: tuple[Stage, ...] = ()

    @property
    def drawing(self) -> str:
        """The same for cells that draw the same epochs."""
        recipe = self.cell.recipe
        groups = [group.model_dump(mode="json") for group in (recipe.data, recipe.frontend, recipe.augment)]
        return f"epochs-seed{self.cell.seed}-{_digest(groups)[:12]}"

    @property
    def parent(self) -> str:
        """Name of the dense model that the cell begins with: the same for cells that share it.

        >>> build = CellBuild(ComparisonCell("a", None, 1, Recipe()), "synthetic", Path())
        >>> build.parent == replace(build, cell=ComparisonCell("b", 0.5, 1, Recipe(sparsity={}))).parent
        True
        """
        return f"dense-seed{self.cell.seed}-{_digest(dense_settings(self.cell.recipe))[:12]}"

    @property
    def sparse_key(self) -> str:
        """The same for cells with the same sparse training; empty for dense ones."""
        sparsity = self.cell.recipe.sparsity
        return _digest([self.parent, sparsity.model_dump(mode="json")]) if sparsity else ""

    @property
    def run_folder(self) -> Path:
        """The folder of the cell's run."""
        return self.folder / "cells" / self.cell.name

    @property
    def parent_folder(self) -> Path:
        """The folder of the dense parent's run."""
        return self.folder / "parents" / self.parent

    def open(self, folder: Path, reporter: Reporter, on_epoch: OnStageEpoch | None = None) -> Build:
        """The build of the cell's recipe in ``folder``."""
        return Build(self.cell.recipe, self.source, Run(folder), reporter, epochs=self.epochs, on_epoch=on_epoch)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def check_cells(builds: list[CellBuild], reporter: Reporter) -> None:
    """Read the data, and build every different network untrained, so that nothing is refused after a training.

    Raises:
        DataError: As :func:`pipelines.stages.prepare.prepare_data`.
        RecipeError: Naming every cell whose network or layers do not allow what its recipe asks for.
    """
    refused, seen = {}, set()
    build = None
    with reporter.task("checking", len(builds)) as task:
        for own in builds:
            task.advance(1, own.cell.name)
            key = _digest(own.cell.recipe.model_dump(mode="json") | {"seed": 0})
            if key in seen:
                continue
            seen.add(key)
            same_data = build is not None and build.recipe.clips == own.cell.recipe.clips
            if build is None or not same_data:
                build = own.open(own.folder / CHECKED, reporter)
                _ = build.index  # errors of the data are reported as they are
            checked = replace(build, recipe=own.cell.recipe)
            checked.__dict__["index"] = build.index
            try:
                network = initial_network(checked)
                if own.cell.recipe.model.name == OWN:
                    rehearse(own.cell.recipe, network, SILENT)
            except KwsError as error:
                refused[own.cell.name] = str(error).replace("\n", "\n    ")
    if refused:
        raise RecipeError(
            "these cells cannot be built:\n" + "\n".join(f"  {name}: {text}" for name, text in refused.items()),
            "Correct their variants.",
        )


def draw_features(build: CellBuild, counts: dict[int, int], reporter: Reporter) -> None:
    """Compute the epochs that several cells draw before any of them trains: nothing then disturbs their step times."""
    draw_epochs(build.open(build.folder / CHECKED, reporter), {offset: range(n) for offset, n in counts.items()})


def train_parent(build: CellBuild, reporter: Reporter) -> None:
    """Train the dense model that several cells begin with."""
    own = build.open(build.parent_folder, reporter)
    with own.run.locked():
        prepare_data(own)
        train_dense(own)


def run_cell(build: CellBuild, reporter: Reporter, on_epoch: OnStageEpoch | None = None) -> dict[str, Any]:
    """Do every stage of a cell that is not done yet, and return its row; see :func:`row_of`."""
    own = build.open(build.run_folder, reporter, on_epoch)
    with own.run.locked():
        own.run.adopt(Run(build.parent_folder), DENSE_STAGES)
        if build.shares_with:
            with suppress(KwsError):  # a broken one is reported where it is built
                own.run.adopt(Run(build.folder / "cells" / build.shares_with), SPARSE_STAGES)
        for stage in (*STAGES, *build.stages):
            stage(own)
        return row_of(own, build.cell)


def row_of(build: Build, cell: ComparisonCell) -> dict[str, Any]:
    """The figures of a finished build as a row of a comparison.

    ``accuracy`` (0 to 1, test split) of the ``int8`` file, of the ``float`` model that it was made of and of its
    ``dense`` parent; ``bits`` of each layer's weights where they are of few; ``n``, ``split_sha256`` and
    ``interpreter`` beside it; ``recall`` of each class; ``weights``, ``nonzero_weights`` and ``zero_share`` of the
    kernels in the int8 file; ``bytes`` of the file (raw, slim, gzip) and of the ``engine`` (constants in flash, arena
    in RAM) where it was exported; ``board``, where instructions were counted; ``stream``, where it was judged on
    streams (:func:`~kws_tfmot.evaluation.streaming.misses.misses_on_streams`); ``shrunk``, the size that automatic
    sizing found for each layer; ``step_ms`` and ``step_cpu_ms``, milliseconds of a training step on the clock and of
    the processor, and ``seconds`` of the stages; ``commits``, the commit that did each stage, which is not always the
    one that gathered the rows; ``sha256`` of the file.
    """
    run, sparsity = build.run, build.recipe.sparsity
    found, file = run.figures("evaluate"), run.figures("convert")["files"][INT8_MODEL]
    int8 = found[INT8_MODEL]
    weights = sum(row["weights"] for row in file["zeros"])
    zeros = sum(row["zeros"] for row in file["zeros"])
    engine = run.figures("export").get("engine", {})
    return {
        "cell": cell.name,
        "variant": cell.variant,
        "target": cell.target,
        "seed": cell.seed,
        "method": sparsity.method if sparsity else None,
        "pattern": sparsity.pattern if sparsity else None,
        "model": build.recipe.model.name,
        "bits": _bits(run) if build.recipe.quantization.low_bit else None,
        "accuracy": {
            "int8": int8["accuracy"],
            "float": found[PRUNED_MODEL if sparsity else FLOAT_MODEL]["accuracy"],
            "dense": found[FLOAT_MODEL]["accuracy"],
        },
        **{key: int8[key] for key in ("n", "split_sha256", "interpreter")},
        "recall": {label: row["recall"] for label, row in int8["per_class"].items()},
        "weights": weights,
        "nonzero_weights": weights - zeros,
        "zero_share": zeros / weights,
        "shrunk": run.figures("sparsify").get("shrunk") if sparsity else None,
        "bytes": file["bytes"] | {f"engine_{k}": engine[f"{k}_bytes"] for k in ("constant", "arena") if engine},
        "engine_differing_bytes": engine.get("differing_bytes"),
        "tflm_builtin_differing_bytes": int8["agreement"].get("builtin", {}).get("differing_values"),
        "board": run.figures("instructions") or None,
        "stream": run.figures("stream") or None,
        "step_ms": _step_times(run, "step_ms"),
        "step_cpu_ms": _step_times(run, "step_cpu_ms"),
        "seconds": run.seconds(),
        "commits": run.commits(),
        "sha256": file["sha256"],
    }


def _bits(run: Run) -> dict[str, int]:
    return {name: layer["bits"] for name, layer in run.figures("quantize")["layers"].items()}


def _step_times(run: Run, key: str) -> dict[str, float]:
    figures = {stage: run.figures(stage).get(key) for stage in ("train", "sparsify", "quantize")}
    return {stage: value for stage, value in figures.items() if value is not None}
