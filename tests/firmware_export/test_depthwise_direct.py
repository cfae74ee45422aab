"""Depthwise kernels that read inputs where they lie, and windows without the taps that only see padding."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from many_models import assert_on_board, assert_on_host, expected_of

from firmware_export.boards import BOARDS
from firmware_export.emulation.emulator import emulate
from firmware_export.engine import Engine, build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.graphs.layer_builder import LayerBuilder
from firmware_export.ir import Layout, Window
from firmware_export.operators.kernels.depthwise import Depthwise

KERNEL = "kws_depthwise_direct"
M4 = "mps2-an386"


class Case(NamedTuple):
    """A layer of one model."""

    given: tuple[int, int, int]
    window: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: str = "SAME"
    dilation: tuple[int, int] = (1, 1)
    multiplier: int = 1


def layer(case: Case, code: str = "DEPTHWISE_CONV_2D", filters: int = 6) -> bytes:
    """The layer between input and output, with random weights."""
    rng = np.random.default_rng(sum(case.given) + sum(case.window))
    w = GraphWriter()
    x = w.activation((1, *case.given), 0.5, -9)
    made = []
    for size, taps, stride, dilation in zip(case.given, case.window, case.stride, case.dilation, strict=False):
        reach = (taps - 1) * dilation + 1
        made.append(-(-size // stride) if case.padding == "SAME" else (size - reach) // stride + 1)
    depthwise = code == "DEPTHWISE_CONV_2D"
    channels = case.given[2] * case.multiplier if depthwise else filters
    shape = (1, *case.window, channels) if depthwise else (channels, *case.window, case.given[2])
    weights = rng.integers(-127, 128, shape).astype(np.int8)
    scales = rng.uniform(0.5, 1.5, channels).astype(np.float32) * np.float32(0.004)
    bias = w.biases(rng.integers(-2000, 2000, channels), scales * np.float32(0.5))
    y = w.activation((1, *made, channels), 0.5, 4)
    options = dict(zip(("stride_h", "stride_w"), case.stride, strict=True))
    options |= dict(zip(("dilation_h_factor", "dilation_w_factor"), case.dilation, strict=True))
    options |= {"depth_multiplier": case.multiplier} if depthwise else {}
    w.operator(code, [x, w.weights(weights, scales, 3 if depthwise else 0), bias], [y], padding=case.padding, **options)
    return w.finish([x], [y])


def cycles(model: bytes, board: str = M4, kernel: str = KERNEL, **options: object) -> float:
    """Of ``kernel``, which must be in the model and give TFLM's bytes."""
    report = emulate(model, board, random=3, **options)
    assert report.bit_exact
    return next(row["cycles"] for row in report.layers if row["kernel"] == kernel)


CASES = [
    Case((8, 8, 9), (4, 4), (4, 4), "VALID"),
    Case((4, 4, 9), (2, 2), (2, 2), "VALID"),
    Case((2, 2, 9), (3, 3)),
    Case((1, 4, 5), (3, 3)),
    Case((10, 9, 5), (8, 8), (3, 3)),
    Case((9, 1, 6), (3, 3), multiplier=3),
    Case((3, 4, 2), (2, 3), (1, 2), "VALID", multiplier=5),
    Case((7, 2, 3), (1, 1)),
    Case((12, 1, 6), (3, 1), dilation=(3, 1)),
    Case((1, 12, 6), (1, 3), dilation=(1, 3)),
    Case((1, 1, 1), (1, 1)),
]


@pytest.mark.device
@pytest.mark.parametrize("board", [M4, "mps2-an385", "mps3-an547", "microbit"])
def test_every_byte_is_tflm_s(board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Depthwise, "direct", property(lambda _: True))  # whatever is cheaper
    models = {"x".join(map(str, (*case.given, *case.window, *case.stride))): layer(case) for case in CASES}
    core = BOARDS[board].core
    engines = {name: build(model, name=f"m{n}", core=core) for n, (name, model) in enumerate(models.items())}
    assert len(engines) == len(CASES)
    for name, engine in engines.items():
        assert KERNEL in {call.functions[0] for call in engine.calls}, name
    expected = expected_of(models)
    assert_on_board(board, engines, expected, tmp_path)
    if board == M4:
        assert_on_host(engines, expected, tmp_path)


@pytest.mark.device
def test_taps_of_few_bits_have_the_padded_plane() -> None:
    model = layer(Case((2, 2, 80), (3, 3)))
    report = emulate(model, M4, random=2, encodings=("packed",))
    assert report.bit_exact


@pytest.mark.device
@pytest.mark.parametrize(
    ("case", "cmsis_nn"),
    [
        (Case((8, 8, 64), (4, 4), (4, 4), "VALID"), 54_735),
        (Case((4, 4, 64), (2, 2), (2, 2), "VALID"), 24_343),
        (Case((2, 2, 64), (3, 3)), 17_605),
        (Case((1, 4, 64), (3, 3)), 14_990),
        (Case((1, 1, 64), (3, 3)), 3_719),
        (Case((3, 8, 64), (5, 5), (2, 2)), 134_611),
        (Case((30, 1, 32), (3, 1), dilation=(2, 1)), 296_951),
    ],
)
def test_few_outputs_take_fewer_cycles_than_cmsis_nn(case: Case, cmsis_nn: int) -> None:
    """CMSIS-NN's figures are of the same shape, compiler and emulator."""
    assert cycles(layer(case)) < 0.95 * cmsis_nn


@pytest.mark.device
def test_large_planes_keep_their_kernels() -> None:
    for case, kernel in ((Case((25, 5, 4), (3, 3)), "five"), (Case((12, 10, 4), (3, 3), (2, 2)), "any")):
        assert f"kws_depthwise_{kernel}" in kernels(build(layer(case)))


def kernels(engine: Engine) -> set[str]:
    return {call.functions[0] for call in engine.calls}


@pytest.mark.parametrize(
    ("case", "taps"),
    [
        (Case((1, 1, 3), (3, 3)), 1),
        (Case((1, 1, 3), (5, 5), (2, 2)), 1),
        (Case((2, 1, 3), (7, 3)), 3),
        (Case((2, 2, 3), (3, 3)), 9),
        (Case((1, 1, 3), (2, 2), dilation=(2, 2)), 4),  # none of which sees an input
        (Case((2, 1, 3), (3, 3), dilation=(2, 2)), 1),
        (Case((4, 2, 3), (1, 1), (1, 2), "VALID"), 1),
    ],
)
@pytest.mark.parametrize("code", ["DEPTHWISE_CONV_2D", "CONV_2D"])
def test_taps_that_only_see_padding_are_not_stored(code: str, case: Case, taps: int) -> None:
    layers = build(layer(case, code)).program.layers
    weights = next(w for w in (each.operation.stored_weights for each in layers) if w is not None)
    each = taps * (1 if code == "DEPTHWISE_CONV_2D" else case.given[2])
    assert weights.shape[1] == each


@pytest.mark.device
@pytest.mark.parametrize(
    "case",
    [
        Case((1, 1, 8), (3, 3), (2, 2)),
        Case((2, 1, 8), (9, 3)),
        Case((3, 2, 5), (7, 7)),
        Case((8, 2, 5), (1, 1), (1, 2)),
        Case((1, 1, 3), (2, 2), dilation=(2, 2)),
    ],
)
def test_convolutions_without_them_give_tflm_s_bytes(case: Case) -> None:
    assert emulate(layer(case, "CONV_2D"), M4, random=3).bit_exact


def test_a_window_is_trimmed_axis_by_axis() -> None:
    """Taps between others stay, the stride of one output and the dilation of one tap go."""
    window = Window(Layout(4, 1, 2), Layout(2, 1, 2), 4, 3, 2, 2, 1, 2, first_y=-1, first_x=-2)
    trimmed, rows, columns = window.trimmed()
    assert (rows, columns) == (slice(0, 4), slice(1, 2))
    assert (trimmed.stride_y, trimmed.stride_x, trimmed.dilation_x, trimmed.first_x) == (2, 1, 1, 0)
    assert trimmed.trimmed()[0] == trimmed


def chain() -> bytes:
    """3x3 and five taps of few outputs, a window of all inputs and, behind it, one that sees a single one."""
    builder = LayerBuilder((1, 5, 4, 9), (0.5, -9))
    shapes = (((3, 2), (3, 3), 2, "SAME"), ((3, 2), (5, 1), 1, "SAME"), ((1, 1), (3, 2), 1, "VALID"))
    for shape, window, stride, padding in (*shapes, ((1, 1), (3, 3), 1, "SAME")):
        options = {"padding": padding, "stride_h": stride, "stride_w": stride, "depth_multiplier": 1}
        builder.layer("DEPTHWISE_CONV_2D", (1, *shape, 9), (1, *window, 9), window[0] * window[1], **options)
    return builder.writer.finish([builder.first], [builder.last])


@pytest.mark.device
@pytest.mark.parametrize(
    ("core", "board", "kinds"),
    [
        ("cortex-m3", "mps2-an385", ["small", "any", "column", "column"]),
        ("cortex-m0plus", "microbit", ["small", "any", "column", "column"]),
        ("cortex-m55", "mps3-an547", ["any", "wide", "column", "column"]),
    ],
)
def test_each_core_takes_the_kernel_that_is_cheaper_there(core: str, board: str, kinds: list[str]) -> None:
    """Where M4 reads inputs where they lie; the bytes are the same whoever's choice it is, the cycles no more."""
    elsewhere = [one.functions[0].removeprefix("kws_depthwise_") for one in build(chain()).calls]
    assert elsewhere[-4:] == ["small", "direct", "column", "direct"]
    own, other = (emulate(chain(), board, random=2, core=each) for each in (core, "cortex-m4"))
    assert own.bit_exact and other.bit_exact
    assert [row["kernel"].removeprefix("kws_depthwise_") for row in own.layers][-4:] == kinds
    for mine, its in zip(own.layers, other.layers, strict=True):
        assert mine["cycles"] <= its["cycles"] + 20
