"""Options that name what a command writes: a place that will not do is refused before any work is done for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from kws_tfmot.errors import KwsError
from kws_tfmot.files import require_place
from kws_tfmot.kinds import kind_of
from pipelines.console import friendly_errors

_NEVER_WRITTEN = ("a sound file", "a recipe", "a Keras model")  # by any option that names a single file


def folder_to_write(text: str) -> Path:
    """The folder ``text``, made by whoever writes to it; exit code 2 where that cannot be."""
    with friendly_errors():
        return require_place(text, folder=True)


def file_to_write(text: str) -> Path:
    """The file ``text``, or exit code 2; no recording, recipe or Keras model is written over."""
    with friendly_errors():
        place = require_place(text, folder=False)
        if (kind := kind_of(place)) in _NEVER_WRITTEN:
            raise KwsError(f"{text!r} is {kind}, which would be lost.", "Give another name, or remove it.")
        return place


def FolderOption(*names: str, help: str) -> Any:
    """An option that takes a folder to write to; every command declares its own with it."""
    return typer.Option(*names, parser=folder_to_write, metavar="FOLDER", help=help)


def FileOption(*names: str, help: str) -> Any:
    """An option that takes a file to write."""
    return typer.Option(*names, parser=file_to_write, metavar="FILE", help=help)
