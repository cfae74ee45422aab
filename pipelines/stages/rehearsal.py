"""Whether a network would become C code: asked before it is trained, and nothing is made of the answer."""

from __future__ import annotations

import tempfile
from pathlib import Path

from firmware_export.engine import export_engine
from firmware_export.tflm.export import export_tflm
from kws_tfmot.errors import KwsError, ModelError
from kws_tfmot.recipe import Recipe
from kws_tfmot.tflite.metadata import write_settings


def check_export(recipe: Recipe, model: bytes) -> None:
    """Write the C code of ``model`` for every target of the recipe and throw it away.

    Raises:
        ModelError: Naming every target that refuses, with its reason.
    """
    problems, hints = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(write_settings(model, recipe.contract().to_settings()))
        for target in recipe.export.targets:
            try:
                if target == "tflm":
                    export_tflm(path, Path(folder) / target, name=recipe.export.name)
                else:
                    export_engine(path, Path(folder) / target, optimise=recipe.export.optimise)
            except KwsError as error:
                problems.append(f"{target}: {error.message}")
                hints.append(error.hint)
    if problems:
        others = sorted({"tflm", "engine"} - {problem.partition(":")[0] for problem in problems})
        way_out = f"Write what can be written: export.targets=[{others[0]}]." if others else hints[0]
        raise ModelError("the network would train, but not become C code:\n  " + "\n  ".join(problems), way_out)
