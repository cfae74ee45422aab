"""Quantisation-aware training before any training: what is refused, which scheme is taken, where ranges begin."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import kws_tfmot.tfmot  # noqa: F401  # isort: skip  (Keras 2 must be chosen before TFMOT is imported)
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import default_8bit_quantize_configs
from tensorflow_model_optimization.python.core.quantization.keras.quantize_layer import QuantizeLayer

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.quantization import tfmot_qat
from kws_tfmot.quantization.tfmot_qat import _refuse_unquantised, _unsupported, apply_qat, check_quantizable

L = keras.layers
SCALE = 0.25


def tiny() -> keras.Model:
    keras.utils.set_random_seed(2)
    entry = keras.Input((6, 5, 1), name="entry")
    x = L.Conv2D(2, 3, use_bias=False, name="conv")(entry)
    x = L.ReLU(name="relu")(L.BatchNormalization(name="norm")(x))
    x = L.Activation("tanh", name="tanh")(x)
    x = L.BatchNormalization(name="dense_norm")(L.Dense(4, name="dense")(L.Flatten(name="flat")(x)))
    return keras.Model(entry, L.Dense(3, activation="softmax", name="classifier")(L.ReLU(name="dense_relu")(x)))


def test_the_input_has_the_range_of_the_features_and_the_rest_its_own() -> None:
    """Also of a layer that bears the name which Keras gives to the next one without."""
    model, rng = tiny(), np.random.default_rng(0)
    before = [weight.numpy() for weight in model.weights]
    features = (rng.integers(-128, 128, (150, 6, 5, 1)) * SCALE).astype(np.float32)
    quantized = apply_qat(model, "nothing", SCALE, features)
    (entry,) = (layer for layer in quantized.layers if isinstance(layer, QuantizeLayer))
    ranges = {weight.name.rpartition("/")[2]: float(weight) for weight in entry.weights if weight.shape == ()}
    assert ranges["quantize_layer_min:0"] == -32.0 and ranges["quantize_layer_max:0"] == 31.75
    relu = keras.Model(model.inputs, model.get_layer("relu").output)(features).numpy()
    wrapper = next(layer for layer in quantized.layers if layer.name == "quant_relu")
    seen = {weight.name.rpartition("/")[2]: float(weight) for weight in wrapper.weights if weight.shape == ()}
    tops = [relu[:100].max(), relu[100:].max()]
    assert seen["output_min:0"] == 0.0 and seen["output_max:0"] == pytest.approx(np.mean(tops), rel=1e-5)
    names = {layer.name for layer in quantized.layers}
    assert "quant_dense" in names and not {"quant_dense_norm", "quant_dense_relu"} & names  # folded before
    for weight, was in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), was)


@pytest.mark.parametrize(
    ("preserve", "name", "zeros"),
    [
        ("nothing", "Default8BitQuantizeScheme", None),
        ("sparsity", "Default8BitPrunePreserveQuantizeScheme", None),
        ("clusters", "Default8BitClusterPreserveQuantizeScheme", False),
        ("clusters_and_sparsity", "Default8BitClusterPreserveQuantizeScheme", True),
    ],
)
def test_what_is_preserved_decides_the_scheme(preserve: str, name: str, zeros: bool | None) -> None:
    scheme = tfmot_qat._SCHEMES[preserve]()
    assert type(scheme).__name__ == name and getattr(scheme, "preserve_sparsity", None) == zeros


def reasons(*layers: Any, last: Any = None) -> dict[str, str]:
    """Why each of a chain of layers cannot be trained for int8."""
    entry = keras.Input((8, 8, 2))
    x = entry
    for layer in layers:
        x = layer(x)
    found = keras.Model(entry, x)
    return {layer.name: reason for layer in found.layers if (reason := _unsupported(layer))}


@pytest.mark.parametrize("linear", [L.Conv2D, L.DepthwiseConv2D, L.Dense])
def test_relu_follows_a_linear_layer_through_batch_norm_or_inside_it(linear: type) -> None:
    def made(**more: Any) -> Any:
        return linear(*[3] * (1 + (linear is L.Conv2D)), name="linear", **more)

    assert reasons(made(), L.BatchNormalization(name="norm"), L.ReLU()) == {}
    assert reasons(made(activation="relu")) == reasons(made(), L.MaxPooling2D(), L.ReLU()) == {}
    assert reasons(made(), L.ReLU()) == {"linear": "a separate ReLU follows without batch norm between them"}
    late = "batch norm must follow a convolution or Dense without activation directly"
    assert reasons(made(activation="relu"), L.BatchNormalization(name="norm")) == {"norm": late}
    assert reasons(L.MaxPooling2D(), L.BatchNormalization(name="norm")) == {"norm": late}
    assert reasons(made(activation="tanh")) == {"linear": "the activation tanh must be a layer of its own"}
    assert reasons(made(activation="softmax")) == {}
    inside = reasons(made(activation="softmax"), L.Flatten())
    assert inside == {"linear": "the activation softmax must be a layer of its own"}


def test_one_separate_relu_among_several_followers_is_enough() -> None:
    entry = keras.Input((8, 8, 2))
    x = L.Conv2D(3, 3, name="conv")(entry)
    model = keras.Model(entry, [L.MaxPooling2D()(x), L.ReLU()(x)])
    assert _unsupported(model.get_layer("conv")).startswith("a separate ReLU")
    with pytest.raises(ModelError, match="the model cannot be trained for int8:\n  conv: a separate ReLU"):
        check_quantizable(model)


def test_activations_and_layers_have_a_scheme_or_are_named() -> None:
    for name in ("relu", "linear", "gelu", "tanh", "sigmoid"):
        assert reasons(L.Activation(name)) == {}
    assert reasons(L.Activation("selu", name="a")) == {"a": "there is no int8 scheme for the activation selu"}
    assert reasons(L.LayerNormalization(name="n")) == {
        "n": "TFMOT has no int8 scheme for layers of type LayerNormalization"
    }

    class Odd:
        def __call__(self, x: Any) -> Any:
            return x

    assert reasons(L.Dense(2, activation=Odd(), name="d")) == {"d": "the activation Odd must be a layer of its own"}


def test_weights_that_tfmot_left_in_float_are_refused_by_name() -> None:
    idle = default_8bit_quantize_configs.NoOpQuantizeConfig()

    def wrapper(layer: Any, config: Any = idle) -> SimpleNamespace:
        return SimpleNamespace(quantize_config=config, layer=layer)

    def layer(name: str, *weights: int) -> SimpleNamespace:
        return SimpleNamespace(name=name, weights=list(weights))

    norm = L.BatchNormalization()
    norm.build((None, 3))
    fine = [wrapper(layer("pool")), wrapper(norm), wrapper(layer("dense", 1), object()), SimpleNamespace()]
    _refuse_unquantised(SimpleNamespace(layers=fine))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"TFMOT left the weights of these layers in float: conv, dense\."):
        bad = [wrapper(layer("conv", 1)), *fine, wrapper(layer("dense", 1))]
        _refuse_unquantised(SimpleNamespace(layers=bad))  # type: ignore[arg-type]
