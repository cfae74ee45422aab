"""The product of scales in the precision that TFLM has: sums that lie so near a tie that the last bit decides."""

from __future__ import annotations

import numpy as np
import pytest
from engine_support import run
from tflite_builders import build, operator, tensor

from firmware_export.engine import build as build_engine
from firmware_export.operators.shared.tflite_arithmetic import quantize_multiplier, rescale
from kws_tfmot.tflite.interpreter import open_interpreter


def telling_sums(scales: tuple[np.float32, np.float32, np.float32]) -> list[int]:
    """Sums that a product in single precision and one in double precision bring to different outputs."""
    source, weights, target = scales
    single = quantize_multiplier(float(source * weights) / float(target))
    double = quantize_multiplier(float(source) * float(weights) / float(target))
    ratio = float(source) * float(weights) / float(target)
    near = [round((output + 0.5) / ratio) + step for output in range(-120, 120) for step in range(-3, 4)]
    return [total for total in near if rescale(total, *single) != rescale(total, *double)]


def layer(scales: tuple[np.float32, np.float32, np.float32], biases: list[int]) -> bytes:
    """FULLY_CONNECTED with one scale for all weights, whose sums are the biases."""
    source, weights, target = map(float, scales)
    tensors = [
        tensor((1, 4), "int8", source),
        tensor((len(biases), 4), "int8", weights, data=np.ones((len(biases), 4), np.int8)),
        tensor((len(biases),), "int32", source * weights, data=np.array(biases, np.int32)),
        tensor((1, len(biases)), "int8", target),
    ]
    code = operator("FULLY_CONNECTED", [0, 1, 2], [3], ("FullyConnectedOptions", {}), version=4)
    return build(tensors, [code], [0], [3])


@pytest.mark.parametrize("seed", range(6))
def test_one_scale_is_multiplied_as_tflm_does(seed):
    rng = np.random.default_rng(seed)
    scales = tuple(np.float32(rng.uniform(*limits)) for limits in ((0.001, 0.002), (0.001, 0.002), (0.1, 0.6)))
    sums = telling_sums(scales)
    if not sums:
        pytest.skip("these scales tell no difference")
    model, zeros = layer(scales, sums), np.zeros((1, 4), np.int8)
    assert np.array_equal(run(build_engine(model), zeros), open_interpreter(model, "tflm").run(zeros))
