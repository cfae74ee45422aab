"""Weights of few bits on the device: stored in as many bits, bit for bit equal to TFLite Micro, on emulated cores."""

from __future__ import annotations

import numpy as np
import pytest
from engine_support import reference, run

from firmware_export.emulation.emulator import emulate
from firmware_export.encodings import ENCODINGS
from firmware_export.engine import build
from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.operators.kernels.convolution import Convolution
from firmware_export.operators.kernels.depthwise import Depthwise
from kws_tfmot.quantization.grids import Grid

GRIDS = [Grid(bits, False) for bits in (1, 2, 3, 4)] + [Grid(bits, True) for bits in (2, 3, 4)]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_every_kernel_is_stored_in_as_many_bits_and_computes_the_same(grid: Grid) -> None:
    model = ds_cnn(grid=grid)
    engine = build(model, optimise="size", name="host")
    weighted = [(op, p) for layer, p in zip(engine.program.layers, engine.picked, strict=True)
                if isinstance(op := layer.operation, (Convolution, Depthwise))]  # fmt: skip
    for operation, picked in weighted:
        channels, depth = operation.weights.shape
        if picked is None or picked.encoding == "dense":  # a few weights do not pay for another kernel's code
            assert isinstance(operation, Convolution) and operation.vector
        else:
            assert picked.encoded.bits == grid.bits
            assert len(picked.encoded.data) == channels * -(-depth // 8) * grid.bits or (
                picked.encoding != "planes" and len(picked.encoded.data) == channels * -(-depth * grid.bits // 8)
            )
    found = reference(model, 3)
    assert found is not None
    np.testing.assert_array_equal(run(engine, found[0]), found[1])


@pytest.mark.parametrize(("bits", "sparsity", "expected"), [(2, 0.0, False), (2, 0.5, False), (2, 0.95, True)])
def test_sparse_ternary_weights_take_whatever_is_smaller(bits: int, sparsity: float, expected: bool) -> None:
    engine = build(ds_cnn(sparsity, grid=Grid(bits, True)), optimise="size", name="host")
    names = {p.encoding for layer, p in zip(engine.program.layers, engine.picked, strict=True)
             if p is not None and isinstance(layer.operation, Convolution) and not layer.operation.vector}  # fmt: skip
    assert all(ENCODINGS[name].sparse for name in names) == expected


@pytest.mark.device
def test_fewer_bits_are_fewer_bytes_and_one_bit_fewer_instructions_too() -> None:
    reports = {0: emulate(ds_cnn(), "mps2-an386", random=2)}
    reports |= {
        bits: emulate(ds_cnn(grid=Grid(bits, False)), "mps2-an386", random=2, optimise="size") for bits in (1, 2, 3, 4)
    }
    assert all(report.bit_exact for report in reports.values())
    flash = [reports[bits].flash_bytes for bits in (1, 2, 3, 4, 0)]
    assert flash == sorted(flash) and flash[0] < 0.5 * flash[-1]
    assert reports[1].instructions < 0.75 * reports[0].instructions
    assert reports[2].instructions < reports[0].instructions


@pytest.mark.device
@pytest.mark.parametrize("board", ["microbit", "mps2-an385", "mps3-an547"])
def test_other_cores_agree(board: str) -> None:
    for grid in (Grid(1, False), Grid(3, True)):
        assert emulate(_small(grid), board, random=2, optimise="size").bit_exact


def _small(grid: Grid) -> bytes:
    """A convolution of few bits that a small core runs quickly, of a depth that is no multiple of eight."""
    rng = np.random.default_rng(1)
    w = GraphWriter()
    x = w.activation((1, 5, 7, 11), 0.05, 3)
    y = w.activation((1, 5, 7, 6), 0.4, -128)
    z = w.activation((1, 5, 7, 6), 0.4, -128)
    scales = rng.uniform(0.01, 0.02, 6).astype(np.float32)

    def weights(shape: tuple[int, ...], axis: int) -> int:
        return w.weights(grid.factor * rng.choice(grid.levels, shape), scales, axis)

    bias = w.biases(rng.integers(-500, 500, 6), scales * np.float32(0.05))
    w.operator("CONV_2D", [x, weights((6, 1, 1, 11), 0), bias], [y], padding="SAME", stride_h=1, stride_w=1,
               fused_activation_function="RELU")  # fmt: skip
    bias = w.biases(rng.integers(-500, 500, 6), scales * np.float32(0.4))
    w.operator("DEPTHWISE_CONV_2D", [y, weights((1, 3, 3, 6), 3), bias], [z], padding="SAME", stride_h=1, stride_w=1,
               depth_multiplier=1, fused_activation_function="RELU")  # fmt: skip
    return w.finish([x], [z])


@pytest.mark.parametrize("kernel", [(3, 3), (7, 7), (5, 5), (3, 7), (5, 2), (1, 5)], ids=str)
@pytest.mark.parametrize("grid", [Grid(1, False), Grid(3, True)], ids=str)
def test_depthwise_windows_of_few_bits(kernel: tuple[int, int], grid: Grid) -> None:
    """Every depthwise kernel unpacks its taps: 3x3, the wide ones and any."""
    rng = np.random.default_rng(7)
    channels = 1 + 1500 // int(np.prod(kernel))  # enough to pay for the code
    for stride in (1, 2):
        w = GraphWriter()
        x = w.activation((1, 11, 9, channels), 0.05, -7)
        y = w.activation((1, -(-11 // stride), -(-9 // stride), channels), 0.5, -128)
        scales = rng.uniform(0.01, 0.02, channels).astype(np.float32)
        weights = w.weights(grid.factor * rng.choice(grid.levels, (1, *kernel, channels)), scales, 3)
        bias = w.biases(rng.integers(-500, 500, channels), scales * np.float32(0.05))
        w.operator("DEPTHWISE_CONV_2D", [x, weights, bias], [y], padding="SAME", stride_h=stride, stride_w=stride,
                   depth_multiplier=1, fused_activation_function="RELU")  # fmt: skip
        model = w.finish([x], [y])
        engine = build(model, name="host")
        picked = next(p for layer, p in zip(engine.program.layers, engine.picked, strict=True)
                      if isinstance(layer.operation, Depthwise))  # fmt: skip
        assert picked is not None and picked.encoded.bits == grid.bits
        found = reference(model, 5)
        assert found is not None
        np.testing.assert_array_equal(run(engine, found[0]), found[1])
