"""Archives of arrays (``.npz``), written whole or not at all."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws_tfmot.files import replacing


def write_arrays(path: str | os.PathLike[str], /, **arrays: npt.ArrayLike) -> Path:
    """Write what :func:`numpy.load` reads as ``arrays``, and rename it into place; folders are made.

    :func:`numpy.savez` leaves the archive open where a disk is full, and its finaliser then prints a traceback.

    Raises:
        OSError: If there is no space or no permission.
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
    return Path(path)
