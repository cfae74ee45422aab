"""Networks of users through quantisation, conversion and the device's kernels; what cannot go is reported at once."""

from __future__ import annotations

import numpy as np
import pytest
from own_networks import CLASSES, SHAPE, L, made

from firmware_export.emulation.host import EngineInterpreter
from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.models.own.canonical import canonical
from kws_tfmot.quantization.tfmot_qat import apply_qat, check_quantizable, load_qat, save_qat
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.interpreter import open_interpreter
from kws_tfmot.tflite.reader import read_model

SCALE = 2.0**-5
STEPS = np.random.default_rng(0).integers(-128, 128, (60, *SHAPE, 1)).astype(np.int8)
FEATURES = STEPS.astype(np.float32) * np.float32(SCALE)


def codes(model: bytes) -> set[str]:
    return {operator.code for operator in read_model(model).operators}


@pytest.mark.parametrize(
    ("name", "operators"),
    [
        ("one_dimensional", {"TANH", "LEAKY_RELU", "DEPTHWISE_CONV_2D", "ADD", "MAX_POOL_2D", "MEAN"}),
        pytest.param(
            "squeeze_and_excitation",
            {"HARD_SWISH", "LOGISTIC", "MUL", "CONV_2D", "DEPTHWISE_CONV_2D"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_trained_for_int8_and_the_engine_gives_tflms_bytes(name: str, operators: set[str], tmp_path) -> None:
    network = apply_qat(canonical(made(name), SHAPE, CLASSES), "sparsity", SCALE, FEATURES)
    save_qat(network, tmp_path / "qat.h5")
    network = load_qat(tmp_path / "qat.h5")
    model = convert(network, "int8", input_quantization=(SCALE, 0), exact_linear=True)
    assert operators <= codes(model) and "MINIMUM" not in codes(model)
    outputs = open_interpreter(model, "tflm").run(STEPS)
    expected = network.predict(FEATURES, verbose=0)
    assert np.mean(outputs.argmax(axis=1) == expected.argmax(axis=1)) > 0.9
    np.testing.assert_array_equal(EngineInterpreter(model).run(STEPS), outputs)


def test_an_lstm_cannot_be_trained_for_int8() -> None:
    with pytest.raises(ModelError, match=r"lstm.*LSTM") as refusal:
        check_quantizable(canonical(made("recurrent"), SHAPE, CLASSES))
    assert "quantization.mode=ptq" in refusal.value.hint


@pytest.mark.slow  # a build with one does so each time: tests/pipelines/test_own_network.py
def test_an_lstm_is_quantised_after_training() -> None:
    network = canonical(made("recurrent"), SHAPE, CLASSES)
    model = convert(network, "int8", FEATURES, input_quantization=(SCALE, 0), softmax="keep")
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in codes(model)
    scores = (open_interpreter(model, "tflm").run(STEPS).astype(float) + 128) / 256
    np.testing.assert_allclose(scores, network.predict(FEATURES, verbose=0), atol=0.05)


@pytest.mark.slow
def test_where_the_converter_dies_there_is_a_reason() -> None:
    model = keras.Sequential([L.Input((8, 4, 1)), L.Reshape((8, 4)), L.GRU(3), L.Dense(2, activation="softmax")])
    with pytest.raises(ModelError, match=r"SIGSEGV|failed") as refusal:
        convert(model, "int8", np.random.default_rng(0).normal(size=(4, 8, 4, 1)), input_quantization=(SCALE, 0))
    assert "GRU" in refusal.value.hint


def test_every_layer_that_cannot_be_quantised_is_named() -> None:
    inputs = L.Input((*SHAPE, 1))
    x = L.Conv2D(4, 3, activation="relu", name="active")(inputs)
    x = L.BatchNormalization(name="after_activation")(x)
    x = L.Conv2D(4, 3, activation="tanh", name="fused_tanh")(x)
    x = L.PReLU(name="prelu")(L.Activation("softplus", name="softplus")(x))
    x = L.GRU(3, name="gru")(L.Reshape((45 * 6, 4))(x))
    with pytest.raises(ModelError) as refusal:
        check_quantizable(keras.Model(inputs, L.Dense(2)(x)))
    for name in ("after_activation", "fused_tanh", "prelu", "softplus", "gru"):
        assert f"\n  {name}:" in refusal.value.message
    assert "active:" not in refusal.value.message
