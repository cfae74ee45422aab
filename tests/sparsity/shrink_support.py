"""Networks with random weights and statistics, and random zeros in them, for the tests of shrinking."""

from __future__ import annotations

import numpy as np

from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.sparsity.coverage import kernel_of

SHAPE, CLASSES = (24, 8), 4


def network(name: str, seed: int = 0, **settings: object) -> keras.Model:
    """A model as after training: every weight and statistic is some number of its own."""
    seed_everything(seed)
    model = build_model(ModelSettings(name=name, **settings), SHAPE, CLASSES)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.gamma.shape
            layer.set_weights([rng.uniform(0.5, 1.5, size), rng.normal(0, 0.5, size), rng.normal(0, 0.5, size),
                               rng.uniform(0.3, 2.0, size)])  # fmt: skip
        elif getattr(layer, "use_bias", False):
            layer.bias.assign(rng.normal(0, 0.5, layer.bias.shape))
    return model


def prune_randomly(model: keras.Model, sparsity: float, seed: int, units: float = 0.0, depthwise: float = 0.0) -> None:
    """Zero a share of the weights at random, besides whole rows and columns: a share ``units`` of each."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        kernel = kernel_of(layer)
        if kernel is None:
            continue
        values = keras.backend.get_value(kernel).copy()
        if hasattr(layer, "depthwise_kernel"):
            values[:, :, rng.random(values.shape[2]) < depthwise] = 0
        else:
            values[rng.random(values.shape) < sparsity] = 0
            if layer is not model.layers[-1]:
                values[..., rng.random(values.shape[-1]) < units] = 0
            if values.shape[-2] > 1:
                values[..., rng.random(values.shape[-2]) < units, :] = 0
        kernel.assign(values)
    settle(model, rng)
    head = model.layers[-1]
    spread = logits(model, inputs(32, seed=99)).std(0).max()
    head.kernel.assign(head.kernel * (3.0 / spread if spread > 1e-3 else 1.0))


def settle(model: keras.Model, rng: np.random.Generator) -> None:
    """Statistics nearly those of the signals, so that the outputs of a sparse network still depend on its inputs."""
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0
    model(inputs(32, seed=99), training=True)
    for norm in norms:
        norm.moving_mean.assign_add(rng.normal(0, 0.02, norm.moving_mean.shape))


def inputs(count: int, seed: int = 0) -> np.ndarray:
    """Samples that differ from each other in the mean too, as pooling leaves nothing else."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (count, *SHAPE, 1)) + rng.normal(0, 1, (count, 1, SHAPE[1], 1))
    return x.astype(np.float32)


def logits(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """What goes into the softmax, where differences are not squeezed."""
    head = model.layers[-1]
    features = keras.Model(model.inputs, head.input)(x).numpy()
    return features @ head.kernel.numpy() + head.bias.numpy()


def assert_equal_outputs(first: keras.Model, second: keras.Model, seed: int = 0) -> None:
    x = inputs(6, seed)
    expected = logits(first, x)
    tolerance = 1e-5 * max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(logits(second, x), expected, rtol=2e-5, atol=tolerance)
    np.testing.assert_allclose(second(x).numpy(), first(x).numpy(), atol=1e-4)
