"""Int8 schemes of layers that TFMOT has none for, or an incomplete one: merging layers, and functions of one value.

TFMOT 0.8.1 quantises no ``Multiply``, and leaves the output of ``tanh`` and ``sigmoid`` in float. TFLite's kernels give
these two fixed scales (tanh 1/128, zero point 0; logistic and softmax 1/256, zero point -128), which training must see.
"""

from __future__ import annotations

from typing import Any

from kws_tfmot.tfmot import tfmot  # isort: skip  (Keras 2 must be chosen before TFMOT is imported)
from tensorflow_model_optimization.python.core.quantization.keras import quantizers
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_configs,
)

from kws_tfmot.keras import keras
from kws_tfmot.models.own.hard_swish import HardSwish

_FROM_ZERO = (0.0, 255 / 256)
_FIXED = {"tanh": (-1.0, 127 / 128), "sigmoid": _FROM_ZERO, "softmax": _FROM_ZERO}
_OUTPUT = (
    keras.layers.Multiply,
    keras.layers.Subtract,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.ELU,
    HardSwish,
)


@keras.saving.register_keras_serializable("kws_tfmot")
class FixedRangeConfig(tfmot.quantization.keras.QuantizeConfig):
    """Quantises the output of a layer to one range, whatever it sees.

    Args:
        least: The real value of -128.
        most: The real value of 127.
    """

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most

    def get_weights_and_quantizers(self, layer: keras.layers.Layer) -> list:
        """No weights."""
        return []

    def get_activations_and_quantizers(self, layer: keras.layers.Layer) -> list:
        """No activation inside the layer."""
        return []

    def set_quantize_weights(self, layer: keras.layers.Layer, quantize_weights: list) -> None:
        """Nothing to set."""

    def set_quantize_activations(self, layer: keras.layers.Layer, quantize_activations: list) -> None:
        """Nothing to set."""

    def get_output_quantizers(self, layer: keras.layers.Layer) -> list:
        """One quantiser of the fixed range."""
        return [quantizers.FixedQuantizer(8, self.least, self.most, narrow_range=False)]

    def get_config(self) -> dict[str, Any]:
        """The range."""
        return {"least": self.least, "most": self.most}


def own_scheme(layer: keras.layers.Layer) -> tfmot.quantization.keras.QuantizeConfig | None:
    """The scheme of ``layer`` where TFMOT's own does not do; a softmax whose output nobody reads needs none."""
    if isinstance(layer, _OUTPUT):
        return default_8bit_quantize_configs.Default8BitOutputQuantizeConfig()
    name = "softmax" if isinstance(layer, keras.layers.Softmax) else ""
    if isinstance(layer, keras.layers.Activation):
        name = getattr(layer.activation, "__name__", "")
    if name in _FIXED and (name != "softmax" or layer.outbound_nodes):
        return FixedRangeConfig(*_FIXED[name])
    return None
