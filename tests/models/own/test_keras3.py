"""Files of Keras 3 are read with Keras 2: written here by the Keras 3 that TensorFlow brings."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from kws_tfmot.errors import ModelError
from kws_tfmot.models.stored import load_stored

WRITE = """
import sys, numpy as np, keras
L = keras.layers
i = keras.Input((49, 10, 1))
x = L.BatchNormalization()(L.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(i))
y = L.SeparableConv2D(8, 3, padding="same", activation="hard_swish")(L.ReLU(max_value=6.0)(x))
x = L.LeakyReLU(negative_slope=0.2)(L.Add()([x, y]))
x = keras.Sequential([L.Input((8,)), L.Dense(6, activation="silu")], name="head")(L.GlobalAveragePooling2D()(x))
image = keras.Model(i, L.Dense(4, activation="softmax")(x))
sequence = keras.Sequential([L.Input((49, 10)), L.LSTM(5), L.Dense(4)])
strange = keras.Sequential([L.Input((49, 10)), L.Flatten(), L.Dense(4, activation="hard_sigmoid")])
rng = np.random.default_rng(0)
for layer in image.layers:
    layer.set_weights([rng.uniform(0.2, 1.0, w.shape) for w in layer.get_weights()])
x = rng.normal(size=(3, 49, 10, 1)).astype("float32")
for suffix in (".keras", ".h5"):
    image.save("image" + suffix)
sequence.save("sequence.keras")
strange.save("strange.keras")
np.savez("outputs.npz", x=x, image=image(x), sequence=sequence(x[..., 0]))
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras3")
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    environment |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run([sys.executable, "-c", WRITE], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"Keras 3 cannot write here: {done.stderr[-200:]}")
    return folder


@pytest.mark.parametrize(
    ("file", "name"), [("image.keras", "image"), ("image.h5", "image"), ("sequence.keras", "sequence")]
)
def test_outputs_are_those_of_keras_3(written, file: str, name: str) -> None:
    with np.load(written / "outputs.npz") as stored:
        x = stored["x"] if name == "image" else stored["x"][..., 0]
        np.testing.assert_allclose(load_stored(written / file)(x).numpy(), stored[name], atol=1e-6)


def test_what_means_something_else_in_keras_2_is_refused(written) -> None:
    with pytest.raises(ModelError, match="hard_sigmoid") as refusal:
        load_stored(written / "strange.keras")
    assert "model.builder" in refusal.value.hint
