"""Costs of sub-networks, against the engine's own choice and the emulator's counts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.encodings.cost_model import TILT
from firmware_export.engine import build
from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from firmware_export.search_costs.subnet_cost import SubnetCosts
from kws_tfmot.tflite.reader import read_model

GRID = (0.0, 0.75, 0.95)


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    return [ds_cnn(sparsity) for sparsity in GRID]


@pytest.fixture(scope="module")
def layer_of(files) -> dict[int, int]:
    convolutions = [o.index for o in read_model(files[0]).operators if o.code == "CONV_2D"]
    return {operator: number for number, operator in enumerate(convolutions)}


@pytest.mark.parametrize("optimise", TILT)
def test_encodings_and_bytes_are_those_the_engine_takes(files, layer_of, optimise: str) -> None:
    costs = SubnetCosts(files, layer_of, optimise=optimise)
    for level, data in enumerate(files):
        engine = build(data, optimise=optimise)
        levels = (level,) * len(layer_of)
        assert list(costs.encodings(levels).values()) == [p.encoding for p in engine.picked if p]
        found = costs(levels)
        assert found["weights"] == pytest.approx(engine.constant_bytes, abs=64)
        assert found["macs"] == sum(engine.work(n)[1] for n in range(len(engine.program.layers)))


def test_mixed_levels_cost_between_uniform_ones(files, layer_of) -> None:
    costs = SubnetCosts(files, layer_of, optimise="size")
    rng = np.random.default_rng(0)
    least, most = (costs((level,) * len(layer_of)) for level in (2, 0))
    for _ in range(10):
        mixed = costs(tuple(int(x) for x in rng.integers(0, 3, len(layer_of))))
        for key in ("weights", "macs"):
            assert least[key] <= mixed[key] <= most[key]
    assert set(mixed) == {"weights", "macs"}  # nothing is said of a board that was not named


@pytest.mark.device
def test_a_board_s_costs_are_what_the_emulator_counts(files, layer_of, tmp_path) -> None:
    reported: list[str] = []
    cache = tmp_path / "costs.json"
    costs = SubnetCosts(files, layer_of, "mps2-an386", cache=cache, progress=reported.append)
    for level in (0, 2):
        found = costs((level,) * len(layer_of))
        report = emulate(files[level], random=1)
        assert found["flash"] == pytest.approx(report.flash_bytes, abs=64)
        assert found["ram"] == report.ram_bytes + report.stack_bytes
        assert found["instructions"] == pytest.approx(report.instructions, rel=0.003)
    assert reported
    reported.clear()
    again = SubnetCosts(files, layer_of, "mps2-an386", cache=cache, progress=reported.append)
    assert again((2,) * len(layer_of)) == costs((2,) * len(layer_of))
    assert not reported  # nothing was linked or counted a second time


@pytest.mark.parametrize("content", ["", "[]", '{"identity": 3}', "IDENTITY"])
def test_a_damaged_cache_counts_as_none(files, layer_of, tmp_path, content: str) -> None:
    cache = tmp_path / "costs.json"
    sound = SubnetCosts(files, layer_of)
    cache.write_text(content.replace("IDENTITY", json.dumps({"identity": sound.identity, "fixed": [3]})))
    assert SubnetCosts(files, layer_of, cache=cache)((0,) * len(layer_of)) == sound((0,) * len(layer_of))
