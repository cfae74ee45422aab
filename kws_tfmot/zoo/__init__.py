"""The models that ship, by name: small int8 files that hear people, each with recipe, float weights and a card."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws_tfmot.yaml_reader import read_yaml

PREFIX = "zoo:"
MODEL, WEIGHTS, RECIPE, CARD, SAMPLE = "model_int8.tflite", "float.keras", "recipe.yaml", "card.yaml", "sample.flac"
_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Shipped:
    """A model that ships.

    Attributes:
        name: What a command takes in place of a file.
        folder: Holds the int8 model, the float model it was made of, the recipe, the card and a recording to try.
    """

    name: str
    folder: Path

    @property
    def model(self) -> Path:
        """The int8 ``.tflite``."""
        return self.folder / MODEL

    @property
    def sample(self) -> Path | None:
        """Synthetic speakers, in no training, saying its words; ``None`` where there is none."""
        path = self.folder / SAMPLE
        return path if path.is_file() else None

    @functools.cached_property
    def card(self) -> dict[str, Any]:
        """What it was trained on and how it was measured: sections of text, figures and lists."""
        path = self.folder / CARD
        return dict(read_yaml(path.read_text(encoding="utf-8"), str(path)))


def shipped_models() -> list[Shipped]:
    """All of them, by name.

    >>> [model.name for model in shipped_models()][:2]
    ['alexa', 'commands']
    """
    return [Shipped(path.name, path) for path in sorted(_FOLDER.iterdir()) if (path / MODEL).is_file()]


def find_shipped(name: str | Path) -> Shipped | None:
    """The model called ``name``, or ``zoo:name``; ``None`` if there is none, or if a file of that name is here.

    >>> find_shipped("zoo:alexa").name
    'alexa'
    """
    text = str(name)
    wanted = text.removeprefix(PREFIX).lower()
    found = next((model for model in shipped_models() if model.name == wanted), None)
    return None if found and not text.startswith(PREFIX) and Path(text).exists() else found


def shipped_at(path: Path) -> Shipped | None:
    """The model whose file is at ``path``; ``None`` if that is none of those that ship."""
    return next((model for model in shipped_models() if model.model == path), None)


def model_names() -> list[str]:
    """Names of the models that ship."""
    return [model.name for model in shipped_models()]
