"""What the cost model says of an encoding's cycles is what the emulator models."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.emulator import emulate
from firmware_export.encodings import ENCODINGS
from firmware_export.encodings.core_costs import COSTS, KernelCost
from firmware_export.encodings.cost_model import estimate
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.search_costs.encoding_cost import CORES, Fit, fit, measure, window_column

pytestmark = pytest.mark.device
OUTPUTS = 32
# What each estimate may be off by, of the modelled cycles.
WITHIN = {"table": 0.12, "row_tables": 0.12}


def weights(encoding: str, depth: int) -> np.ndarray:
    """Rows that the encoding is made for, int8 [32, depth]."""
    rng = np.random.default_rng(1)
    if encoding in ("planes", "row_tables"):
        return (4 * (2 * rng.integers(0, 8, (OUTPUTS, depth)) - 7)).astype(np.int8)
    if encoding == "packed":
        return rng.integers(-8, 8, (OUTPUTS, depth)).astype(np.int8)
    if encoding == "table":
        return rng.choice(np.array([-90, -33, -7, 0, 5, 21, 64, 101]), (OUTPUTS, depth)).astype(np.int8)
    values = rng.integers(1, 20, (OUTPUTS, depth)) * rng.choice([-1, 1], (OUTPUTS, depth))
    if encoding == "dense":
        return (5 * values).astype(np.int8)
    if encoding == "nm":
        kept = rng.permuted(np.tile([True, True, False, False], (OUTPUTS, depth // 4, 1)), axis=2)
    elif encoding == "block":
        kept = np.repeat(rng.random((OUTPUTS, depth // 4)) > 0.75, 4, axis=1)
    else:
        kept = rng.random((OUTPUTS, depth)) > 0.75
    return np.where(kept.reshape(OUTPUTS, depth), values, 0).astype(np.int8)


def convolution(rows: np.ndarray) -> bytes:
    """10 x 4 on a plane of 12 x 10, as the first layer of a DS-CNN."""
    w, scales = GraphWriter(), np.full(OUTPUTS, 0.01, np.float32)
    x, y = w.activation((1, 12, 10, 1), 0.5, 3), w.activation((1, 12, 10, OUTPUTS), 1.0, -5)
    bias = w.biases(np.arange(OUTPUTS) * 99, scales * np.float32(0.5))
    given = [x, w.weights(rows.reshape(OUTPUTS, 10, 4, 1), scales, 0), bias]
    w.operator("CONV_2D", given, [y], padding="SAME", stride_h=1, stride_w=1)
    return w.finish([x], [y])


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_a_convolution_takes_the_cycles_that_were_estimated(encoding: str) -> None:
    model = convolution(weights(encoding, 40))
    engine = build(model, encodings=(encoding,))
    ((number, picked),) = [(i, picked) for i, picked in enumerate(engine.picked) if picked is not None]
    assert picked.encoding == encoding
    expected = estimate(encoding, engine.program.layers[number].operation)
    assert expected is not None
    report = emulate(model, "mps2-an386", random=1, encodings=(encoding,))
    assert report.bit_exact
    modelled = report.layers[number]["cycles"]
    assert modelled == pytest.approx(expected.cycles, rel=WITHIN.get(encoding, 0.055))


def same(constants: KernelCost, found: Fit) -> bool:
    """Whether each constant is what was fitted, but for what the compiler's placing of code changes."""
    pairs = [(getattr(constants, name), getattr(found, name)) for name in ("each", "word", "row", "column")]
    return all(was == pytest.approx(now, rel=0.03, abs=0.5) for was, now in pairs)


@pytest.mark.parametrize(("kind", "vector"), [("delta", False), ("dense", True)])
def test_the_constants_of_the_commonest_kernels_are_the_emulator_s(kind: str, vector: bool) -> None:
    found = fit(kind, "m4", vector)
    kernels = COSTS["m4"].vector if vector else COSTS["m4"].convolution
    assert found is not None and same(kernels[kind], found)


@pytest.mark.slow
@pytest.mark.parametrize("core", sorted(CORES))
def test_every_constant_is_the_emulator_s(core: str) -> None:
    found, costs = measure(core, lambda text: None), COSTS[core]
    wrong = []
    for form, kernels in (("conv", costs.convolution), ("fc", costs.vector)):
        fits = {kind: forms[form] for kind, forms in found.items() if forms[form] is not None}
        assert set(fits) == set(kernels)
        wrong += [(form, kind) for kind, one in fits.items() if one is not None and not same(kernels[kind], one)]
    assert wrong == []
    assert costs.window == pytest.approx(window_column(core), rel=0.03)
