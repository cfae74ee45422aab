"""Depthwise convolutions of five and seven taps, and the additions of skip connections, against TFLM byte for byte."""

from __future__ import annotations

import numpy as np
import pytest
from engine_support import reference, run

from firmware_export.emulation.emulator import emulate
from firmware_export.engine import Engine, build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.operators.kernels.depthwise import Depthwise

LAYERS = 5


class Chain:
    """Depthwise layers of random windows, some followed by an addition of two scales."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.writer = GraphWriter()
        height, width = (int(n) for n in self.rng.integers(1, 30, 2))
        self.shape, self.scale = (1, height, width, int(self.rng.integers(1, 5))), 0.05
        self.last = self.start = self.writer.activation(self.shape, self.scale, self.zero())

    def zero(self) -> int:
        return int(self.rng.integers(-128, 128))

    def depthwise(self) -> None:
        rng = self.rng
        kernel = [int(rng.choice([5, 7])), int(rng.choice([1, 3, 5, 7]))]
        rng.shuffle(kernel)
        strides = (1, 1) if rng.random() < 0.5 else (int(rng.integers(1, 3)), int(rng.integers(1, 4)))
        channels = self.shape[3] * (2 if rng.random() < 0.2 and self.shape[3] < 6 else 1)
        valid = rng.random() < 0.4 and all(n >= k for n, k in zip(self.shape[1:3], kernel, strict=True))
        sizes = [(n - k if valid else n - 1) // s + 1 for n, k, s in zip(self.shape[1:3], kernel, strides, strict=True)]
        weights = np.clip(np.round(rng.normal(0, 50, (1, *kernel, channels))), -128, 127)
        if rng.random() < 0.2:
            weights = rng.choice([-128, 127], weights.shape)  # the largest sums there are
        scales = (rng.uniform(0.5, 1.5, channels) * 0.01).astype(np.float32)
        inputs = [
            self.last,
            self.writer.weights(weights.astype(np.int8), scales, 3),
            self.writer.biases(rng.integers(-3000, 3000, channels), scales * np.float32(self.scale)),
        ]
        gain = 0.01 * 50 * float(np.sqrt(np.prod(kernel))) * 74 / 60
        self.to((1, *sizes, channels), self.scale * gain)
        options = {"padding": "VALID" if valid else "SAME", "stride_h": strides[0], "stride_w": strides[1]}
        multiplier = channels // self.writer.root.subgraphs[0].tensors[inputs[0]].shape[3]
        self.writer.operator("DEPTHWISE_CONV_2D", inputs, [self.last], depth_multiplier=int(multiplier), **options)

    def to(self, shape: tuple[int, ...], scale: float) -> None:
        self.shape, self.scale = shape, float(np.float32(scale))
        self.last = self.writer.activation(shape, self.scale, self.zero())

    def skip(self) -> None:
        """This activation plus a rescaled copy of it, in either order, sometimes in the same scale."""
        source, scale = self.last, self.scale
        self.to(self.shape, scale * self.rng.choice([0.3, 0.7, 1.0]))
        self.writer.operator("RELU", [source], [self.last])
        pair = [source, self.last] if self.rng.random() < 0.5 else [self.last, source]
        self.to(self.shape, scale * self.rng.uniform(0.6, 2))
        self.writer.operator("ADD", pair, [self.last])


def chain(seed: int) -> bytes:
    made = Chain(seed)
    for _ in range(LAYERS):
        made.depthwise()
        if made.rng.random() < 0.4:
            made.skip()
    return made.writer.finish([made.start], [made.last])


def kernels_of(engine: Engine) -> list[str]:
    return [call.functions[0] for call in engine.calls]


@pytest.mark.parametrize("seed", range(12))
def test_equals_tflm(seed: int) -> None:
    model = chain(seed)
    known = reference(model, seed)
    assert known is not None
    engine = build(model, name="host")
    assert "kws_depthwise_wide" in kernels_of(engine)
    assert run(engine, known[0]).tobytes() == known[1].tobytes()


@pytest.mark.device
@pytest.mark.parametrize("board", ["microbit", "mps2-an385", "mps2-an386"])
@pytest.mark.parametrize("seed", [20, 27])
def test_the_assembly_equals_tflm(board: str, seed: int) -> None:
    model = chain(seed)
    assert {"kws_depthwise_wide", "kws_add"} <= set(kernels_of(build(model)))
    assert emulate(model, board, random=2, seed=seed).bit_exact


def test_the_kernel_takes_what_it_is_made_for() -> None:
    windows = set()
    for seed in range(12):
        for layer in build(chain(seed)).program.layers:
            if isinstance(layer.operation, Depthwise) and layer.operation.wide:
                w, down = layer.operation.window, layer.operation.down
                windows.add((w.height, w.stride_y) if down else (w.width, w.stride_x))
    assert windows == {(5, 1), (5, 2), (7, 1), (7, 2)}


def test_a_new_zero_point_for_the_same_bytes_costs_nothing() -> None:
    """What the converter leaves behind a layer without activation: a RESHAPE to the same shape."""
    made = Chain(3)
    made.depthwise()
    made.skip()
    source, shape = made.last, made.shape
    made.to(shape, made.scale)
    constant = made.writer.constant(np.array(shape, np.int32))
    made.writer.operator("RESHAPE", [source, constant], [made.last], new_shape=np.array(shape, np.int32))
    made.skip()
    model = made.writer.finish([made.start], [made.last])
    engine = build(model, name="host")
    assert any(layer.name.endswith(" RESHAPE") for layer in engine.program.layers)
    assert not any(call.label.endswith(" RESHAPE") for call in engine.calls)
    known = reference(model, 1)
    assert known is not None
    assert run(engine, known[0]).tobytes() == known[1].tobytes()
