"""What a `.tflite` says about itself: its labels and audio front end, checked against its own tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kws_tfmot.data import SILENCE, UNKNOWN, DataSettings, SplitSettings
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.errors import ModelError, RecipeError
from kws_tfmot.frontend import FrontendSettings
from kws_tfmot.manifest import Manifest
from kws_tfmot.tflite.graph import Graph
from kws_tfmot.tflite.metadata import read_settings
from kws_tfmot.tflite.reader import read_model

MICRO_RANGE = 26.0  # 666 / 25.6: the reals that ESPHome's int8 features span, times 0.0390625 from TFLM's uint16
LEAST_CLIP_MS = 100  # that a data set has
# Of the data settings, what decides which clip is in which split.
_SPLIT_KEYS = ("unknown_share", "silence_share", "split", "percent", "speaker_pattern", "seed", "held_out_words")


def clip_length(frontend: FrontendSettings) -> int:
    """Milliseconds of a clip for a model with this front end; one that takes a few rows at a time hears whole clips.

    >>> clip_length(FrontendSettings()), clip_length(FrontendSettings(kind="microfrontend", clip_ms=30))
    (1000, 100)
    """
    return max(frontend.clip_ms, LEAST_CLIP_MS)


@dataclass(frozen=True)
class ModelContract:
    """What a model needs to be fed and how its outputs are read.

    Attributes:
        labels: One for each output.
        frontend: How samples become its input.
        data: How the clips it was trained on were split.
        detection: When a stream of its outputs becomes a detection.
        streams: Whether it was trained on streams: its class scores on a clip in one window say little.
    """

    labels: tuple[str, ...]
    frontend: FrontendSettings
    data: SplitSettings
    detection: DetectionSettings
    streams: bool = False

    @property
    def clips(self) -> DataSettings:
        """Classes, splits, and the rate and length of the clips that the front end takes.

        Raises:
            RecipeError: If its windows are shorter or longer than any clip.
        """
        return DataSettings.of(self.data, self.frontend.sample_rate, clip_length(self.frontend))

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
            **({"streams": True} if self.streams else {}),
        }

    @classmethod
    def of_model(cls, model: str | Path | bytes, given: ModelContract | None = None) -> ModelContract:
        """Read the contract from the model's metadata, or take ``given`` for a model without one.

        A model with neither may have a manifest of ESPHome's beside it, if ``model`` is its path.

        Raises:
            ModelError: If there is none of these, or it does not fit the model's input and output.
        """
        graph = read_model(model)
        contract = given.of_steps(graph) if given is not None and graph.stateful else given
        if contract is None:
            settings = read_settings(model)
            path = None if settings is not None or isinstance(model, bytes) else Path(model)
            manifest = Manifest.beside(path) if path else None
            beside = path.with_suffix(".json") if path else None
            contract = cls.of_manifest(manifest, graph) if manifest else cls._of_settings(settings, beside)
        contract.check(graph)
        return contract

    @classmethod
    def of_manifest(cls, manifest: Manifest, graph: Graph) -> ModelContract:
        """What a microWakeWord model needs, by its manifest: it takes ``rows`` new rows of features an inference.

        Raises:
            ModelError: If the input has no rows, or the wake word or the detector is out of range.
        """
        shape = graph.tensor(graph.inputs[0]).shape
        if len(shape) < 3:
            raise ModelError(f"expected an input [1, rows, features] beside a manifest. Received: {list(shape)}")
        frontend = manifest.frontend(shape[1])
        try:
            data = SplitSettings.parse({"keywords": [manifest.wake_word]}, "wake_word")
            return cls((manifest.wake_word,), frontend, data, manifest.detection(shape[1]))
        except RecipeError as err:
            raise ModelError(f"the manifest beside the model cannot be used: {err.message}",
                             "Correct it, or give the settings with --recipe RECIPE.") from None  # fmt: skip

    @classmethod
    def _of_settings(cls, settings: dict[str, Any] | None, beside: Path | None = None) -> ModelContract:
        if not settings or settings.get("labels") is None or settings.get("frontend") is None:
            broken = (
                f", and {beside.name!r} beside it is no manifest of ESPHome's" if beside and beside.exists() else ""
            )
            raise ModelError(
                f"the model carries no kws_tfmot settings (labels, front end){broken}.",
                "Give the recipe it was built with: --recipe RECIPE; for a microWakeWord model ESPHome's manifest, of "
                "the same name with the suffix .json, beside it will do; for others see `kws adapt`.",
            )
        labels = tuple(settings["labels"])
        try:
            return cls._parsed(labels, settings)
        except RecipeError as err:
            raise ModelError(
                f"the settings inside the model cannot be used: {err.message}",
                "Convert the model again, or give the recipe it was built with: --recipe RECIPE.",
            ) from None

    @classmethod
    def _parsed(cls, labels: tuple[str, ...], settings: dict[str, Any]) -> ModelContract:
        frontend = FrontendSettings.parse(settings["frontend"], "frontend (inside the model)")
        keywords = [label for label in labels if label not in (UNKNOWN, SILENCE)]
        known = (*_SPLIT_KEYS, "synthetic")
        own = {key: value for key, value in (settings.get("data") or {}).items() if key in known}
        # Models older than this setting were trained on every word.
        own.setdefault("held_out_words", 0.0)
        data = own | {"keywords": keywords}
        detection = DetectionSettings.parse(settings.get("detection"), "detection (inside the model)")
        for word in detection.thresholds:
            if word not in keywords:
                raise RecipeError(f"detection.thresholds names {word!r}, which is none of its keywords")
        streams = settings.get("streams", False)
        if not isinstance(streams, bool):
            raise RecipeError(f"expected true or false for streams (inside the model), got {streams!r}")
        return cls(labels, frontend, SplitSettings.parse(data, "data (inside the model)"), detection, streams)

    def of_steps(self, graph: Graph) -> ModelContract:
        """These settings for a file with state, which takes the rows of a step and not a window.

        A "clip" is those rows, as with :meth:`of_manifest`; one output alone is the keyword's.
        """
        rows, rest = divmod(math.prod(graph.tensor(graph.inputs[0]).shape), self.frontend.features_per_frame)
        if rest or not rows:
            return self  # which :meth:`check` refuses
        frontend = self.frontend.model_copy(
            update={"clip_ms": self.frontend.window_ms + (rows - 1) * self.frontend.hop_ms}
        )
        words = tuple(label for label in self.labels if label not in (UNKNOWN, SILENCE))
        single = math.prod(graph.tensor(graph.outputs[0]).shape) == 1 == len(words)
        return replace(self, labels=words if single else self.labels, frontend=frontend)

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
        shape = tuple(size for size in given.shape if size != 1)
        flat = (taken[0] * taken[1],)
        if shape not in (tuple(size for size in taken if size != 1), flat):
            raise ModelError(
                f"the model takes {list(given.shape)}, the front end gives {list(taken)} (frames, coefficients).",
                "Use the front-end settings that the model was trained with.",
            )
        if given.dtype == "int8" and given.quantization is not None:
            scale, zero = given.quantization.scales[0], given.quantization.zero_points[0]
            if (scale, zero) != (self.frontend.scale, self.frontend.zero_point) and not self.takes_micro_features(
                scale, zero
            ):
                raise ModelError(
                    f"the model's input is quantised with scale {scale:g} and zero point {zero}, the front end's "
                    f"features with {self.frontend.scale:g} and {self.frontend.zero_point}.",
                    "Give it the front end's: `kws adapt MODEL --features FEATURES.yaml --out NEW`.",
                )
        classes = graph.tensor(graph.outputs[0]).shape[-1]
        if classes != len(self.labels):
            raise ModelError(
                f"the model has {classes} outputs for {len(self.labels)} labels: {', '.join(self.labels)}.",
                "Give as many labels as the model has outputs, in their order.",
            )

    def takes_micro_features(self, scale: float, zero_point: int) -> bool:
        """Whether the bytes of the micro front end are what a microWakeWord model takes: 0 to 26 in 255 steps."""
        whole = abs(scale * 255 - MICRO_RANGE) < 0.01 * MICRO_RANGE
        return self.frontend.kind == "microfrontend" and whole and zero_point == -128
