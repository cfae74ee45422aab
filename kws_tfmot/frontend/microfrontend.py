"""TFLM's own microfrontend, through the package ``pymicro-features``.

For firmware that already contains it. It differs from the front end of this project in more than its constants:
window 30 ms, hop 10 ms, 40 channels from 125 to 7500 Hz, all fixed when the package was compiled; a noise
reduction that subtracts a running estimate per channel; and automatic gain (PCAN). So a frame depends on all
frames since the last reset: a clip is always computed from a fresh state, and a stream that has run for a
while gives other values than a clip that begins in the middle of it. Firmware keeps its state running.

The package gives ``value / 25.6`` with ``value`` the integer of the C library; the int8 is TFLM's own
``(256 value + 333) // 666 - 128``, as in its micro_speech example.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_tfmot.errors import ToolchainError
from kws_tfmot.frontend.settings import FrontendSettings

_CHUNK_BYTES = 320
"""The package takes one hop, 160 samples, at a time: no more and no less."""


class Microfrontend:
    """Clips and streams of kind ``microfrontend``.

    Raises:
        ToolchainError: Where the package is not installed.
    """

    def __init__(self, settings: FrontendSettings) -> None:
        self._settings = settings
        _package()

    def clips(self, samples: npt.NDArray[np.int16], out: npt.NDArray[np.int8]) -> None:
        """Each clip from a fresh state: int16 [n, samples] into int8 [n, frames, 40]."""
        for clip, features in zip(samples, out, strict=True):
            features[:] = MicrofrontendStream().push(clip)

    def stream(self) -> MicrofrontendStream:
        """A stream with its own state."""
        return MicrofrontendStream()


class MicrofrontendStream:
    """One running microfrontend."""

    def __init__(self) -> None:
        self._frontend = _package().MicroFrontend()
        self._rest = b""

    def push(self, samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int8]:
        """Take all samples; return the frames they complete, int8 [k, 40]."""
        data = self._rest + np.ascontiguousarray(samples).tobytes()
        whole = len(data) - len(data) % _CHUNK_BYTES
        steps = (self._frontend.process_samples(data[at : at + _CHUNK_BYTES]) for at in range(0, whole, _CHUNK_BYTES))
        rows = [step.features for step in steps if step.features]
        self._rest = data[whole:]
        return to_int8(np.array(rows, np.float64).reshape(len(rows), 40))

    def reset(self) -> None:
        """Forget samples, noise estimate and gain."""
        self._frontend = _package().MicroFrontend()
        self._rest = b""


def to_int8(features: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """Micro_speech's scaling of the package's floats.

    >>> to_int8(np.array([0.0, 13.0, 26.0, 30.0])).tolist()
    [-128, 0, 127, 127]
    """
    values = np.rint(features * 25.6).astype(np.int64)
    return np.clip((values * 256 + 333) // 666 - 128, -128, 127).astype(np.int8)


def _package():
    try:
        import pymicro_features
    except ImportError as err:
        raise ToolchainError(
            f"kind 'microfrontend' needs the package pymicro-features: {err}.", "pip install pymicro-features==2.0.2"
        ) from None
    return pymicro_features
