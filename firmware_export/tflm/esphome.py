"""A wake word for ESPHome's component micro_wake_word: the network with state, and its manifest of version 2.

The component (esphome.io/components/micro_wake_word) feeds int8 rows of TFLM's micro front end, reads one uint8
probability a step, and compares the mean of the last ones with a cutoff. It has no SOFTMAX: the probability is

    sigmoid(z_word - max of the other classes' z)

of the logits ``z``, which is the softmax where one other class outweighs the rest, and never less than it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from firmware_export.tflm.stateful import stateful_file
from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.detector import DetectorPlan
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.files import write_files
from kws_tfmot.manifest import MICRO_FEATURES, MICRO_WINDOW_MS, file_name_of, manifest_of
from kws_tfmot.tflite.arena import measure_arena
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.edit import (
    add_buffer,
    add_tensor,
    code_of,
    finish,
    inputs_of,
    new_operator,
    new_quantization,
    open_for_edit,
    operators_of,
    tensors_of,
    writer_of,
)
from kws_tfmot.tflite.graph import Graph
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.schema import ModelT, OperatorT, TensorT, enum_values

OPERATORS = frozenset(
    (
        *("CALL_ONCE", "VAR_HANDLE", "RESHAPE", "READ_VARIABLE", "STRIDED_SLICE", "CONCATENATION", "ASSIGN_VARIABLE"),
        *("CONV_2D", "MUL", "ADD", "MEAN", "FULLY_CONNECTED", "LOGISTIC", "QUANTIZE", "DEPTHWISE_CONV_2D"),
        *("AVERAGE_POOL_2D", "MAX_POOL_2D", "PAD", "PACK", "SPLIT_V"),
    )
)
"""What the component registers."""
MOST_VARIABLES = 20
VERSION = "2024.7.0"  # the first with manifests of version 2


class EsphomeReport(NamedTuple):
    """What was written."""

    files: tuple[str, ...]
    manifest: dict[str, Any]
    model_bytes: int
    rows: int  # of features a step takes


def export_esphome(
    model: str | Path | bytes,
    out_dir: str | Path,
    contract: ModelContract,
    *,
    name: str = "",
    hop: int | None = None,
    author: str = "",
    website: str = "",
    languages: tuple[str, ...] = (),
) -> EsphomeReport:
    """Write ``NAME.tflite`` and ``NAME.json`` into ``out_dir``.

    Args:
        model: Path or bytes of an int8 ``.tflite`` without state that can be streamed, or of one that the component
            takes as it is, whose manifest is made anew.
        out_dir: The folder.
        contract: Its labels, front end and detector.
        name: Of the files; the wake word's by default.
        hop: Rows of features a step takes; the least possible by default.
        author: For the manifest.
        website: For the manifest.
        languages: For the manifest.

    Raises:
        RecipeError: If the component has another front end or listens to one word alone.
        ModelError: If the network cannot be streamed, or the component lacks an operator.
        ToolchainError: Without the package tflite-micro, which the arena is measured with.
    """
    word = _word_of(contract)
    data = esphome_model(read_source(model), contract.labels.index(word), hop)
    graph = read_model(data)
    rows = graph.tensor(graph.inputs[0]).shape[1]
    plan = DetectorPlan.of(read_model(model), contract.labels, contract.frontend, contract.detection, rows)
    micro = {
        "probability_cutoff": cutoff_of(plan.thresholds[contract.labels.index(word)]),
        "sliding_window_size": plan.window,
        "feature_step_size": contract.frontend.hop_ms,
        "tensor_arena_size": -(-measure_arena(data)["total"] // 16) * 16,
        "minimum_esphome_version": VERSION,
    }
    stem = name or file_name_of(word)
    manifest = manifest_of(word, f"{stem}.tflite", micro, author=author, website=website, languages=list(languages))
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    write_files({f"{stem}.tflite": data, f"{stem}.json": text}, out_dir)
    return EsphomeReport((f"{stem}.json", f"{stem}.tflite"), manifest, len(data), rows)


def cutoff_of(threshold: int) -> float:
    """The ``probability_cutoff`` that a mean of uint8 outputs exceeds where it reaches a Q15 threshold.

    The component compares ``sum / (255 W) > cutoff``, our posteriors are an output's 256ths: the cutoff lies between
    the last output below the threshold and the next.

    >>> cutoff_of(ONE // 2), cutoff_of(ONE)
    (0.5, 0.9961)
    """
    below = min(math.ceil(threshold * 256 / ONE) - 1, 253)
    return round((below + 0.5) / 255, 4) if threshold < ONE else round(254 / 255, 4)


def _word_of(contract: ModelContract) -> str:
    """The one keyword of a contract whose front end is the component's."""
    frontend = contract.frontend
    own = type(frontend)(kind="microfrontend", hop_ms=frontend.hop_ms, clip_ms=frontend.clip_ms)
    if frontend != own or frontend.hop_ms > MICRO_WINDOW_MS:
        raise RecipeError(
            f"ESPHome computes features of kind microfrontend: {MICRO_FEATURES} channels, windows of {MICRO_WINDOW_MS} "
            f"ms. Received: frontend.kind={frontend.kind}, {frontend.features_per_frame} features, windows of "
            f"{frontend.window_ms} ms",
            "Train with frontend={kind: microfrontend}, as the recipe wake_word does.",
        )
    words = contract.data.keywords
    found = [label for label in contract.labels if label in words]
    if len(found) != 1:
        raise RecipeError(
            f"a model of ESPHome's listens to one wake word. Received: {', '.join(found) or 'none'}",
            "Train one model for each word.",
        )
    return found[0]


def esphome_model(model: bytes, word: int, hop: int | None = None) -> bytes:
    """The network with state as the component takes it: int8 ``[1, rows, 40]`` in, uint8 ``[1, 1]`` out.

    Args:
        model: An int8 ``.tflite`` without state; one with state is returned as it is.
        word: Number of the wake word among the classes.
        hop: Rows a step takes.

    Raises:
        ModelError: If it cannot be streamed, has a state that the component would not take, or needs an operator that
            the component lacks.
    """
    given = read_model(model)
    if given.stateful:
        _refuse_other_state(given, hop)
        data = model
    else:
        root = open_for_edit(stateful_file(model, hop))
        _enter(root)
        _Tail(root, word).run()
        data = finish(root)
    graph = read_model(data)
    if missing := sorted({operator.code for operator in graph.operators} - OPERATORS):
        raise ModelError(f"ESPHome's component has no {', '.join(missing)}.", f"It has {', '.join(sorted(OPERATORS))}.")
    if len(graph.variables) > MOST_VARIABLES:
        raise ModelError(
            f"ESPHome's component keeps {MOST_VARIABLES} variables. Received: {len(graph.variables)}.",
            "Take a network with fewer layers along time.",
        )
    return data


def _refuse_other_state(graph: Graph, hop: int | None) -> None:
    """A file with state is taken if it is the component's: its rows and its probability."""
    source, result = graph.tensor(graph.inputs[0]), graph.tensor(graph.outputs[0])
    rows = source.shape[1] if len(source.shape) == 3 else 0
    expected = ("int8", (1, rows, MICRO_FEATURES), "uint8", (1, 1))
    if (source.dtype, source.shape, result.dtype, result.shape) != expected or not rows:
        raise ModelError(
            f"the model keeps a state already, and ESPHome's component takes int8 [1, rows, {MICRO_FEATURES}] and "
            f"gives uint8 [1, 1]. Received: {source.dtype} {list(source.shape)} and {result.dtype} "
            f"{list(result.shape)}.",
            "Export the network without state that it was made from.",
        )
    if hop not in (None, rows):
        raise RecipeError(f"the model keeps a state and takes {rows} rows a step. Received: --hop {hop}.")


def _enter(root: ModelT) -> None:
    """Let the input be ``[1, rows, 40]``."""
    subgraph = root.subgraphs[0]
    old = int(subgraph.inputs[0])
    tensor = tensors_of(root)[old]
    shape = tuple(int(size) for size in tensor.shape)
    rows, rest = divmod(math.prod(shape), MICRO_FEATURES)
    if rest:
        raise ModelError(f"expected an input [1, rows, {MICRO_FEATURES}]. Received: {list(shape)}")
    if shape == (1, rows, MICRO_FEATURES):
        return
    flat = np.array([1, rows, MICRO_FEATURES], np.int32)
    new = add_tensor(root, TensorT(flat, tensor.type, name=b"features", quantization=tensor.quantization))
    subgraph.inputs = np.array([new], np.int32)
    operators_of(root).insert(0, _reshape(root, new, old, shape))


def _reshape(root: ModelT, source: int, target: int, shape: tuple[int, ...]) -> OperatorT:
    values = np.array(shape, np.int32)
    number = enum_values("TensorType")["INT32"]
    buffer = add_buffer(root, values.tobytes())
    constant = add_tensor(root, TensorT(np.array([len(shape)], np.int32), number, buffer, b""))
    return new_operator(root, "RESHAPE", [source, constant], [target], "ReshapeOptions", new_shape=values)


class _Tail:
    """From the classes' logits to one probability."""

    def __init__(self, root: ModelT, word: int) -> None:
        self.root, self.word = root, word

    def run(self) -> None:
        """Replace what follows the logits."""
        subgraph = self.root.subgraphs[0]
        output = int(subgraph.outputs[0])
        last = writer_of(self.root, output)
        if last is not None and code_of(self.root, last) == "SOFTMAX":
            operators_of(self.root).remove(last)
            output = inputs_of(last)[0]
        tensor = tensors_of(self.root)[output]
        classes = int(np.prod(tensor.shape))
        if last is not None and code_of(self.root, last) == "LOGISTIC" and classes == 1:
            probability = output
        else:
            if classes < 2:
                raise ModelError(f"expected classes to choose among, or one probability. Received: {classes} logit")
            margin = self._margin(output, classes, float(tensor.quantization.scale[0]))
            probability = self._add("LOGISTIC", [margin], (1, 1), 1 / 256, -128, "")
        result = self._add("QUANTIZE", [probability], (1, 1), 1 / 256, 0, "QuantizeOptions", kind="UINT8")
        subgraph.outputs = np.array([result], np.int32)

    def _margin(self, logits: int, classes: int, scale: float) -> int:
        """``z_word`` less the largest other, int8 in the logits' steps: exact, or limited where the sigmoid is too.

        Where 127 of those steps are less than 8, of which the sigmoid is 0.9997, in steps of twice their size.
        """
        scale *= 1 if 127 * scale >= 8 else 2
        others = [number for number in range(classes) if number != self.word]
        table = np.zeros((len(others), classes), np.int8)
        sign = 127 if len(others) == 1 else -127  # of several the largest of z_other - z_word is taken first
        table[:, self.word] = sign
        table[np.arange(len(others)), others] = -sign
        margin = self._dense(logits, table, scale)
        if len(others) == 1:
            return margin
        shaped = self._tensor((1, len(others), 1, 1), scale, 0)
        operators_of(self.root).append(_reshape(self.root, margin, shaped, (1, len(others), 1, 1)))
        options: dict[str, Any] = {
            "padding": 1,
            "stride_w": 1,
            "stride_h": 1,
            "filter_width": 1,
            "filter_height": len(others),
        }
        largest = self._add("MAX_POOL_2D", [shaped], (1, 1, 1, 1), scale, 0, "Pool2DOptions", **options)
        flat = self._tensor((1, 1), scale, 0)
        operators_of(self.root).append(_reshape(self.root, largest, flat, (1, 1)))
        return self._dense(flat, np.array([[-127]], np.int8), scale)

    def _dense(self, source: int, weights: np.ndarray, scale: float) -> int:
        number = enum_values("TensorType")["INT8"]
        held = TensorT(np.array(weights.shape, np.int32), number, add_buffer(self.root, weights.tobytes()), b"")
        held.quantization = new_quantization([1 / 127], [0])
        table = add_tensor(self.root, held)
        return self._add("FULLY_CONNECTED", [source, table, -1], (1, len(weights)), scale, 0, "FullyConnectedOptions")

    def _tensor(self, shape: tuple[int, ...], scale: float, zero_point: int, kind: str = "INT8") -> int:
        tensor = TensorT(np.array(shape, np.int32), enum_values("TensorType")[kind], name=b"")
        tensor.quantization = new_quantization([scale], [zero_point])
        return add_tensor(self.root, tensor)

    def _add(self, code: str, inputs: list[int], shape: tuple[int, ...], scale: float, zero_point: int,
             options: str, kind: str = "INT8", **values: Any) -> int:  # fmt: skip
        output = self._tensor(shape, scale, zero_point, kind)
        operators_of(self.root).append(new_operator(self.root, code, inputs, [output], options or None, **values))
        return output
