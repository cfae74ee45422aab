"""Encodings are chosen by the cycles of a core: the estimates are the emulator's, and results do not depend on it."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.cycles import Cycles
from firmware_export.emulation.emulator import emulate
from firmware_export.encodings import ENCODINGS
from firmware_export.encodings.core_costs import CODE, COSTS, core_of
from firmware_export.engine import build
from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from kws_tfmot.errors import RecipeError


def picked(sparsity: float, core: str) -> list[str]:
    return [p.encoding for p in build(ds_cnn(sparsity), core=core).picked if p]


def test_every_core_has_every_kernel() -> None:
    kinds = {*ENCODINGS, "wide_table", "wide_planes"}
    for core, costs in COSTS.items():
        narrow = {f"narrow_{pixels}" for pixels in (4, 6, 10)} if core == "m4" else set()
        assert set(costs.convolution) == kinds | narrow
        assert set(costs.vector) == kinds - {"delta", "planes", "wide_planes"}  # which have no kernel there
    assert set(CODE) == set(ENCODINGS)


def test_one_model_is_stored_differently_for_other_cores() -> None:
    found = {core: picked(0.9, core) for core in COSTS}
    assert found["m4"][:5] == ["delta"] * 5
    assert found["m3"] != found["m4"]


@pytest.mark.device
@pytest.mark.parametrize(("board", "sparsity"), [("mps2-an386", 0.75), ("mps2-an385", 0.9)])
def test_estimates_are_the_cycles_of_the_board(board: str, sparsity: float) -> None:
    report = emulate(ds_cnn(sparsity), board, random=1)
    engine = build(ds_cnn(sparsity), core=report.core)
    assert report.bit_exact
    estimates = {n: p.cycles for n, p in enumerate(engine.picked) if p}
    for row in report.layers:
        number = int(row["layer"].split()[0])
        if number in (2, 4, 6, 8):
            measured = Cycles(*row["cycles_range"]).middle
            layer = next(n for n, one in enumerate(engine.program.layers) if one.name.split()[0] == str(number))
            assert estimates[layer] == pytest.approx(measured, rel=0.03)


def test_the_core_does_not_change_a_byte() -> None:
    from firmware_export.emulation.host import EngineInterpreter

    data = ds_cnn(0.9)
    batch = np.random.default_rng(0).integers(-128, 128, (4, 49, 10, 1)).astype(np.int8)
    first = EngineInterpreter(data, core="cortex-m4").run(batch)
    for core in ("cortex-m0plus", "cortex-m3", "cortex-m55"):
        np.testing.assert_array_equal(EngineInterpreter(data, core=core).run(batch), first)


def test_unknown_cores_are_refused_with_the_way_out() -> None:
    assert (core_of("Cortex-M33F"), core_of("cortex-m0+"), core_of("m85")) == ("m4", "m0plus", "m55")
    with pytest.raises(RecipeError, match="Did you mean 'cortex-m4'"):
        build(ds_cnn(), core="cortex-m44")
