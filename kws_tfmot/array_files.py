"""Archives of arrays (``.npz``), written whole or not at all, and read within their own size."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
        archive.comment = _seal(archive)
    return Path(path)


@contextmanager
def open_arrays(path: str | os.PathLike[str]) -> Iterator[Any]:
    """What :func:`write_arrays` wrote, as :func:`numpy.load` gives it; nothing in it is run.

    Raises:
        OSError: It cannot be read.
        ValueError: As :func:`check_members`; or as :func:`check_seal`, of an archive that has a seal.
        zipfile.BadZipFile: It is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        check_members(archive)
        if archive.comment:  # older archives have none, nor has what others write
            check_seal(archive)
    with np.load(path, allow_pickle=False) as stored:
        yield stored


def check_seal(archive: zipfile.ZipFile) -> None:
    """Refuse an archive of which an array was changed, added or taken away since :func:`write_arrays` wrote it.

    A reading to the end compares each array with its own checksum. Whoever means to deceive can seal an archive too.

    Raises:
        ValueError: The comment is not the digest of names, sizes and checksums.
    """
    if archive.comment != _seal(archive):
        raise ValueError("it was changed after it was written")


def _seal(archive: zipfile.ZipFile) -> bytes:
    members = "\n".join(f"{one.filename} {one.file_size} {one.CRC}" for one in archive.infolist())
    return hashlib.sha256(members.encode()).hexdigest().encode()


def check_members(archive: zipfile.ZipFile) -> None:
    """Refuse an archive that would take more memory than it has bytes: what is written here is not compressed.

    Raises:
        ValueError: A member is compressed, or they overlap.
    """
    members = archive.infolist()
    if any(one.compress_type != zipfile.ZIP_STORED for one in members):
        raise ValueError("its arrays are compressed")
    if sum(one.file_size for one in members) > Path(str(archive.filename)).stat().st_size:
        raise ValueError("its arrays are larger than the file")
