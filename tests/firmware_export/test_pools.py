"""Pools of outputs beside each other: TFLM's bytes, and no slower than CMSIS-NN's kernels."""

from __future__ import annotations

from pathlib import Path

import pytest
from many_models import assert_on_board, assert_on_host, expected_of

from firmware_export.emulation.emulator import emulate
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter

M4 = "mps2-an386"
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")


def pool(
    code: str, given: tuple[int, int, int], window: tuple[int, int], stride: tuple[int, int], padding: str, act: str
) -> bytes:
    """One pool between input and output."""
    w = GraphWriter()
    shape = tuple(
        -(-size // step) if padding == "SAME" else (size - taps) // step + 1
        for size, taps, step in zip(given[:2], window, stride, strict=True)
    )
    x, y = w.activation((1, *given), 0.05, -9), w.activation((1, *shape, given[2]), 0.05, -9)
    options = {"stride_h": stride[0], "stride_w": stride[1], "filter_height": window[0], "filter_width": window[1]}
    w.operator(code, [x], [y], padding=padding, fused_activation_function=act, **options)
    return w.finish([x], [y])


def cycles(model: bytes, board: str = M4) -> float:
    """Of the pool, whose bytes must be TFLM's."""
    report = emulate(model, board, random=3)
    assert report.bit_exact
    return next(row["cycles"] for row in report.layers if row["kernel"].startswith(("kws_average", "kws_max")))


SHAPES = [
    ((7, 8, 3), (1, 2), (1, 2)),
    ((6, 3, 5), (1, 2), (1, 1)),
    ((9, 10, 2), (2, 1), (1, 1)),
    ((13, 1, 3), (3, 1), (3, 1)),
    ((13, 1, 3), (3, 3), (1, 1)),
    ((5, 7, 3), (2, 2), (2, 2)),
    ((7, 9, 2), (3, 3), (1, 3)),
    ((4, 12, 3), (5, 5), (2, 2)),
    ((9, 9, 2), (2, 2), (4, 4)),
    ((17, 16, 1), (16, 16), (1, 1)),
    ((1, 1, 5), (2, 2), (2, 2)),
    ((1, 2, 2), (1, 1), (1, 1)),
]


@pytest.mark.device
@pytest.mark.parametrize("code", POOLS)
def test_every_byte_is_tflm_s(code: str, tmp_path: Path) -> None:
    models = {}
    for given, window, stride in SHAPES:
        within = (min(window[0], given[0]), min(window[1], given[1]))
        models[f"{given} {window} {stride} SAME"] = pool(code, given, window, stride, "SAME", "RELU6")
        models[f"{given} {window} {stride} VALID"] = pool(code, given, within, stride, "VALID", "NONE")
    engines = {name: build(model, name=f"m{n}") for n, (name, model) in enumerate(models.items())}
    assert len(engines) == 2 * len(SHAPES)
    for name, engine in engines.items():
        assert any(call.functions[0].startswith(("kws_average", "kws_max")) for call in engine.calls), name
    expected = expected_of(models)
    assert_on_board(M4, engines, expected, tmp_path)
    assert_on_host(engines, expected, tmp_path)


@pytest.mark.device
@pytest.mark.parametrize("board", ["mps3-an547", "mps2-an385"])
@pytest.mark.parametrize("code", POOLS)
def test_other_cores_give_the_same(code: str, board: str) -> None:
    assert cycles(pool(code, (30, 1, 17), (3, 1), (2, 1), "SAME", "NONE"), board) > 0


@pytest.mark.device
@pytest.mark.parametrize(
    ("code", "given", "window", "stride", "cmsis_nn"),
    [
        ("AVERAGE_POOL_2D", (30, 1, 32), (2, 1), (2, 1), 21_690),
        ("AVERAGE_POOL_2D", (7, 8, 64), (1, 2), (1, 2), 73_478),
        ("AVERAGE_POOL_2D", (12, 12, 16), (2, 2), (2, 2), 39_402),
        ("MAX_POOL_2D", (30, 1, 32), (2, 1), (2, 1), 12_584),
        ("MAX_POOL_2D", (7, 8, 64), (1, 2), (1, 2), 38_152),
        ("MAX_POOL_2D", (25, 5, 16), (2, 2), (2, 2), 26_027),
    ],
)
def test_pools_take_fewer_cycles_than_cmsis_nn(
    code: str, given: tuple[int, int, int], window: tuple[int, int], stride: tuple[int, int], cmsis_nn: int
) -> None:
    """CMSIS-NN's figures are of the same shape, compiler and emulator."""
    padding = "VALID" if code == "AVERAGE_POOL_2D" else "SAME"
    assert cycles(pool(code, given, window, stride, padding, "NONE")) < 0.95 * cmsis_nn
