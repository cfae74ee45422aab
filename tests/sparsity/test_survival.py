from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import seed_everything
from kws_tfmot.models import ModelSettings, build_model, model_names
from kws_tfmot.sparsity.survival import match_zeros
from kws_tfmot.tflite.convert import convert
from pipelines.stages.convert import check_zeros_last

SCALE = 2.0**-5


def sparse_network(name: str):
    seed_everything(1)
    network = build_model(ModelSettings(name=name, width=8, blocks=2), (36, 8), 4)
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            kernel = layer.kernel.numpy()
            layer.kernel.assign(np.where(np.abs(kernel) <= np.quantile(np.abs(kernel), 0.7), 0, kernel))
    return network


@pytest.mark.parametrize("name", model_names())
def test_every_family_s_zeros_are_found_place_by_place(name: str) -> None:
    network = sparse_network(name)
    x = np.random.default_rng(0).normal(size=(20, 36, 8, 1)).astype(np.float32)
    int8 = convert(network, "int8", x, input_quantization=(SCALE, 0))
    rows = check_zeros_last(network, int8)
    assert sorted(row.operator for row in rows) == sorted({row.operator for row in rows})
    assert all(row.zeros >= row.keras_zeros for row in rows)

    kernel = network.get_layer(next(row.layer for row in rows if row.keras_zeros)).kernel
    values = kernel.numpy()
    place = tuple(np.argwhere(values != 0)[0])
    values[place] = 0  # one zero more than the file has
    kernel.assign(values)
    with pytest.raises(ModelError, match="zeros of these layers were lost"):
        check_zeros_last(network, int8)


def test_a_file_may_have_more_zeros_but_no_weights_twice() -> None:
    sparse, dense = np.array([True, True, False]), np.array([False, False, False])
    rows = match_zeros({"dense": dense, "sparse": sparse}, [(0, sparse), (1, np.array([True, False, False]))])
    assert [(row.layer, row.operator, row.zeros) for row in rows] == [("dense", 1, 1), ("sparse", 0, 2)]
    assert match_zeros({"a": dense, "b": dense}, [(0, dense)])[1].lost
