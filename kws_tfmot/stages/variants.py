"""Several ways to compress the same dense model, judged on the same clips: what a comparison of methods needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kws_tfmot.recipe import Recipe
from kws_tfmot.stages.build import Build
from kws_tfmot.stages.compress import compress
from kws_tfmot.stages.convert import INT8_MODEL, convert_model
from kws_tfmot.stages.evaluate import evaluate_build
from kws_tfmot.stages.prepare import prepare_data
from kws_tfmot.stages.train import FLOAT_MODEL, train_dense


@dataclass(frozen=True)
class Variant:
    """One way through the stages after ``train``: changes to the recipe under a name, and its folder's name."""

    name: str
    folder: str
    changes: dict[str, Any]

    def apply(self, recipe: Recipe, seed: int) -> Recipe:
        """The recipe of this variant with ``seed``."""
        values = recipe.model_dump(mode="json") | {"seed": seed}
        for key, change in self.changes.items():
            values[key] = change if change is None else (values.get(key) or {}) | change
        return Recipe.parse(values)


# The later ones take over what the first has trained.
SHARED_STAGES = ("train", "sparsify")
VARIANTS = (
    Variant("pruned, PQAT int8", "pruned-pqat", {}),
    Variant("pruned, PTQ int8", "pruned-ptq", {"quantization": {"mode": "ptq"}, "convert": {"also": []}}),
    Variant("dense, QAT int8", "dense-qat", {"sparsity": None, "convert": {"also": []}}),
)


def run_variant(build: Build, variant: Variant, seed: int) -> dict[str, Any]:
    """Do the stages of one variant with one seed (skipping what is done) and return its figures."""
    own = replace(build, recipe=variant.apply(build.recipe, seed))
    for stage in (prepare_data, train_dense, compress, convert_model, evaluate_build):
        stage(own)
    found = own.run.figures("evaluate")
    int8 = found[INT8_MODEL]
    zeros = own.run.figures("convert")["files"][INT8_MODEL]["zeros"]
    keys = ("n", "split_sha256", "interpreter")
    return {
        "variant": variant.name,
        "seed": seed,
        "float_dense": found[FLOAT_MODEL]["accuracy"],
        "int8": int8["accuracy"],
        "recall": {label: row["recall"] for label, row in int8["per_class"].items()},
        "zero_share": sum(row["zeros"] for row in zeros) / sum(row["weights"] for row in zeros),
        "bytes": own.run.figures("convert")["files"][INT8_MODEL]["bytes"],
        "differing_bytes_tflm_builtin": int8["agreement"].get("builtin", {}).get("differing_values"),
        "sha256": own.run.figures("convert")["files"][INT8_MODEL]["sha256"],
        "seconds": own.run.seconds(),
        **{key: int8[key] for key in keys},
    }


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and sample standard deviation of the int8 accuracy over the seeds, a row for each variant.

    >>> rows = [{"variant": "a", "int8": x, "zero_share": 0.5, "n": 10} for x in (0.8, 0.9)]
    >>> [(r["variant"], round(r["mean"], 3), round(r["spread"], 3), r["seeds"]) for r in summarise(rows)]
    [('a', 0.85, 0.071, 2)]
    """
    result = []
    for name in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == name]
        values = np.array([row["int8"] for row in own])
        result.append(
            {
                "variant": name,
                "mean": float(values.mean()),
                "spread": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
                "seeds": len(values),
                "zero_share": float(np.mean([row["zero_share"] for row in own])),
                "n": own[0]["n"],
            }
        )
    return result
