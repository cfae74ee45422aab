"""A ring buffer of the sound around triggers and near misses; byte for byte what ``kws_recorder.h`` keeps.

Sound is kept as G.711 mu-law (ITU-T G.711, 1988), a byte a sample. A take holds what was heard since the take before,
at most ``take_samples``, and ends ``after`` samples after its event.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.detection.counters import TRIGGER, Event

_BIAS, _LOUDEST = 132, 32635
WAV_HEADER_BYTES = 58


def mulaw(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """Samples as G.711 mu-law bytes: sign, exponent ``e`` and mantissa of ``|x| + 132``, inverted.

    >>> mulaw(np.array([0, -1, 1000, 32767, -32768], np.int16)).tolist()
    [255, 127, 206, 128, 0]
    """
    wide = samples.astype(np.int32)
    size = np.minimum(np.abs(wide), _LOUDEST) + _BIAS
    exponent = np.maximum(np.floor(np.log2(size)).astype(np.int32) - 7, 0)
    coded = np.where(wide < 0, 0x80, 0) | exponent << 4 | size >> (exponent + 3) & 15
    return (~coded & 0xFF).astype(np.uint8)


class Take(NamedTuple):
    """The sound around an event: its number, the event, when it was marked, and mu-law bytes."""

    number: int
    event: Event
    frame: int
    sound: bytes

    def wav(self, rate: int) -> bytes:
        """A WAV file of it, as ``kws_recorder_wav_header`` and the bytes make on the device."""
        size, odd = len(self.sound), len(self.sound) & 1
        header = struct.pack("<4sI4s4sIHHIIHHH4sII4sI", b"RIFF", WAV_HEADER_BYTES - 8 + size + odd, b"WAVE", b"fmt ",
                             18, 7, 1, rate, rate, 1, 8, 0, b"fact", 4, size, b"data", size)  # fmt: skip
        return header + self.sound + bytes(odd)


class Recorder:
    """The recorder: samples and events in, takes out; the oldest gives way."""

    def __init__(self, takes: int, take_samples: int, after: int) -> None:
        self.takes: deque[Take] = deque(maxlen=takes)
        self._take_samples, self._after = take_samples, after
        self._heard = np.zeros(0, np.uint8)
        self._number = 0
        self._left = 0
        self._marked = (Event(0, 0, 0), 0)

    def push(self, samples: npt.NDArray[np.int16]) -> list[Take]:
        """Take the next samples; return the takes that they completed."""
        coded, done = mulaw(samples), []
        while self._left and len(coded) >= self._left:
            self._hear(coded[: self._left])
            coded, self._left = coded[self._left :], 0
            done.append(Take(self._number, *self._marked, self._heard.tobytes()))
            self._number += 1
            self._heard = np.zeros(0, np.uint8)
        self._left -= min(self._left, len(coded))
        self._hear(coded)
        self.takes.extend(done)
        return done

    def mark(self, event: Event, frame: int) -> None:
        """Keep the sound around this moment. A trigger takes the place of a near miss that is still waiting for the
        samples after it; any other event meanwhile is left out."""
        if self._left and (event.kind != TRIGGER or self._marked[0].kind == TRIGGER):
            return
        self._marked, self._left = (event, frame), self._after

    def _hear(self, coded: npt.NDArray[np.uint8]) -> None:
        self._heard = np.concatenate([self._heard, coded])[-self._take_samples :]
