"""PAD before convolutions is part of their windows, where every byte stays the same."""

from __future__ import annotations

import numpy as np
import pytest
from engine_support import load

from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.operators.kernels.fill import Fill
from firmware_export.operators.kernels.place import Place
from kws_tfmot.tflite.interpreter import open_interpreter


def padded(code: str, pads: tuple[tuple[int, int], tuple[int, int]], side: tuple[int, int], stride: int = 1) -> bytes:
    """A 7 x 5 image of four channels, padded, and a convolution without padding of its own."""
    rng = np.random.default_rng(0)
    w = GraphWriter()
    x = w.activation((1, 7, 5, 4), 0.02, 3)
    (top, bottom), (left, right) = pads
    y = w.activation((1, 7 + top + bottom, 5 + left + right, 4), 0.02, 3)
    w.operator("PAD", [x, w.constant(np.array([(0, 0), *pads, (0, 0)], np.int32))], [y])
    shape = (1, *((7 + top + bottom - side[0]) // stride + 1, (5 + left + right - side[1]) // stride + 1), 4)
    weights = rng.integers(-60, 60, (4, *side, 4) if code == "CONV_2D" else (1, *side, 4)).astype(np.int8)
    z = w.activation(shape, 0.1, -5)
    axis = 0 if code == "CONV_2D" else 3
    inputs = [y, w.weights(weights, np.full(4, 0.01, np.float32), axis)]
    options = {} if code == "CONV_2D" else {"depth_multiplier": 1}
    w.operator(code, inputs, [z], padding="VALID", stride_h=stride, stride_w=stride, **options)
    return w.finish([x], [z])


@pytest.mark.parametrize("code", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize(
    ("pads", "side", "stride"),
    [(((0, 0), (1, 1)), (3, 3), 1), (((2, 1), (0, 3)), (4, 5), 2), (((0, 0), (2, 2)), (1, 5), 1)],
)
def test_padding_becomes_part_of_the_window(
    code: str, pads: tuple[tuple[int, int], tuple[int, int]], side: tuple[int, int], stride: int
) -> None:
    model = padded(code, pads, side, stride)
    engine = build(model)
    assert not [each for each in engine.program.layers if isinstance(each.operation, Fill | Place)]
    inputs = np.random.default_rng(1).integers(-128, 128, (50, 1, 7, 5, 4)).astype(np.int8)
    expected = open_interpreter(model, "tflm").run(inputs[:, 0])
    assert len(np.unique(expected)) > 50
    assert load(engine).run(inputs).tobytes() == expected.tobytes()


def test_windows_that_would_see_nothing_of_the_input_keep_their_padding() -> None:
    model = padded("CONV_2D", ((4, 0), (0, 0)), (3, 3))
    engine = build(model)
    assert [type(each.operation) for each in engine.program.layers[1:3]] == [Fill, Place]
    inputs = np.random.default_rng(1).integers(-128, 128, (20, 1, 7, 5, 4)).astype(np.int8)
    assert load(engine).run(inputs).tobytes() == open_interpreter(model, "tflm").run(inputs[:, 0]).tobytes()
