from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.keras import keras
from kws_tfmot.models import ModelSettings, build_model, model_names
from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.quantization.batch_norm_folding import fold_dense_batch_norm


def with_random_statistics(network: keras.Model) -> keras.Model:
    rng = np.random.default_rng(0)
    network.set_weights(
        [rng.uniform(0.2, 1.0, w.shape) * rng.choice([1.0, 0.7], w.shape) for w in network.get_weights()]
    )
    return fresh_copy(network)


BLOCKS = {"mbconv": 4, "ds_cnn": 2}  # two kinds of cells


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[pytest.mark.slow] if each == "bc_resnet" else []) for each in model_names()]
)
def test_the_folded_model_is_equal_in_output(name: str) -> None:
    network = with_random_statistics(
        build_model(ModelSettings(name=name, width=8, blocks=BLOCKS.get(name)), (24, 8), 4)
    )
    folded = fold_dense_batch_norm(network)
    x = np.random.default_rng(1).normal(size=(5, 24, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(network(x).numpy(), folded(x).numpy(), rtol=1e-4, atol=1e-6)


def test_no_batch_norm_is_left_behind_dense_and_zeros_stay() -> None:
    network = with_random_statistics(build_model(ModelSettings(name="dnn", width=8), (24, 8), 4))
    kernel = network.get_layer("dense1").kernel
    kernel.assign(kernel * (np.arange(8) % 2))
    folded = fold_dense_batch_norm(network)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers)
    np.testing.assert_array_equal(folded.get_layer("dense1").kernel.numpy() == 0, kernel.numpy() == 0)
