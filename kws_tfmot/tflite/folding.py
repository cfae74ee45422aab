"""A ``.tflite`` as microcontrollers run it: what depends on shapes alone as constants, dilated convolutions as one."""

from __future__ import annotations

from pathlib import Path

from kws_tfmot.tflite.dilation import fold_dilations
from kws_tfmot.tflite.document import gathered, read_source
from kws_tfmot.tflite.shape_folding import fold_shapes


def folded(model: str | Path | bytes) -> bytes:
    """``model`` after :func:`gathered`, :func:`fold_shapes` and :func:`fold_dilations`.

    The same bytes where there is nothing to fold.

    Raises:
        ModelError: The file is missing or corrupt.
    """
    return fold_dilations(fold_shapes(gathered(read_source(model))))
