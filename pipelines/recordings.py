"""Where the experiments find real recordings."""

from __future__ import annotations

import os
from pathlib import Path

from kws_tfmot.errors import DataError

ROOT = Path(__file__).resolve().parent.parent


def recordings_folder(given: str) -> str:
    """The folder given, else that of the environment variable KWS_RECORDINGS, else the one beside the project.

    Raises:
        DataError: If it is not there.
    """
    path = Path(given or os.environ.get("KWS_RECORDINGS") or ROOT.parent / "shared/data/speech_commands_subset")
    if not path.is_dir():
        raise DataError(
            f"there are no recordings at {path}.",
            "Give a folder in the layout of Speech Commands: --recordings FOLDER, or set KWS_RECORDINGS.",
        )
    return str(path)
