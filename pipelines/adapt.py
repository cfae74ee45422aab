"""`kws adapt`: a finished `.tflite` from elsewhere gets this project's front end, labels and detector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws_tfmot.adapt import adapt, read_features
from kws_tfmot.files import write_bytes
from pipelines.console import friendly_errors, line
from pipelines.options import ModelArgument
from pipelines.outputs import FileOption


def command(
    model: ModelArgument,
    features: Annotated[Path, typer.Option(help="YAML: labels in the model's order, frontend, detection.")],
    out: Annotated[Path, FileOption(help="The .tflite to write.")],
) -> None:
    """Give a model from elsewhere the front end it needs: it can be listened to, judged and put into firmware then."""
    with friendly_errors():
        found = adapt(model, read_features(features))
        write_bytes(out, found.model)
        line(f"{out}: {len(found.model):,} B, with labels and front end", markup=False)
        if found.was:
            line(
                f"its input was quantised by scale {found.was[0]:g} and zero point {found.was[1]}; on the same random "
                f"features its outputs differ by at most {found.difference} steps",
                markup=False,
            )


if __name__ == "__main__":
    typer.run(command)
