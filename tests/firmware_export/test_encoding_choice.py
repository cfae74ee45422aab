"""The cost model by its formula, and its choice against all there are."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from firmware_export.encodings import ENCODINGS
from firmware_export.encodings.core_costs import CODE, COSTS
from firmware_export.encodings.cost_model import TILT, Estimate, choose, choose_depthwise, estimate
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.lowering.lower import lower
from firmware_export.operators.kernels.convolution import Convolution
from kws_tfmot.errors import RecipeError
from kws_tfmot.tflite.reader import read_model

CHANNELS = 24


def operation(rows: np.ndarray, kind: str) -> Convolution:
    """``rows`` of weights: a window 4 x 1 over 5 x 2 pixels, one of one pixel over 11 x 7, or times a vector."""
    channels, depth = rows.shape
    w, scales = GraphWriter(), np.full(channels, 0.01, np.float32)
    inputs = depth // 4 if kind == "window" else depth
    place = {"vector": (1, 1), "window": (5, 2), "pointwise": (11, 7)}[kind]
    x, y = w.activation((1, *place, inputs), 0.5, 3), w.activation((1, *place, channels), 1.0, -5)
    taps = rows.reshape(channels, -1, inputs, 1).transpose(0, 1, 3, 2)
    bias = w.biases(np.arange(channels) * 99, scales * np.float32(0.5))
    w.operator("CONV_2D", [x, w.weights(taps, scales, 0), bias], [y], padding="SAME", stride_h=1, stride_w=1)
    layers = lower(read_model(w.finish([x], [y]))).layers
    (found,) = (layer.operation for layer in layers if isinstance(layer.operation, Convolution))
    return found


def sparse(seed: int, depth: int, zeros: float, values: tuple[int, ...] = tuple(range(1, 100))) -> np.ndarray:
    rng = np.random.default_rng(seed)
    chosen = rng.choice(np.array(values), (CHANNELS, depth)) * rng.choice([-1, 1], (CHANNELS, depth))
    return np.where(rng.random(chosen.shape) < zeros, 0, chosen).astype(np.int8)


def visited_and_words(encoding: str, rows: np.ndarray) -> tuple[float, float]:
    """What a kernel goes through, counted in the matrix."""
    encoded = ENCODINGS[encoding].encode(rows)
    assert encoded is not None
    nonzero = np.count_nonzero(rows, axis=1)
    gaps = [np.diff(np.flatnonzero(row), prepend=0) for row in rows]
    steps = [sum(1 + max(gap - 1, 0) // 15 for gap in row) for row in gaps]  # a zero weight every 15 places
    by_twos = sum(count + count % 2 for count in steps)
    return {
        "bitmap": (nonzero.sum(), CHANNELS * -(-rows.shape[1] // 32)),
        "index": (nonzero.sum(), 0),
        "delta": (by_twos, 0),
        "delta4": (by_twos, 0),
        "block": (np.count_nonzero(rows.reshape(CHANNELS, -1, 4).any(axis=2)), 0),
        "nm": (rows.size / (encoded.group or 1) * encoded.bits, 0),
        "planes": (rows.size * encoded.bits, CHANNELS * encoded.bits),
    }.get(encoding, (rows.size, 0))


@pytest.mark.parametrize("core", sorted(COSTS))
@pytest.mark.parametrize("kind", ["window", "pointwise", "vector"])
def test_an_estimate_is_its_formula(kind: str, core: str) -> None:
    """Eight pixels at once, dense rows by twos four; a window's im2col in place of the column's, of planes beside it.

    Of the window, 4 x 1 over 5 x 2 pixels, 16 of 20 taps see an input (0.844 where it was fitted), and twelve of two
    blocks' sixteen pixels are there.
    """
    costs, judged = COSTS[core], set()
    many, few, odd = sparse(1, 64, 0.5), sparse(2, 64, 0.5, (1, 2)), sparse(3, 64, 0.0, (8, 24))
    for rows, encoding in product((many, few, odd), ENCODINGS):
        step = operation(rows, kind)
        found = estimate(encoding, step, core)
        if found is None:
            continue
        wide = {"table": found.encoded.bits > 4, "planes": (2**found.encoded.bits - 1) * 64 >= 256}
        name = f"wide_{encoding}" if wide.get(encoding) else encoding
        kernel = (costs.vector if kind == "vector" else costs.convolution)[name]
        visited, words = visited_and_words(encoding, step.weights)
        column = kernel.column
        if kind == "window":
            im2col = costs.window * (0.2 + 0.8 * 12 / 16 * 16 / 20 / 0.844)
            column = column + costs.planes_window if encoding == "planes" else im2col
        output = step.window.output
        blocks = 1 if kind == "vector" else -(-output.plane // 8)
        if (width := step.narrow(encoding)) and f"narrow_{width}" in costs.convolution:
            kernel, blocks = costs.convolution[f"narrow_{width}"], -(-output.pixels // width)
            column = kernel.column if kind == "pointwise" else 19.3 * width
        by_fours = (core, encoding) == ("m4", "dense") and kind != "vector" and step.paired("dense")
        products = -(-output.plane // 4) / 2 if by_fours else blocks
        each = visited * kernel.each + words * kernel.word + CHANNELS * kernel.row
        assert found.cycles == pytest.approx(products * each + blocks * 64 * column)
        judged.add(encoding)
        assert (found.encoding, found.bytes) == (encoding, ENCODINGS[encoding].encode(step.weights).size)
    assert judged == set(ENCODINGS) - ({"planes", "delta"} if kind == "vector" else set())


@pytest.mark.parametrize("core", sorted(COSTS))
def test_pixel_by_pixel_each_is_a_vector_and_what_its_window_brings(core: str) -> None:
    costs, step = COSTS[core], replace(operation(sparse(2, 64, 0.5, (1, 2)), "window"), by_pixels=True)
    dense, index = estimate("dense", step, core), estimate("index", step, core)
    assert dense is not None and index is not None
    assert estimate("planes", step, core) is None and estimate("delta", step, core) is None
    for found, visited in ((dense, CHANNELS * 64), (index, np.count_nonzero(step.weights))):
        kernel = costs.vector[found.encoding]
        product = visited * kernel.each + CHANNELS * kernel.row + 64 * kernel.column
        brought = (4 * costs.pixel.run + 64 * costs.pixel.input) * 16 / 20
        assert found.cycles == pytest.approx(10 * (product + brought + costs.pixel.each + 24 * costs.pixel.put))


@pytest.mark.parametrize("optimise", sorted(TILT))
def test_the_choice_costs_least_of_all_there_are(optimise: str) -> None:
    pairs = [
        (operation(sparse(seed, depth, zeros), kind), operation(sparse(seed + 1, 64, other, values), last))
        for seed, depth, zeros, kind, other, values, last in [
            (1, 16, 0.5, "pointwise", 0.5, tuple(range(1, 100)), "pointwise"),
            (3, 64, 0.8, "window", 0.9, (1, 2, 5), "vector"),
            (5, 128, 0.95, "pointwise", 0.0, (1, 3), "window"),
            (7, 64, 0.0, "pointwise", 0.7, (9,), "vector"),
        ]
    ]
    for operations in pairs:
        offers = [[e for name in ENCODINGS if (e := estimate(name, op)) is not None] for op in operations]
        dense = [next(e for e in offer if e.encoding == "dense") for offer in offers]

        def cost(picked: tuple[Estimate, ...], operations=operations, dense=dense) -> float:
            used = {(e.encoding, op.vector) for e, op in zip(picked, operations, strict=True)}
            code = sum(CODE[name] // 2 if vector else CODE[name] for name, vector in used)
            cycles = sum(e.cycles for e in picked) / sum(e.cycles for e in dense)
            return cycles + TILT[optimise] * (code + sum(e.bytes for e in picked)) / sum(e.bytes for e in dense)

        least, found = min(map(cost, product(*offers))), cost(tuple(choose(list(operations), optimise)))
        # A layer takes the cheapest by itself of a set, which may need a larger kernel where the other is a vector.
        alike = len({op.vector for op in operations}) == 1
        assert found == pytest.approx(least) if alike else least * (1 - 1e-9) <= found <= 1.003 * least
        only = choose(list(operations), optimise, ("bitmap", "bitmap"))
        assert {e.encoding for e in only} == {"bitmap"}


def test_weights_that_no_allowed_encoding_takes_stay_dense() -> None:
    operations = [operation(sparse(1, 64, 0.0, (1, 3)), "pointwise"), operation(sparse(2, 64, 0.5), "pointwise")]
    assert [e.encoding for e in choose(operations, "size", ("planes",))] == ["planes", "dense"]
    assert [e.encoding for e in choose(operations, "size", ())] == ["dense", "dense"]
    assert choose([], "size") == []


@pytest.mark.parametrize(
    ("optimise", "allowed", "message"),
    [
        ("sped", None, r"expected optimise to be one of speed, balanced, size\. Received: 'sped'\..*speed"),
        ("size", ("bitmap", "blok"), r"unknown encoding 'blok'\. Allowed: .*bitmap.*\..*block"),
    ],
)
def test_an_unknown_name_is_refused(optimise: str, allowed: tuple[str, ...] | None, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        choose([operation(sparse(1, 8, 0.5), "vector")], optimise, allowed)


@pytest.mark.parametrize("saved", [600, 601])
def test_depthwise_weights_are_packed_where_that_saves_more_than_the_code(saved: int) -> None:
    weights = np.tile(np.array([-2, 1, 0, 1], np.int8), (1, 4 * saved // 12))  # two bits: three quarters are saved
    weights = weights[:, : saved * 4 // 3]
    ops = [SimpleNamespace(weights=weights), SimpleNamespace(weights=np.arange(-128, 128, dtype=np.int8)[None])]
    picked = choose_depthwise(ops, None)  # type: ignore[arg-type]
    packed = ENCODINGS["packed"].encode(weights)
    assert packed is not None
    assert picked[1] is None and (picked[0] is not None) == (weights.size - packed.size > 600)
    assert choose_depthwise(ops, ("dense",), unpacking=True) == [None, None]  # type: ignore[arg-type]
    brought = choose_depthwise(ops, ("packed", "table"), unpacking=True)[0]  # type: ignore[arg-type]
    assert brought is not None and (brought.encoding, brought.bytes) == ("packed", packed.size)
