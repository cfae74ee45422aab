"""`--features`: a model from elsewhere is given its front end for the length of one command, see `kws adapt`."""

from __future__ import annotations

import atexit
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from kws_tfmot.errors import RecipeError
from kws_tfmot.files import write_bytes

FeaturesOption = Annotated[
    Path | None,
    typer.Option(
        "--features", help="YAML: labels, frontend, detection, for a model from elsewhere (docs/own_network.md)."
    ),
]


def equipped(model: Path, features: Path | None, recipe: Path | None = None) -> Path:
    """``model`` itself, or a copy with the front end, labels and detector of ``features``, gone when the command ends.

    Raises:
        RecipeError: If a recipe is given too, or the features' file is none.
        ModelError: If they do not fit the model.
    """
    if features is None:
        return model
    if recipe is not None:
        raise RecipeError(
            "--features and --recipe both say what the model is fed.",
            "Give --recipe for a model of this project, --features for one from elsewhere.",
        )
    from kws_tfmot.adapt import adapt, read_features

    found = adapt(model, read_features(features))
    folder = tempfile.TemporaryDirectory(prefix="kws-features-")
    atexit.register(folder.cleanup)
    return write_bytes(Path(folder.name) / model.name, found.model)
