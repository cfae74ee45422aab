"""Reading what an interrupted training left: a file that was damaged or edited is refused with the way out."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from kws_tfmot.damage import reading


def reading_state(path: Path) -> AbstractContextManager[None]:
    """Turn what reading ``path``, the state of a training or a folder with it, raises into a refusal.

    Raises:
        ModelError: In place of whatever a damaged ``.npz``, record or array makes NumPy and Keras raise.
    """
    return reading(path, "the state of an interrupted training", "Remove it: the training begins anew.")
