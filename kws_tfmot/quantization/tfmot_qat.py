"""TFMOT's quantisation-aware training, alone or preserving zeros and clusters, behind one small adapter."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import h5py
import numpy as np

from kws_tfmot.tfmot import tfmot  # isort: skip  (Keras 2 must be chosen before TFMOT is imported)
from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.cluster_preserve import (
    cluster_utils,
)
from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.cluster_preserve import (
    default_8bit_cluster_preserve_quantize_scheme as cluster_preserve,
)
from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.prune_preserve import (
    default_8bit_prune_preserve_quantize_scheme as prune_preserve,
)
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantize_configs,
    default_8bit_quantize_registry,
    default_8bit_quantize_scheme,
)
from tensorflow_model_optimization.python.core.quantization.keras.quantize_layer import QuantizeLayer

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.models.copying import fresh_copy
from kws_tfmot.models.stored import load_stored
from kws_tfmot.quantization.activation_ranges import calibrate_ranges
from kws_tfmot.quantization.batch_norm_folding import fold_dense_batch_norm
from kws_tfmot.quantization.layer_schemes import own_scheme

# What TFMOT quantises, as a layer and inside of one; of others it leaves the output in float.
_TFMOT_ACTIVATIONS = ("linear", "relu", "gelu")

_SCHEMES = {
    "nothing": default_8bit_quantize_scheme.Default8BitQuantizeScheme,
    "sparsity": prune_preserve.Default8BitPrunePreserveQuantizeScheme,
    "clusters": lambda: cluster_preserve.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=False),
    "clusters_and_sparsity": lambda: cluster_preserve.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity=True),
}


def check_quantizable(model: keras.Model) -> None:
    """Refuse a model that cannot be trained for int8, naming every offending layer at once.

    Besides layers without a scheme, a convolution or fully connected layer followed by a separate ReLU without batch
    norm is refused: TFMOT silently leaves its weights unquantised.

    Args:
        model: A model whose layers belong to no other model (see :func:`~kws_tfmot.models.copying.fresh_copy`).

    Raises:
        ModelError: With one line a layer.
    """
    problems = [f"{layer.name}: {reason}" for layer in model.layers if (reason := _unsupported(layer))]
    if problems:
        raise ModelError(
            "the model cannot be trained for int8:\n  " + "\n  ".join(problems),
            "Use Conv2D, DepthwiseConv2D or Dense, then BatchNormalization, then ReLU; or quantise after training: "
            "quantization.mode=ptq.",
        )


def _unsupported(layer: keras.layers.Layer) -> str:
    """Why this layer cannot be trained for int8; empty if it can."""
    if isinstance(layer, keras.layers.InputLayer) or own_scheme(layer) is not None:
        return ""
    if isinstance(layer, keras.layers.BatchNormalization):
        before = [node.inbound_layers for node in layer.inbound_nodes]
        linear = all(_is_linear(x) and x.activation is keras.activations.linear for x in before)
        return "" if linear else "batch norm must follow a convolution or Dense without activation directly"
    if not default_8bit_quantize_registry.Default8BitQuantizeRegistry().supports(layer):
        return f"TFMOT has no int8 scheme for layers of type {type(layer).__name__}"
    function = getattr(layer, "activation", keras.activations.linear)
    name = getattr(function, "__name__", type(function).__name__)
    if isinstance(layer, keras.layers.Activation) and name not in _TFMOT_ACTIVATIONS:
        return f"there is no int8 scheme for the activation {name}"
    if _is_linear(layer) and name not in _TFMOT_ACTIVATIONS and not (name == "softmax" and not layer.outbound_nodes):
        return f"the activation {name} must be a layer of its own"
    followers = [node.outbound_layer for node in layer.outbound_nodes]
    if _is_linear(layer) and any(isinstance(f, keras.layers.ReLU) for f in followers):
        return "a separate ReLU follows without batch norm between them"
    return ""


def _is_linear(layer: object) -> bool:
    return isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense)


def apply_qat(model: keras.Model, preserve: str, input_scale: float, calibration: np.ndarray) -> keras.Model:
    """Return a copy of ``model`` that simulates int8 weights and activations in training.

    Args:
        model: A float model (stripped of pruning wrappers); it is left as it is.
        preserve: ``nothing``, ``sparsity``, ``clusters`` or ``clusters_and_sparsity``.
        input_scale: Scale of the front end's int8 features (zero point 0). The input quantiser is pinned to
            [-128, 127] * input_scale, so that the deployed model takes the features byte for byte.
        calibration: Inputs float32 [N, frames, coefficients, 1] that the activations' first ranges are taken from.

    Raises:
        ModelError: If a layer cannot be quantised (see :func:`check_quantizable`).
    """
    copy = fresh_copy(model)
    check_quantizable(copy)
    copy = fold_dense_batch_norm(copy)
    annotated = tfmot.quantization.keras.quantize_annotate_model(_with_own_schemes(copy))
    with tfmot.quantization.keras.quantize_scope():
        quantized = tfmot.quantization.keras.quantize_apply(annotated, scheme=_SCHEMES[preserve]())
    _refuse_unquantised(quantized)
    _pin_input(quantized, input_scale)
    calibrate_ranges(quantized, copy, calibration)
    return quantized


def _with_own_schemes(model: keras.Model) -> keras.Model:
    def annotate(layer: keras.layers.Layer) -> keras.layers.Layer:
        """The layer annotated with the scheme that its kind needs."""
        scheme = own_scheme(layer)
        return tfmot.quantization.keras.quantize_annotate_layer(layer, scheme) if scheme else layer

    return keras.models.clone_model(model, clone_function=annotate)


def _refuse_unquantised(model: keras.Model) -> None:
    idle = default_8bit_quantize_configs.NoOpQuantizeConfig
    wrapped = [x for x in model.layers if isinstance(getattr(x, "quantize_config", None), idle)]
    folded = (keras.layers.BatchNormalization, keras.layers.Add)
    left = [x.layer.name for x in wrapped if x.layer.weights and not isinstance(x.layer, folded)]
    if left:
        raise ModelError(
            f"TFMOT left the weights of these layers in float: {', '.join(left)}.",
            "Put batch norm between the layer and its ReLU.",
        )


def _pin_input(model: keras.Model, scale: float) -> None:
    """Set the range of the input quantiser; it only ever widens, and no int8 feature lies outside."""
    for layer in model.layers:
        if isinstance(layer, QuantizeLayer):
            for weight in layer.weights:
                if "min" in weight.name:
                    weight.assign(-128.0 * scale)
                elif "max" in weight.name:
                    weight.assign(127.0 * scale)


def save_qat(model: keras.Model, path: str | Path) -> None:
    """Save as HDF5: a QAT model saved as ``.keras`` does not load again (TFMOT 0.8.1).

    What keeps clusters together in training is left out: a model loaded with it refuses its own file. The file is made
    in memory: HDF5 that cannot write to a full disk fails again as it closes, with an error that says nothing.
    """
    model = cluster_utils.strip_clustering_cqat(model)
    made = io.BytesIO()
    with tfmot.quantization.keras.quantize_scope(), warnings.catch_warnings(), h5py.File(made, "w") as file:
        warnings.filterwarnings("ignore", message="You are saving your model as an HDF5 file")
        model.save(file, save_format="h5", include_optimizer=False)
    Path(path).write_bytes(made.getvalue())


def load_qat(path: str | Path) -> keras.Model:
    """Load what :func:`save_qat` wrote."""
    with tfmot.quantization.keras.quantize_scope():
        return load_stored(path)
