"""What a `.tflite` says about itself: its labels and audio front end, checked against its own tensors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_tfmot.data import SILENCE, UNKNOWN, DataSettings
from kws_tfmot.detection.settings import DetectionSettings
from kws_tfmot.errors import ModelError
from kws_tfmot.frontend import FrontendSettings
from kws_tfmot.tflite.graph import Graph
from kws_tfmot.tflite.metadata import read_settings
from kws_tfmot.tflite.reader import read_model

# Of the data settings, what decides which clip stands in which split.
_SPLIT_KEYS = ("unknown_share", "silence_share", "split", "percent", "speaker_pattern", "seed")


@dataclass(frozen=True)
class ModelContract:
    """What a model needs to be fed and how its outputs are read.

    Attributes:
        labels: One for each output.
        frontend: How samples become its input.
        data: How the clips it was trained on were split.
        detection: When a stream of its outputs becomes a detection.
    """

    labels: tuple[str, ...]
    frontend: FrontendSettings
    data: DataSettings
    detection: DetectionSettings

    def to_settings(self) -> dict[str, Any]:
        """JSON-able form that travels in the ``.tflite``."""
        data = self.data.model_dump(mode="json")
        spoken = self.data.synthetic.model_dump(mode="json", exclude_defaults=True)
        return {
            "labels": list(self.labels),
            "frontend": self.frontend.model_dump(mode="json"),
            # Other synthetic clips would be another test split.
            "data": {key: data[key] for key in _SPLIT_KEYS} | ({"synthetic": spoken} if spoken else {}),
            "detection": self.detection.model_dump(mode="json"),
        }

    @classmethod
    def of_model(cls, model: str | Path | bytes, given: ModelContract | None = None) -> ModelContract:
        """Read the contract from the model's metadata, or take ``given`` for a model without one.

        Raises:
            ModelError: If there is neither, or it does not fit the model's input and output.
        """
        graph = read_model(model)
        contract = given if given is not None else cls._of_settings(read_settings(model))
        contract.check(graph)
        return contract

    @classmethod
    def _of_settings(cls, settings: dict[str, Any] | None) -> ModelContract:
        if settings is None or "labels" not in settings or "frontend" not in settings:
            raise ModelError(
                "the model carries no kws_tfmot settings (labels, front end).",
                "Give the recipe it was built with: --recipe RECIPE.",
            )
        labels = tuple(str(label) for label in settings["labels"])
        frontend = FrontendSettings.parse(settings["frontend"], "frontend (inside the model)")
        keywords = [label for label in labels if label not in (UNKNOWN, SILENCE)]
        known = (*_SPLIT_KEYS, "synthetic")
        own = {key: value for key, value in (settings.get("data") or {}).items() if key in known}
        data = own | {"keywords": keywords, "sample_rate": frontend.sample_rate, "clip_ms": frontend.clip_ms}
        detection = DetectionSettings.parse(settings.get("detection"), "detection (inside the model)")
        return cls(labels, frontend, DataSettings.parse(data, "data (inside the model)"), detection)

    def check(self, graph: Graph) -> None:
        """Refuse a model whose tensors do not fit the front end and the labels.

        Raises:
            ModelError: Naming both shapes, or both scales.
        """
        if len(graph.inputs) != 1 or len(graph.outputs) != 1:
            raise ModelError(
                f"expected a model with one input and one output. Received: {len(graph.inputs)} inputs and "
                f"{len(graph.outputs)} outputs"
            )
        given, taken = graph.tensor(graph.inputs[0]), self.frontend.feature_shape
        if tuple(size for size in given.shape if size != 1) != tuple(size for size in taken if size != 1):
            raise ModelError(
                f"the model takes {list(given.shape)}, the front end gives {list(taken)} (frames, coefficients).",
                "Use the front-end settings that the model was trained with.",
            )
        if given.dtype == "int8" and given.quantization is not None:
            scale, zero = given.quantization.scales[0], given.quantization.zero_points[0]
            if (scale, zero) != (self.frontend.scale, self.frontend.zero_point):
                raise ModelError(
                    f"the model's input is quantised with scale {scale:g} and zero point {zero}, the front end's "
                    f"features with {self.frontend.scale:g} and {self.frontend.zero_point}.",
                    "Convert the model with this project's `kws convert`, which pins the input.",
                )
        classes = graph.tensor(graph.outputs[0]).shape[-1]
        if classes != len(self.labels):
            raise ModelError(
                f"the model has {classes} outputs for {len(self.labels)} labels: {', '.join(self.labels)}."
            )
