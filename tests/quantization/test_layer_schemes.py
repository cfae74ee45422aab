"""Layers that TFMOT has no whole scheme for are trained with the scales that TFLite's kernels give them."""

from __future__ import annotations

import pytest

from kws_tfmot.keras import keras
from kws_tfmot.quantization.layer_schemes import FixedRangeConfig, own_scheme

L = keras.layers


@pytest.mark.parametrize(("name", "scale", "zero_point"), [("tanh", 1 / 128, 0), ("sigmoid", 1 / 256, -128)])
def test_functions_of_one_value_have_the_kernels_scale(name: str, scale: float, zero_point: int) -> None:
    scheme = own_scheme(L.Activation(name))
    assert isinstance(scheme, FixedRangeConfig)
    step = (scheme.most - scheme.least) / 255
    assert (step, -128 - scheme.least / step) == (scale, zero_point)
    (quantizer,) = scheme.get_output_quantizers(L.Activation(name))
    assert quantizer.get_config() == quantizer.get_config() | {"num_bits": 8, "narrow_range": False}
    assert (quantizer.init_min, quantizer.init_max) == (scheme.least, scheme.most)
    assert FixedRangeConfig(**scheme.get_config()).get_config() == {"least": scheme.least, "most": scheme.most}


def test_a_stored_network_names_the_scheme() -> None:
    assert keras.saving.get_registered_object("kws_tfmot>FixedRangeConfig") is FixedRangeConfig


def test_a_softmax_has_one_only_where_its_output_is_read() -> None:
    last, inside = L.Softmax(), L.Activation("softmax")
    x = L.Input((4,))
    last(L.Dense(2)(inside(x)))
    assert own_scheme(last) is None
    scheme = own_scheme(inside)
    assert isinstance(scheme, FixedRangeConfig) and (scheme.least, scheme.most) == (0.0, 255 / 256)


@pytest.mark.parametrize("kind", [L.Multiply, L.Subtract, L.Maximum, L.Minimum, L.ELU])
def test_merging_layers_have_a_quantised_output(kind: type) -> None:
    scheme = own_scheme(kind())
    assert scheme is not None and len(scheme.get_output_quantizers(kind())) == 1


@pytest.mark.parametrize("layer", [L.Activation("relu"), L.ReLU(), L.Dense(3), L.Add()], ids=lambda layer: layer.name)
def test_others_are_left_to_tfmot(layer: keras.layers.Layer) -> None:
    assert own_scheme(layer) is None
