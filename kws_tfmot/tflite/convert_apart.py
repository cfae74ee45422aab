"""TensorFlow's converter in a process of its own: what kills it there (GRU as int8 does) is an error here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kws_tfmot.errors import ModelError

if TYPE_CHECKING:
    from kws_tfmot.keras import keras

WALL_SECONDS = 1200
_START = "import json, os, sys; sys.path[:] = json.loads(os.environ.pop('KWS_WORKER_PATH')); "
_START += "from kws_tfmot.tflite.convert_apart import main; main(sys.argv[1])"
# Layers that every release's tests convert in this process; whatever else may be in a model goes apart.
_TRIED = frozenset(
    {
        *("InputLayer", "QuantizeLayer", "Conv2D", "DepthwiseConv2D", "Dense", "BatchNormalization", "Add", "Multiply"),
        *("ReLU", "LeakyReLU", "Activation", "Softmax", "HardSwish", "Concatenate", "Dropout", "SpatialDropout2D"),
        *("Flatten", "Reshape", "ZeroPadding2D", "Cropping2D", "AveragePooling2D", "MaxPooling2D"),
        *("GlobalAveragePooling2D", "GlobalMaxPooling2D"),
    }
)


def is_tried(model: keras.Model) -> bool:
    """Whether the converter may be trusted with every layer of ``model`` in this process."""
    kinds = {type(getattr(layer, "layer", layer)).__name__ for layer in model.layers}
    return kinds <= _TRIED


def convert_apart(
    function: Any, model: keras.Model, settings: dict[str, Any], samples: Sequence[np.ndarray] | None
) -> bytes:
    """Convert in another process.

    Args:
        function: The concrete function to convert.
        model: What it belongs to.
        settings: What :func:`configure` takes.
        samples: Representative inputs, each with the batch of 1, if activations are to be calibrated.

    Raises:
        ModelError: If the converter fails or dies, with its last words.
    """
    from kws_tfmot.keras import tf

    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        holder = tf.Module()
        holder.held, holder.function = list(model.variables), function
        tf.saved_model.save(holder, str(here / "saved"), signatures={"serving_default": function})
        (here / "settings.json").write_text(json.dumps(settings))
        if samples is not None:
            np.save(here / "samples.npy", np.stack(samples))
        environment = os.environ | {"KWS_WORKER_PATH": json.dumps([str(Path(path).absolute()) for path in sys.path])}
        command = [sys.executable, "-c", _START, folder]
        try:
            ended = subprocess.run(
                command, env=environment, capture_output=True, timeout=WALL_SECONDS, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise ModelError(
                f"the TFLite converter took more than {WALL_SECONDS} s and was stopped.", "Convert a smaller model."
            ) from None
        if (here / "model.tflite").is_file() and ended.returncode == 0:
            return (here / "model.tflite").read_bytes()
        raise _obituary(ended, model)


def _obituary(ended: subprocess.CompletedProcess[bytes], model: keras.Model) -> ModelError:
    lines = [line.strip() for line in ended.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    recurrent = sorted({type(x).__name__ for x in model.layers if hasattr(x, "cell")})
    hint = ""
    if recurrent:
        hint = (
            f"The model has {', '.join(recurrent)}: of recurrent layers only LSTM becomes an int8 operator; "
            "keep float (quantization.mode=none), or use LSTM or convolutions."
        )
    if ended.returncode < 0:
        name = signal.Signals(-ended.returncode).name
        return ModelError(f"the TFLite converter died of {name} on this model, a fault of TensorFlow's.", hint)
    return ModelError(f"the TFLite converter failed: {lines[-1][:500] if lines else 'without a word'}", hint)


def configure(converter: Any, tf: Any, settings: dict[str, Any]) -> None:
    """Set a converter up.

    Args:
        converter: TensorFlow's.
        tf: TensorFlow.
        settings: ``kind``, one of :data:`kws_tfmot.tflite.convert.KINDS`; ``calibrated``, whether there are samples;
            ``per_channel``, whether fully connected layers get a scale for each unit; ``sparse``.
    """
    kind = settings["kind"]
    chosen = [tf.lite.Optimize.DEFAULT] if "int" in kind else []
    converter.optimizations = [*chosen, tf.lite.Optimize.EXPERIMENTAL_SPARSITY] if settings["sparse"] else chosen
    if not settings["per_channel"]:
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    if kind.endswith("int8"):
        if settings["calibrated"]:  # without it the converter would insist on samples
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    elif kind == "int16x8":
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
        converter.inference_input_type = converter.inference_output_type = tf.int16


def main(folder: str) -> None:
    """Entry point of the other process: read the folder, write ``model.tflite`` into it."""
    import resource

    from kws_tfmot.keras import tf

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    here = Path(folder)
    settings = json.loads((here / "settings.json").read_text())
    converter = tf.lite.TFLiteConverter.from_saved_model(str(here / "saved"), signature_keys=["serving_default"])
    configure(converter, tf, settings)
    if settings["calibrated"]:
        samples = np.load(here / "samples.npy")
        converter.representative_dataset = lambda: ([sample] for sample in samples)
    (here / "model.tflite").write_bytes(converter.convert())
