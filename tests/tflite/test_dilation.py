"""Keras' dilated convolutions become one operator each, and compute what LiteRT does from the file itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from firmware_export.emulation.host import EngineInterpreter
from kws_tfmot.keras import keras, tf
from kws_tfmot.tflite.dilation import fold_dilations
from kws_tfmot.tflite.interpreter import open_interpreter
from kws_tfmot.tflite.reader import read_model

L = keras.layers


def converted(shape: tuple[int, ...], layer: Callable[[], list]) -> bytes:
    keras.utils.set_random_seed(3)
    network = keras.Sequential([keras.Input(shape), *layer(), L.Flatten(), L.Dense(4)])
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    rng = np.random.default_rng(0)
    converter.representative_dataset = lambda: ([rng.normal(size=(1, *shape)).astype(np.float32)] for _ in range(4))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((21, 6), lambda: [L.Conv1D(5, 3, dilation_rate=2, activation="relu")]),
        ((21, 6), lambda: [L.Conv1D(5, 3, dilation_rate=3, padding="same"), L.Conv1D(5, 2, dilation_rate=4)]),
        ((21, 9, 2), lambda: [L.Conv2D(5, (3, 3), dilation_rate=(2, 1)), L.DepthwiseConv2D(3, dilation_rate=(2, 2))]),
        ((21, 8, 2), lambda: [L.DepthwiseConv2D(3, dilation_rate=(3, 2), padding="same"), L.ReLU()]),
    ],
)  # fmt: skip
def test_the_folded_file_computes_what_litert_does(shape: tuple[int, ...], layer: Callable[[], list]) -> None:
    model = converted(shape, layer)
    assert "SPACE_TO_BATCH_ND" in {one.code for one in read_model(model).operators}
    folded = fold_dilations(model)
    assert not {one.code for one in read_model(folded).operators} & {"SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND"}
    assert fold_dilations(folded) == folded
    inputs = np.random.default_rng(1).integers(-128, 128, (16, *shape), dtype=np.int8)
    expected = open_interpreter(model, "builtin").run(inputs)
    assert len(np.unique(expected)) > 20
    found = open_interpreter(model, "tflm").run(inputs)
    # Layers without ReLU round ties of negative sums another way in LiteRT (kws_tfmot.tflite.rewrite).
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1
    np.testing.assert_array_equal(EngineInterpreter(model).run(inputs), found)
