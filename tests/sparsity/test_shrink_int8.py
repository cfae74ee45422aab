"""A shrunk network converts, trains for int8 and runs on the device engine like any other, with its zeros."""

from __future__ import annotations

import numpy as np
import pytest
from shrink_support import inputs, network, prune_randomly

from firmware_export.emulation.host import EngineInterpreter
from firmware_export.engine import build
from kws_tfmot.keras import keras
from kws_tfmot.quantization.tfmot_qat import apply_qat
from kws_tfmot.sparsity.shrink.shrink import shrink
from kws_tfmot.sparsity.shrink.zeroing import zero_dead
from kws_tfmot.sparsity.zero_counts import zeros_per_layer
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.interpreter import open_interpreter
from pipelines.stages.convert import check_zeros_last

SCALE = 2.0**-4


def features(count: int) -> np.ndarray:
    return (np.round(inputs(count) / SCALE).clip(-128, 127) * SCALE).astype(np.float32)


def shrunk(name: str, sparsity: float = 0.8) -> keras.Model:
    model = network(name, 3, width=16, **({} if name == "cnn" else {"blocks": 2}))
    prune_randomly(model, sparsity, 3, units=0.2)
    zero_dead(model)
    smaller, sizes = shrink(model)
    assert sum(row.weights_after for row in sizes) < 0.9 * sum(row.weights_before for row in sizes)
    return smaller


def int8_agrees_with(model: keras.Model, data: bytes) -> None:
    """The engine says byte for byte what TFLM says, and both nearly what the float model does."""
    x = features(40)
    quantized = np.round(x / SCALE).astype(np.int8)
    engine = EngineInterpreter(data).run(quantized).reshape(40, -1)
    np.testing.assert_array_equal(engine, open_interpreter(data, "tflm").run(quantized).reshape(40, -1))
    assert len(np.unique(engine)) > 10
    agree = np.mean(engine.argmax(1) == model(x).numpy().argmax(1))
    assert agree >= 0.9


@pytest.mark.parametrize("name", ["dnn", "cnn", "ds_cnn", "tc_resnet8"])
def test_converted_after_training_every_zero_lasts_and_the_engine_equals_tflm(name: str) -> None:
    smaller = shrunk(name)
    data = convert(smaller, "int8", features(60), input_quantization=(SCALE, 0), exact_linear=True)
    assert sum(row.keras_zeros for row in check_zeros_last(smaller, data)) > 0
    int8_agrees_with(smaller, data)


@pytest.mark.parametrize("name", ["dnn", pytest.param("ds_cnn", marks=pytest.mark.slow)])
def test_quantisation_aware_training_takes_it(name: str) -> None:
    smaller = shrunk(name)
    trained = apply_qat(smaller, "sparsity", SCALE, features(60))
    data = convert(trained, "int8", input_quantization=(SCALE, 0), exact_linear=True)
    check_zeros_last(smaller, data)
    int8_agrees_with(smaller, data)


def test_a_network_with_a_wholly_dead_layer_still_converts() -> None:
    model = network("ds_cnn", 3, width=16, blocks=2)
    kernel = model.get_layer("block2_pointwise").kernel
    kernel.assign(np.zeros(kernel.shape))
    smaller, _ = shrink(model)
    zeros, weights = zeros_per_layer(smaller)["block2_pointwise"]
    assert zeros == weights
    data = convert(smaller, "int8", features(60), input_quantization=(SCALE, 0))
    quantized = np.round(features(5) / SCALE).astype(np.int8)
    np.testing.assert_array_equal(
        EngineInterpreter(data).run(quantized).reshape(5, -1),
        open_interpreter(data, "tflm").run(quantized).reshape(5, -1),
    )


def test_the_engine_stores_and_multiplies_less() -> None:
    model = network("ds_cnn", 3, width=16, blocks=2)
    prune_randomly(model, 0.8, 3, units=0.3)
    zero_dead(model)
    full, small = (
        build(convert(version, "int8", features(60), input_quantization=(SCALE, 0)))
        for version in (model, shrink(model)[0])
    )
    assert small.constant_bytes < 0.8 * full.constant_bytes
    assert small.plan.arena < full.plan.arena
    assert sum(e.cycles for e in small.picked if e) < sum(e.cycles for e in full.picked if e)
