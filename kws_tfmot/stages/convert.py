"""Stage `convert`: from the compressed Keras model to `.tflite` files, with every zero counted on the way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from kws_tfmot.errors import ModelError
from kws_tfmot.evaluation.contract import ModelContract
from kws_tfmot.files import sha256_bytes, write_bytes
from kws_tfmot.runs import StageResult
from kws_tfmot.stages.build import Build
from kws_tfmot.stages.compress import PRUNED_MODEL, load_final, load_float, sparse_inputs
from kws_tfmot.stages.train import FLOAT_MODEL
from kws_tfmot.tflite.convert import convert, sizes
from kws_tfmot.tflite.metadata import write_settings

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
    ]
    return build.run.stage("convert", inputs, lambda _: _convert(build))


def _convert(build: Build) -> StageResult:
    recipe = build.recipe
    calibration = build.calibration()
    contract = ModelContract.of_recipe(recipe).to_settings() | {"recipe": recipe.name, "seed": recipe.seed}
    float_name = PRUNED_MODEL if recipe.sparsity else FLOAT_MODEL
    files: dict[str, Any] = {}

    def write(name: str, kind: str) -> bytes:
        # Formats that TFMOT's int8 model cannot become are made of the float model it was trained from.
        model = load_final(build) if kind.endswith("int8") else load_float(build, float_name)
        quantization = (recipe.frontend.scale, recipe.frontend.zero_point) if kind.endswith("int8") else None
        data = convert(
            model, kind, calibration, input_quantization=quantization, softmax=recipe.convert.softmax
        )  # fmt: skip
        data = write_settings(data, contract)
        write_bytes(build.run.path(name), data)
        files[name] = {"kind": kind, "sha256": sha256_bytes(data), "bytes": sizes(data)}
        return data

    if recipe.quantization.mode == "none":
        write("model_float32.tflite", "float32")
    else:
        int8 = write(INT8_MODEL, "int8")
        files[INT8_MODEL]["zeros"] = count_zeros(int8)
        if recipe.sparsity:
            _check_zeros_last(build, files[INT8_MODEL]["zeros"])
    for kind in recipe.convert.also:
        if f"model_{kind}.tflite" not in files:
            write(f"model_{kind}.tflite", kind)
    if recipe.quantization.mode != "none":
        _judge_encoding(files)
    return StageResult(tuple(files), {"files": files})


def count_zeros(model: bytes) -> list[dict[str, Any]]:
    """Zeros of every weight tensor of a ``.tflite``, in the order of its operators."""
    from kws_tfmot.tflite.inspect import inspect

    return [
        {"tensor": row.name, "operator": row.operator, "weights": row.elements, "zeros": row.zeros}
        for row in inspect(model).weights
    ]


def _check_zeros_last(build: Build, rows: list[dict[str, Any]]) -> None:
    """Compare every layer of the pruned Keras model with its int8 weights, matched by the tensor's name."""
    layers = build.run.figures("sparsify")["layers"]
    found = {_layer_of(row["tensor"], layers): row for row in rows}
    lost = []
    for name, layer in layers.items():
        row = found.get(name)
        if row is None:
            lost.append(f"{name}: no weights of this layer were found in the int8 file")
            continue
        row |= {"layer": name, "keras_zeros": layer["zeros"]}
        if row["weights"] != layer["weights"] or row["zeros"] < layer["zeros"]:
            lost.append(
                f"{name}: {layer['zeros']} of {layer['weights']} in Keras, {row['zeros']} of {row['weights']} in int8"
            )
    if lost:
        raise ModelError(
            "zeros were lost between pruning and the int8 file:\n  " + "\n  ".join(lost),
            "Let quantisation-aware training preserve them: quantization.preserve=sparsity.",
        )


def _layer_of(tensor: str, layers: Iterable[str]) -> str:
    """The layer that a converted tensor belongs to; its name holds the layer's, with TFMOT's prefix after QAT."""
    parts = {part.removeprefix("quant_") for part in re.split("[/;]", tensor)}
    return next((name for name in layers if name in parts), tensor)


def _judge_encoding(files: dict[str, Any]) -> None:
    """Say what TFLite's sparse encoding gains or loses against the dense file of the same kind."""
    for name, dense in (
        ("model_sparse_int8.tflite", INT8_MODEL),
        ("model_sparse_float32.tflite", "model_float32.tflite"),
    ):
        if name in files and dense in files:
            ratio = files[name]["bytes"]["slim"] / files[dense]["bytes"]["slim"]
            files[name]["slim_bytes_over_dense"] = round(ratio, 4)
