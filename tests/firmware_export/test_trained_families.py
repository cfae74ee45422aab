"""The families that came from papers, as int8: trained for it, pruned, and the engine's bytes those of TFLM."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.host import EngineInterpreter
from kws_tfmot.keras import keras
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.quantization.tfmot_qat import check_quantizable
from kws_tfmot.sparsity.coverage import coverage
from kws_tfmot.sparsity.settings import SparsitySettings
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.interpreter import open_interpreter

SHAPE = (25, 20)
MODELS = {
    "bc_resnet": ModelSettings(name="bc_resnet", width=8),
    "tenet": ModelSettings(name="tenet", width=8),
    "matchboxnet": ModelSettings(name="matchboxnet", width=8, blocks=2, size="m"),
}


def _model(name: str) -> keras.Model:
    """Random weights and batch norms that do something."""
    keras.utils.set_random_seed(3)
    model = build_model(MODELS[name], SHAPE, 4)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights(
                [
                    rng.uniform(0.7, 1.3, gamma.shape),
                    rng.normal(0, 0.2, beta.shape),
                    rng.normal(0, 0.2, mean.shape),
                    rng.uniform(0.5, 1.5, variance.shape),
                ]
            )
        elif layer.weights and not isinstance(layer, keras.layers.Dense):
            gain = 3.0 if name == "bc_resnet" else 1.5  # deep: the input would not reach the outputs
            layer.set_weights([w * (rng.random(w.shape) < 0.4) * gain for w in layer.get_weights()])
    return model


@pytest.mark.parametrize("name", MODELS)
def test_the_engine_gives_the_bytes_of_tflm(name: str) -> None:
    model = _model(name)
    features = np.random.default_rng(1).integers(-128, 128, (40, *SHAPE, 1)).astype(np.int8)
    data = convert(model, "int8", features.astype(np.float32) / 32, input_quantization=(1 / 32, 0))
    expected = open_interpreter(data, "tflm").run(features)
    assert len(np.unique(expected)) > 20
    np.testing.assert_array_equal(EngineInterpreter(data).run(features), expected)
    real = model.predict(features.astype(np.float32) / 32, verbose=0)
    assert (real.argmax(axis=1) == expected.reshape(40, -1).argmax(axis=1)).mean() > 0.8


@pytest.mark.parametrize("name", MODELS)
def test_it_can_be_trained_for_int8_and_pruned(name: str) -> None:
    model = _model(name)
    check_quantizable(fresh_copy(model))
    rows = coverage(model, SparsitySettings())
    pruned = sum(row.weights for row in rows if not row.reason)
    assert pruned > 0.55 * sum(row.weights for row in rows)
