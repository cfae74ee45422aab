"""Keras to .tflite: every kind, the input's quantisation, exact logits, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.agreement import compare
from kws_tfmot.tflite.convert import convert, is_quantization_aware, sizes
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.inspect import inspect
from kws_tfmot.tflite.interpreter import open_interpreter, outputs_equal
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.slim import slim
from kws_tfmot.tflite.sparse import check_against_dense, sparse_weights

SCALE = 1 / 16
SHAPE = (20, 10, 1)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Samples as the front end gives them: int8 steps of ``SCALE``."""
    steps = np.clip(np.random.default_rng(0).normal(0, 30, (300, *SHAPE)).round(), -128, 127)
    return (steps * SCALE).astype(np.float32)


@pytest.fixture(scope="module")
def stored(features) -> np.ndarray:
    return (features / SCALE).astype(np.int8)


def small_model(width: int = 16):
    from kws_tfmot.keras import keras, seed_everything

    seed_everything(1)
    layers = keras.layers
    values = entry = layers.Input(SHAPE)
    values = layers.Conv2D(width, (5, 4), strides=2, padding="same", use_bias=False)(values)
    values = layers.ReLU()(layers.BatchNormalization()(values))
    values = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(values)
    values = layers.ReLU()(layers.BatchNormalization()(values))
    values = layers.Conv2D(width, 1, use_bias=False)(values)
    values = layers.ReLU()(layers.BatchNormalization()(values))
    values = layers.GlobalAveragePooling2D()(values)
    return keras.Model(entry, layers.Dense(5, activation="softmax")(values))


def zero_most(model, share: float) -> None:
    for layer in model.layers:
        if type(layer).__name__ in ("Conv2D", "Dense"):
            kernel, *rest = layer.get_weights()
            layer.set_weights([kernel * (np.abs(kernel) > np.quantile(np.abs(kernel), share)), *rest])


@pytest.fixture(scope="module")
def keras_model(features):
    model = small_model()
    model.compile("adam", loss="sparse_categorical_crossentropy")
    labels = np.abs(features).mean(axis=(1, 2, 3)).argsort().argsort() * 5 // 300
    model.fit(features, labels, epochs=2, verbose=0)
    return model


@pytest.fixture(scope="module")
def int8(keras_model, features) -> bytes:
    return convert(keras_model, "int8", features[:100], input_quantization=(SCALE, 0))


def test_int8_has_the_front_ends_input_and_exact_logits(int8, keras_model, features, stored):
    device = open_interpreter(int8, "tflm")
    assert device.input.dtype == device.output.dtype == np.int8
    assert (device.input.scale, device.input.zero_point, device.output.zero_point) == (SCALE, 0, -128)
    assert device.input.shape == (1, *SHAPE) and device.output.shape == (1, 5)
    assert compare(int8, stored, ("tflm", "builtin")).identical
    expected = keras_model.predict(features, verbose=0).argmax(axis=1)
    assert (device.run(stored).argmax(axis=1) == expected).mean() > 0.95


def test_probabilities_can_be_kept(keras_model, features, stored, int8):
    model = convert(keras_model, "int8", features[:100], input_quantization=(SCALE, 0), softmax="keep")
    assert read_model(model).operators[-1].code == "SOFTMAX"
    scores = (open_interpreter(model, "tflm").run(stored).astype(float) + 128) / 256
    assert np.abs(scores - keras_model.predict(features, verbose=0)).max() < 0.1
    logits = open_interpreter(int8, "tflm").run(stored)
    assert (scores[np.arange(300), logits.argmax(axis=1)] == scores.max(axis=1)).all()


def test_converting_twice_gives_the_same_bytes(int8, keras_model, features):
    assert convert(keras_model, "int8", features[:100], input_quantization=(SCALE, 0)) == int8


def test_calibrated_input_without_a_fixed_quantisation(keras_model, features):
    model = convert(keras_model, "int8", lambda: iter(features[:50]))
    quantization = read_model(model).tensor(read_model(model).inputs[0]).quantization
    span = features[:50].max() - features[:50].min()
    assert quantization.scales[0] == pytest.approx(span / 255, rel=1e-3)


def test_float_and_int16(keras_model, features):
    expected = keras_model.predict(features, verbose=0)
    as_float = convert(keras_model, "float32", softmax="keep")
    assert np.allclose(open_interpreter(as_float, "tflm").run(features), expected, atol=1e-5)
    wide = open_interpreter(convert(keras_model, "int16x8", features[:50], softmax="keep"), "tflm")
    assert wide.input.dtype == np.int16
    steps = np.clip(np.round(features / wide.input.scale), -32768, 32767).astype(np.int16)
    assert np.abs(wide.run(steps) * wide.output.scale - expected).max() < 0.02


def test_sparse_kinds_decode_to_the_dense_weights(features, stored):
    model = small_model(32)
    zero_most(model, 0.9)
    sparse = convert(model, "sparse_int8", features[:50], input_quantization=(SCALE, 0))
    dense = convert(model, "int8", features[:50], input_quantization=(SCALE, 0), dense_per_channel=False)
    summary = inspect(sparse)
    assert summary.sparse_encoded and len(sparse_weights(sparse)) >= 2
    assert {w.elements: w.zeros for w in summary.weights} == {w.elements: w.zeros for w in inspect(dense).weights}
    assert outputs_equal(sparse, dense, "builtin")
    with pytest.raises(ModelError, match="ignores SparsityParameters"):
        open_interpreter(sparse, "tflm")
    assert inspect(convert(model, "sparse_float32")).sparse_encoded
    with pytest.raises(ModelError, match="do not decode"):
        spoiled = unpack(sparse)
        first = next(t for t in spoiled.subgraphs[0].tensors if t.sparsity is not None)
        buffer = spoiled.buffers[first.buffer]
        buffer.data = np.roll(buffer.data, 1)
        check_against_dense(pack(spoiled), dense)


def block_sparse(inputs: int):
    """A dense layer whose weights are zero in blocks of 16 inputs; the last block is cut off by the input size."""
    from kws_tfmot.keras import keras, seed_everything

    seed_everything(0)
    entry = keras.layers.Input((inputs,))
    model = keras.Model(entry, keras.layers.Dense(32)(entry))
    kernel, bias = model.layers[-1].get_weights()
    for start in range(0, inputs, 16):
        kernel[start : start + 16, np.random.default_rng(start).random(32) < 0.9] = 0
    model.layers[-1].set_weights([kernel, bias])
    return model


def test_block_sparse_layers():
    samples = np.random.default_rng(0).normal(size=(20, 96)).astype(np.float32)
    model = convert(block_sparse(96), "sparse_int8", samples)
    assert [o.code for o in read_model(model).operators] == ["FULLY_CONNECTED"]  # encoded natively, no DENSIFY
    assert len(slim(model)) < len(slim(convert(block_sparse(96), "int8", samples)))


def test_a_block_that_the_converter_would_cut_is_refused():
    samples = np.random.default_rng(0).normal(size=(20, 100)).astype(np.float32)
    with pytest.raises(ModelError, match=r"multiple of its block|do not decode"):
        convert(block_sparse(100), "sparse_int8", samples)


def test_quantisation_aware_models(features, stored):
    tfmot = pytest.importorskip("tensorflow_model_optimization")
    model = tfmot.quantization.keras.quantize_model(small_model())
    assert is_quantization_aware(model)
    model(features, training=True)  # the ranges see the features; a training would trace a graph as well
    with pytest.raises(ModelError, match="expected an int8 input quantised by"):
        convert(model, "int8", input_quantization=(SCALE / 2, 0))
    for variable in model.layers[1].variables:
        if variable.name.endswith(("_min:0", "_max:0")):
            variable.assign((-128 if variable.name.endswith("_min:0") else 127) * SCALE)
    converted = convert(model, "int8", input_quantization=(SCALE, 0))
    assert open_interpreter(converted, "tflm").input.scale == SCALE
    assert compare(converted, stored, ("tflm", "builtin")).identical
    with pytest.raises(ModelError, match="converts to int8 only"):
        convert(model, "int16x8", features)


def test_sizes(int8):
    found = sizes(int8)
    assert found["raw"] == len(int8) and found["slim"] == len(slim(int8)) < found["raw"]
    assert found["slim_gzip"] < found["gzip"] < found["raw"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "int9"}, "Did you mean 'int8'"),
        ({"kind": "int8"}, "needs a representative set"),
        ({"kind": "float32", "softmax": "maybe"}, "'drop' or 'keep'"),
        ({"kind": "int8", "representative": np.zeros((2, 3, 3, 1))}, r"expected shape \(20, 10, 1\)"),
        ({"kind": "int8", "representative": np.zeros((2, *SHAPE)), "input_quantization": (-1.0, 0)}, "scale above 0"),
        ({"kind": "int8", "representative": np.zeros((2, *SHAPE)), "input_quantization": (1.0, 300)}, "from -128"),
    ],
)
def test_wrong_arguments(keras_model, arguments, message):
    with pytest.raises(ModelError, match=message):
        convert(keras_model, **arguments)


def test_the_log_stays_quiet(keras_model, capfd):
    convert(keras_model, "float32")
    written = capfd.readouterr()
    assert written.out == "" and written.err == ""
