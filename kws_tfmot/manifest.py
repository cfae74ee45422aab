"""ESPHome's manifest beside a microWakeWord model: the wake word, its front end's step, and when it counts as heard.

``{"type": "micro", "wake_word": "Alexa", "model": "alexa.tflite", "version": 2, "micro": {"probability_cutoff": 0.9,
"sliding_window_size": 5, "feature_step_size": 10, "tensor_arena_size": 22348}}``. Source of the format and of what is
done with it: ESPHome's component ``micro_wake_word`` (esphome.io/components/micro_wake_word).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import pydantic

from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.detection.posterior import ONE
from kws_tfmot.errors import KwsError, ModelError
from kws_tfmot.frontend import FrontendSettings
from kws_tfmot.json_reader import read_json

MICRO_WINDOW_MS, MICRO_FEATURES = 30, 40
QUIET_MS = 1000  # ESPHome forgets its probabilities at a detection, and ignores the next hundred steps of 10 ms
_STEP_OF_VERSION = {1: 20, 2: 10}  # milliseconds, where the manifest has none


class MicroSettings(pydantic.BaseModel):
    """The part ``micro`` of a manifest; what other versions add is left alone."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    probability_cutoff: float = pydantic.Field(gt=0.0, lt=1.0)
    sliding_window_size: int = pydantic.Field(
        ge=1, le=127, validation_alias=pydantic.AliasChoices("sliding_window_size", "sliding_window_average_size")
    )
    feature_step_size: int | None = pydantic.Field(default=None, ge=1, le=MICRO_WINDOW_MS)
    tensor_arena_size: int = pydantic.Field(default=0, ge=0)
    minimum_esphome_version: str = ""

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError(f"expected no truth value. Received: {str(value).lower()}")
        return value


class Manifest(pydantic.BaseModel):
    """A manifest of version 1 or 2."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    type: Literal["micro"]
    wake_word: str = pydantic.Field(min_length=1)
    version: Literal[1, 2] = 2
    micro: MicroSettings

    @classmethod
    def read(cls, path: str | Path) -> Manifest:
        """The manifest in the file ``path``.

        Raises:
            ModelError: If it cannot be read, or is no such manifest, naming the first thing that is wrong.
        """
        try:
            value = read_json(path)
        except (OSError, ValueError) as err:
            raise ModelError(
                f"the manifest {str(path)!r} cannot be read: {err}", "Give the JSON that came with the model."
            ) from None
        try:
            return cls.model_validate(value)
        except pydantic.ValidationError as err:
            first = err.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ModelError(
                f"{str(path)!r} is no manifest of ESPHome's micro_wake_word: {where}: {first['msg']}.",
                "Give the settings with --recipe, or put the model's own manifest beside it.",
            ) from None

    @classmethod
    def beside(cls, model: str | Path) -> Manifest | None:
        """The manifest beside a model, of the same name and the suffix ``.json``; ``None`` where there is none.

        Raises:
            ModelError: If the file there says that it is a manifest, and is wrong.
        """
        path = Path(model).with_suffix(".json")
        try:
            found = read_json(path)
        except (OSError, ValueError):
            return None
        return cls.read(path) if isinstance(found, dict) and found.get("type") == "micro" else None

    @property
    def step_ms(self) -> int:
        """Milliseconds from one row of features to the next."""
        return self.micro.feature_step_size or _STEP_OF_VERSION[self.version]

    def frontend(self, rows: int) -> FrontendSettings:
        """TFLM's micro front end at the model's step; a "clip" is the rows that one inference takes.

        Raises:
            ModelError: Where the front end has no such step.
        """
        try:
            return FrontendSettings(
                kind="microfrontend",
                hop_ms=self.step_ms,
                window_ms=MICRO_WINDOW_MS,
                mels=MICRO_FEATURES,
                clip_ms=MICRO_WINDOW_MS + (rows - 1) * self.step_ms,
            )
        except (KwsError, pydantic.ValidationError) as err:
            raise ModelError(
                f"the front end has no step of {self.step_ms} ms: {err}", f"Allowed are 1 to {MICRO_WINDOW_MS} ms."
            ) from None

    def detection(self, rows: int) -> DetectionSettings:
        """The detector that decides as ESPHome does.

        ESPHome adds the last ``W`` outputs of 0 to 255 and compares: ``sum > floor(255 cutoff) W``. With posteriors
        of 128 an output's step, ``floor(128 sum / W) >= 128 floor(255 cutoff) + floor(128 / W)`` is the same.

        Raises:
            RecipeError: If the outputs that are added span more time than the detector smooths over.
        """
        width, stride = self.micro.sliding_window_size, rows * self.step_ms
        level = 128 * int(255 * self.micro.probability_cutoff) + 128 // width
        given = {"threshold": level / ONE, "release": 1.0, "smoothing_ms": width * stride}
        return DetectionSettings.parse(given | {"refractory_ms": QUIET_MS, "stride_ms": stride}, "micro")


def manifest_of(
    wake_word: str, model: str, micro: dict[str, Any], *, author: str, website: str, languages: list[str]
) -> dict[str, Any]:
    """A manifest of version 2 as a dictionary that :mod:`json` can write, checked by reading it back.

    Raises:
        ModelError: If a value is out of range.
    """
    text = {
        "type": "micro",
        "wake_word": wake_word,
        "author": author,
        "website": website,
        "model": model,
        "trained_languages": languages,
        "version": 2,
        "micro": micro,
    }
    try:
        Manifest.model_validate(text)
    except pydantic.ValidationError as err:
        first = err.errors()[0]
        raise ModelError(
            f"no manifest can be written: {'.'.join(map(str, first['loc']))}: {first['msg']}.", "Change that setting."
        ) from None
    return text


def file_name_of(wake_word: str) -> str:
    """What the files of a wake word are called.

    >>> file_name_of("Okay Nabu!")
    'okay_nabu'
    """
    return re.sub(r"\W+", "_", wake_word.lower()).strip("_") or "wake_word"
