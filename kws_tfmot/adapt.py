"""Making a finished ``.tflite`` from elsewhere hear: this project's front end in place of its own input quantisation.

The model's weights stay. Its input is given the scale and zero point of the front end's bytes, the first layers biases
that fit, and labels, front end and detector travel in the file as in one that was built here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws_tfmot.contract import ModelContract
from kws_tfmot.data.data_settings import SplitSettings
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.settings import Settings
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.edit import finish, open_for_edit
from kws_tfmot.tflite.interpreter import open_interpreter
from kws_tfmot.tflite.metadata import write_settings
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.rewrite import set_input_quantization
from kws_tfmot.yaml_reader import read_yaml_file

_COMPARED = 100
_EXAMPLE = "For example:\n  labels: [_silence_, _unknown_, yes, no]\n  frontend: {kind: microfrontend, hop_ms: 20}"


class FeatureSettings(Settings):
    """What a model from elsewhere needs.

    Attributes:
        labels: One for each output, in the model's order; ``_unknown_`` and ``_silence_`` are no keywords.
        frontend: How samples become its features.
        detection: From scores to detections.
    """

    labels: tuple[str, ...]
    frontend: FrontendSettings = FrontendSettings()
    detection: DetectionSettings = DetectionSettings()


@dataclass(frozen=True)
class Adapted:
    """A model that was given a front end.

    Attributes:
        model: Bytes of the ``.tflite``.
        was: (scale, zero point) of its input before; ``None`` for a float model.
        difference: Greatest difference between its outputs and the given model's on the same features, in steps.
    """

    model: bytes
    was: tuple[float, int] | None
    difference: int


def read_features(path: str | Path) -> FeatureSettings:
    """The settings in a YAML file.

    Raises:
        RecipeError: If it is missing, no YAML, or holds what is not allowed.
    """
    path = Path(path)
    if not path.is_file():
        raise RecipeError(f"there are no feature settings at {path}.", _EXAMPLE)
    values = read_yaml_file(path, _EXAMPLE)
    if not isinstance(values, dict):
        raise RecipeError(f"{path} holds {type(values).__name__}, expected labels and frontend.", _EXAMPLE)
    return FeatureSettings.parse(values, path.name)


def adapt(source: str | Path | bytes, settings: FeatureSettings) -> Adapted:
    """Give a model the front end that ``settings`` describe.

    Raises:
        ModelError: If the features do not fit its input, the labels its output, or its input is neither int8 nor float.
    """
    data = read_source(source)
    graph = read_model(data)
    front = settings.frontend
    keywords = tuple(label for label in settings.labels if not label.startswith("_"))
    contract = ModelContract(
        settings.labels, front, SplitSettings.parse({"keywords": keywords}, "labels"), settings.detection
    )
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ModelError(f"expected one input and one output. Received: {len(graph.inputs)} and {len(graph.outputs)}.")
    entry = graph.tensor(graph.inputs[0])
    if entry.dtype == "float32":
        result = write_settings(data, contract.to_settings())
        ModelContract.of_model(result)
        return Adapted(result, None, 0)
    if entry.dtype != "int8" or entry.quantization is None:
        raise ModelError(
            f"expected an int8 or float32 input. Received: {entry.dtype}",
            "The front end gives int8; convert the model again with an int8 input.",
        )
    was = float(entry.quantization.scales[0]), int(entry.quantization.zero_points[0])
    if was == (front.scale, front.zero_point) or contract.takes_micro_features(*was):
        adapted = data
    else:
        root = open_for_edit(data)
        set_input_quantization(root, front.scale, front.zero_point)
        adapted = finish(root)
    result = write_settings(adapted, contract.to_settings())
    ModelContract.of_model(result)
    return Adapted(result, was, _difference(data, result, was) if adapted is not data else 0)


def _difference(given: bytes, adapted: bytes, was: tuple[float, int]) -> int:
    """Run both on features that the given model can tell apart."""
    before, after = open_interpreter(given, "tflm"), open_interpreter(adapted, "tflm")
    rng = np.random.default_rng(0)
    bytes_ = rng.integers(-128, 128, (_COMPARED, *before.input.shape[1:]))
    real = (bytes_ - was[1]) * was[0]
    fed = np.clip(np.rint(real / after.input.scale) + after.input.zero_point, -128, 127)
    inside = (fed - after.input.zero_point) * after.input.scale
    theirs = np.clip(np.rint(inside / was[0]) + was[1], -128, 127)
    outputs = before.run(theirs.astype(np.int8)).astype(int), after.run(fed.astype(np.int8)).astype(int)
    return int(np.abs(outputs[0] - outputs[1]).max())
