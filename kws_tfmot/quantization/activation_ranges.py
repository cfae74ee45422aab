"""Starting quantisation-aware training from the activations' real ranges.

TFMOT starts every range at [-6, 6] and moves it by 1/1000 of the way a step, so after a short training half of the
int8 range of a ReLU would still represent negative values that never occur.
"""

from __future__ import annotations

import numpy as np

from kws_tfmot.keras import keras

_BATCH = 100


def calibrate_ranges(quantized: keras.Model, model: keras.Model, features: np.ndarray) -> None:
    """Set the activation ranges of ``quantized`` to those seen in the float ``model``.

    A range is the mean over batches of 100 of each batch's least and greatest value, widened to include zero: what
    TFMOT's moving average would arrive at.

    Args:
        quantized: What TFMOT made of ``model``; changed in place.
        model: The float model, with the same layers under their own names.
        features: Calibration input, float32 [N, frames, coefficients, 1].
    """
    for wrapper in quantized.layers:
        ranges = {w.name.rpartition("/")[2].partition(":")[0]: w for w in wrapper.weights}
        for prefix in ("output", "post_activation", "pre_activation"):
            if f"{prefix}_min" in ranges:
                low, high = _range_of(model, wrapper.layer.name, prefix, features)
                ranges[f"{prefix}_min"].assign(low)
                ranges[f"{prefix}_max"].assign(high)


def _range_of(model: keras.Model, name: str, prefix: str, features: np.ndarray) -> tuple[float, float]:
    layer = model.get_layer(name)
    observed = layer.output
    if prefix == "pre_activation" and layer.activation is not keras.activations.linear:
        unused = max((each.name for each in model.layers), key=len) + "_linear"  # Keras's own may be the model's too
        linear = keras.layers.Dense(layer.units, use_bias=layer.use_bias, name=unused)
        observed = linear(layer.input)
        linear.set_weights(layer.get_weights())
    network = keras.Model(model.inputs, observed)
    batches = [network.predict_on_batch(features[at : at + _BATCH]) for at in range(0, len(features), _BATCH)]
    low = float(np.mean([batch.min() for batch in batches]))
    high = float(np.mean([batch.max() for batch in batches]))
    return min(low, 0.0), max(high, 1e-3)
