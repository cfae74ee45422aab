"""Stage `convert`: from the compressed Keras model to `.tflite` files, with every zero counted on the way."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.files import sha256_bytes, write_bytes
from kws_tfmot.runs import StageResult
from kws_tfmot.sparsity.survival import Survival, as_tflite, match_zeros
from kws_tfmot.tflite.convert import convert, sizes
from kws_tfmot.tflite.inspect import zero_masks
from kws_tfmot.tflite.metadata import write_settings
from pipelines.stages.build import Build
from pipelines.stages.compress import load_final
from pipelines.stages.low_bit import load_low_bit
from pipelines.stages.sparsify import PRUNED_MODEL, load_float, sparse_inputs
from pipelines.stages.train import FLOAT_MODEL

if TYPE_CHECKING:
    from kws_tfmot.keras import keras

INT8_MODEL = "model_int8.tflite"


def convert_model(build: Build) -> bool:
    """Write ``model_int8.tflite`` and whatever else the recipe asks for, each with its settings inside.

    Raises:
        ModelError: If the converter cannot, or a weight that training made zero is not zero in the int8 file.
    """
    recipe = build.recipe
    inputs = [
        *sparse_inputs(build),
        recipe.quantization.model_dump(mode="json"),
        recipe.convert.model_dump(mode="json"),
        recipe.detection.model_dump(mode="json"),
    ]
    return build.run.stage("convert", inputs, lambda _: _convert(build))


def _convert(build: Build) -> StageResult:
    recipe = build.recipe
    calibration = build.calibration()
    last = "sparsify" if recipe.sparsity else "train"
    trained = build.run.figures(last).get("threshold") if recipe.streams else None
    if trained is not None:
        # Chosen on validation streams; thresholds of single keywords in the recipe are kept.
        detection = recipe.detection.model_copy(update={"threshold": trained})
        recipe = recipe.model_copy(update={"detection": detection})
    contract = recipe.contract().to_settings() | {"recipe": recipe.name, "seed": recipe.seed}
    float_name = PRUNED_MODEL if recipe.sparsity else FLOAT_MODEL
    files: dict[str, Any] = {}

    @functools.cache
    def final() -> keras.Model:
        """What the int8 files are made of."""
        return load_final(build)

    @functools.cache
    def trained_float() -> keras.Model:
        """What the others are made of: formats that TFMOT's int8 model cannot become."""
        changed = recipe.quantization.low_bit or recipe.quantization.mode == "qat"
        return load_float(build, float_name) if changed else final()

    def write(name: str, kind: str) -> bytes:
        """Write one ``.tflite`` file, its settings inside, and return its bytes."""
        model = final() if kind.endswith("int8") else trained_float()
        quantization = (recipe.frontend.scale, recipe.frontend.zero_point) if kind.endswith("int8") else None
        kernels = load_low_bit(build)[1] if kind == "int8" and recipe.quantization.low_bit else ()
        data = convert(
            model,
            kind,
            calibration,
            input_quantization=quantization,
            softmax=recipe.convert.softmax,
            exact_linear=True,
            kernels=kernels,
        )  # fmt: skip
        data = write_settings(data, contract)
        write_bytes(build.run.path(name), data)
        files[name] = {"kind": kind, "sha256": sha256_bytes(data), "bytes": sizes(data)}
        return data

    if recipe.quantization.mode == "none":
        write("model_float32.tflite", "float32")
    else:
        int8 = write(INT8_MODEL, "int8")
        rows = check_zeros_last(trained_float(), int8)
        files[INT8_MODEL]["zeros"] = [dataclasses.asdict(row) for row in rows]
    for kind in recipe.convert.also:
        if f"model_{kind}.tflite" not in files:
            write(f"model_{kind}.tflite", kind)
    if recipe.quantization.mode != "none":
        _judge_encoding(files)
    return StageResult(tuple(files), {"files": files})


def check_zeros_last(network: keras.Model, int8: bytes) -> list[Survival]:
    """Find every kernel of the sparse float ``network`` in the ``int8`` file, zero for zero.

    Raises:
        ModelError: If a zero of training is not zero in the file, naming the layers.
    """
    from kws_tfmot.sparsity.coverage import kernels, layer_of

    layers: dict[str, np.ndarray] = {}
    for name, kernel in kernels(network).items():
        layer, zeros = layer_of(network, name), kernel.numpy() == 0
        if type(layer).__name__ == "LSTM" and not layer.unroll:  # the file has a matrix for each gate
            gates = np.split(zeros, zeros.shape[-1] // layer.units, axis=-1)
            layers |= {f"{name}[{number}]": as_tflite(gate, False) for number, gate in enumerate(gates)}
        else:
            layers[name] = as_tflite(zeros, hasattr(layer, "depthwise_kernel"))
    rows = match_zeros(layers, zero_masks(int8))
    if lost := [f"{row.layer}: {row.keras_zeros} of {row.weights} are zero in Keras" for row in rows if row.lost]:
        raise ModelError(
            "zeros of these layers were lost on the way to the int8 file:\n  " + "\n  ".join(lost),
            "Let quantisation-aware training keep them: quantization.preserve=sparsity.",
        )
    return rows


def _judge_encoding(files: dict[str, Any]) -> None:
    """Say what TFLite's sparse encoding gains or loses against the dense file of the same kind."""
    for name, dense in (
        ("model_sparse_int8.tflite", INT8_MODEL),
        ("model_sparse_float32.tflite", "model_float32.tflite"),
    ):
        if name in files and dense in files:
            ratio = files[name]["bytes"]["slim"] / files[dense]["bytes"]["slim"]
            files[name]["slim_bytes_over_dense"] = round(ratio, 4)
