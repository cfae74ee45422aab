"""Every default and every bound of settings, as they are meant to be: who moves one moves it here too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kws_tfmot.evaluation.streaming.composed import StreamSettings
from kws_tfmot.recipe import Recipe
from kws_tfmot.search.omni.omni_settings import EvolutionSettings
from pipelines.stages.sweep.sweep_settings import EarlyStopping, Sweep

GROUPS = (Recipe, StreamSettings, EvolutionSettings, EarlyStopping, Sweep)
"""Settings that are read for themselves; those inside of them come with them."""
MEANT = Path(__file__).with_name("settings.json")
BOUNDS = {f"{kind}{side}" for kind in ("m", "exclusiveM") for side in ("inimum", "aximum")} | {"minItems", "maxItems"}
SAID = BOUNDS | {"default", "enum", "const"}


def found() -> dict[str, dict[str, Any]]:
    """``{"Group.key": what it allows}`` of all groups, as JSON schema names it."""
    groups: dict[str, Any] = {}
    for each in GROUPS:
        schema = each.model_json_schema()
        groups |= {each.__name__: schema, **schema.get("$defs", {})}
    return {
        f"{group}.{key}": limits
        for group, described in sorted(groups.items())
        for key, value in sorted(described.get("properties", {}).items())
        if (limits := limits_of(value))
    }


def limits_of(value: Any) -> dict[str, Any]:
    """What a schema says of a value, those of its alternatives and items too."""
    said = {name: value[name] for name in SAID & value.keys()}
    for name in ("anyOf", "prefixItems"):
        if inner := [each for each in map(limits_of, value.get(name, [])) if each]:
            said[name] = inner
    if "items" in value and (each := limits_of(value["items"])):
        said["items"] = each
    return said


def test_defaults_and_bounds_are_those_that_are_meant() -> None:
    meant, now = json.loads(MEANT.read_text("utf-8")), json.loads(json.dumps(found()))
    assert now == meant, "python -m tests.test_bounds writes what they are now"


@pytest.mark.parametrize("key", ["Gradual.begin", "Gradual.l1", "TrainSettings.learning_rate"])
def test_limits_are_among_them(key: str) -> None:
    assert BOUNDS & json.loads(MEANT.read_text("utf-8"))[key].keys()


if __name__ == "__main__":
    MEANT.write_text(json.dumps(found(), indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
