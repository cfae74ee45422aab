"""Features of augmented draws on disk: trainings that draw the same clips compute them once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from kws_tfmot.array_files import check_members, check_seal, write_arrays
from kws_tfmot.cache import EPOCHS_BOUND, audio_bound, touch, trim
from kws_tfmot.damage import DAMAGE
from kws_tfmot.data.batches import Labels, TrainingBatches
from kws_tfmot.data.large_arrays import allocate
from kws_tfmot.errors import CacheError

_VERSION = 4  # counts up when the same settings draw other features
_PIECE = 1 << 20


class EpochCache:
    """A folder of epochs, each in a file named by the SHA-256 of everything that decides it.

    Several processes may use one folder: files appear by renaming only, and who wants an epoch that another process is
    making waits for it. A file that cannot be read counts as missing.

    Args:
        folder: Where the files lie; made when the first is stored.
        inputs: What decides the epochs besides the clips, noise, labels, settings and seed of ``batches``: the digest
            of the data set and the settings of the front end, as anything JSON can hold.
        batches: The training stream whose epochs are kept.
    """

    def __init__(self, folder: Path, inputs: Any, batches: TrainingBatches) -> None:
        self.folder = Path(folder)
        noise = batches.noise
        self._inputs = [
            _VERSION,
            inputs,
            hashlib.sha256(noise.samples.tobytes()).hexdigest(),
            [list(span) for span in noise.spans],
            list(batches.labels),
            batches.settings.model_dump(mode="json"),
            batches.seed,
        ]

    def path(self, number: int) -> Path:
        """The file of epoch ``number``."""
        text = json.dumps([*self._inputs, number], sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}.npz"

    def load(self, number: int) -> tuple[npt.NDArray[np.int8], Labels] | None:
        """Features int8 ``[N, frames, coefficients]`` and classes int32 ``[N]``; ``None`` if they are not there."""
        try:
            with zipfile.ZipFile(self.path(number)) as stored:
                check_members(stored)
                check_seal(stored)
                features, labels = (_read(stored, f"{name}.npy") for name in ("features", "labels"))
        except DAMAGE:
            return None
        touch(self.path(number))
        sound = features.dtype == np.int8 and labels.dtype == np.int32 and len(features) == len(labels)
        return (features, labels) if sound else None

    def load_or_make(
        self, number: int, make: Callable[[int], tuple[npt.NDArray[np.int8], Labels]]
    ) -> tuple[npt.NDArray[np.int8], Labels]:
        """Epoch ``number`` from its file, or by ``make``: processes that want it together wait for one of them.

        A folder that cannot be written is no obstacle: then each of them makes it.
        """
        found = self.load(number)
        if found is not None:
            return found
        with ExitStack() as stack:
            with suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(_locked(self.path(number).with_suffix(".lock")))
            found = self.load(number)
            if found is None:
                found = make(number)
                with suppress(OSError):
                    self.store(number, *found)
        return found

    def require(self, number: int) -> None:
        """See that epoch ``number`` has been kept.

        Raises:
            CacheError: If it has not: a full disk, no permission, or a bound of the folder that it exceeds.
        """
        if self.load(number) is None:
            raise CacheError(
                f"an epoch could not be kept in {str(self.folder)!r}.",
                f"Free space and give write permission there, or name another; ${EPOCHS_BOUND} bounds what it holds.",
            )

    def store(self, number: int, features: npt.NDArray[np.int8], labels: Labels) -> None:
        """Keep epoch ``number``; those used longest ago go where the folder exceeds its bound."""
        write_arrays(self.path(number), features=features, labels=labels)
        for left in self.folder.glob("*.lock"):
            _remove_if_free(left)
        if most := audio_bound(EPOCHS_BOUND):
            trim(self.folder, most)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path``, waiting for who holds it, and remove it in the end."""
    while True:
        with path.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            if not _is_at(held, path):  # removed while this process waited: whoever comes now makes another
                continue
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return


def _remove_if_free(path: Path) -> None:
    """Remove a lock file whose process was killed."""
    with suppress(OSError), path.open("r+") as left:
        fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(left, path):
            path.unlink()


def _is_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array of the archive, in memory or not; reading it to its end checks its CRC-32."""
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"an array of version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if fortran or dtype.hasobject:
            raise ValueError(f"an array of {dtype}")
        claimed = math.prod(shape) * dtype.itemsize
        if claimed > archive.getinfo(name).file_size:
            raise ValueError(f"an array of {claimed} bytes")
        result = allocate(shape, dtype)
        flat = result.reshape(-1).view(np.uint8)
        done = 0
        while part := stream.read(_PIECE):
            flat[done : done + len(part)] = np.frombuffer(part, np.uint8)
            done += len(part)
        if done != len(flat):
            raise ValueError("an array that ends too early")
    return result
