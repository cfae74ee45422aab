"""Counts of older comparisons are replaced by today's, or taken out."""

from __future__ import annotations

import pytest

from kws_tfmot.recipe import Recipe
from pipelines.experiments import run_recount


def row(variant: str) -> dict[str, object]:
    """One row of a comparison, counted by an engine of before cycles were modelled."""
    return {
        "variant": variant,
        "target": None,
        "seed": 1,
        "n": 9,
        "accuracy": {"int8": 0.5},
        "nonzero_weights": 5,
        "zero_share": 0.0,
        "bytes": {"slim": 7},
        "board": {"instructions": 1, "flash_bytes": 2},
    }


def test_dense_networks_are_counted_again_and_the_rest_has_no_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_recount, "count", lambda recipe: {"instructions": 3, "cycles": 4, "flash_bytes": 5})
    recipes = {
        "dense": {"name": "dense"},
        "sparse": {"name": "sparse", "sparsity": {"method": "gradual", "target": 0.9}},
        "clustered": {"name": "clustered", "quantization": {"mode": "qat", "clusters": 4}},
    }
    record = {"baseline": "dense", "recipes": recipes, "rows": [row(name) for name in recipes]}
    new = run_recount.recounted(record)
    boards = {own["variant"]: own["board"] for own in new["rows"]}
    assert boards == {"dense": {"instructions": 3, "cycles": 4, "flash_bytes": 5}, "sparse": None, "clustered": None}
    forecasts = {own["variant"]: own.get("forecast") for own in new["rows"]}
    assert forecasts == {"dense": None, "sparse": {"instructions": 3, "cycles": 4, "flash_bytes": 5}, "clustered": None}
    summary = {entry["variant"]: entry for entry in new["summary"]}
    assert summary["dense"]["cycles"]["mean"] == 4 and summary["sparse"]["instructions"] is None
    assert record["rows"][0]["board"]["instructions"] == 1  # left as it was


def test_the_networks_of_a_search_come_from_their_cells() -> None:
    space = {"width": 12, "mix": 36}
    found = {
        "cells": ["3x3 e2", "zero"],
        "space": space,
        "costs": {"instructions": 9.0},
        "most_probable": {"cells": ["3x3 e1", "zero"], "costs": {"instructions": 9.0}},
        "history": [{"loss": 1.0, "expected_instructions": 8.0}],
    }
    record = {"baseline": "DS-CNN s", "recipe": {"name": "search"}, "searches": {"by MACs": found}}
    recipes = run_recount.recipes_of(record)
    assert recipes["DS-CNN s"].model.name == "ds_cnn"
    model = recipes["searched by MACs"].model
    assert (model.name, model.width, model.mix, list(model.cells)) == ("mbconv", 12, 36, ["3x3 e2", "zero"])
    assert isinstance(recipes["searched by MACs"], Recipe)
