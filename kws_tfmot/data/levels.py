"""How loud a recording is, and what is wrong with its level: digital silence, clipping, hardly anything."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

PIECE_S = 0.02
"""Seconds over which a level is taken."""

_FULL = 0.9995  # of full scale: what counts as clipped
_CLIPPED_SHARE = 0.005
_LOWEST_DB, _HIGHEST_DB = -120, 20
_QUIET_DB = -60.0  # the loudest tenth of a recording with speech in it lies above


@dataclass(frozen=True)
class SoundLevels:
    """Levels in dB of full scale (dBFS): 0 is a square wave that fills the range.

    Attributes:
        seconds: Length.
        peak: Largest sample, 1 is full scale.
        rms_db: Root mean square of the whole.
        loud_db: Level that the loudest tenth of its pieces of 20 ms reach.
        floor_db: Level that the quietest tenth of the pieces that are not digital silence stay below.
        clipped: Share of samples at full scale.
        silent: Share of pieces in which every sample is the same: digital silence, or a stuck converter.
    """

    seconds: float
    peak: float
    rms_db: float
    loud_db: float
    floor_db: float
    clipped: float
    silent: float

    def problems(self) -> list[str]:
        """What a person should know before believing what a detector makes of it; empty where nothing is wrong."""
        if self.silent == 1.0:
            return ["digital silence: every sample is the same"]
        found = []
        if self.silent > 0.5:
            found.append(f"{100 * self.silent:.0f} % of it is digital silence")
        if self.clipped > _CLIPPED_SHARE:
            found.append(f"clipped: {100 * self.clipped:.1f} % of its samples are at full scale")
        if self.loud_db < _QUIET_DB:
            found.append(f"very quiet: its loudest tenth is at {self.loud_db:.0f} dBFS")
        return found


@dataclass
class LevelMeter:
    """Takes sound in pieces of any length, as parts of full scale, and tells its levels; memory does not grow.

    Args:
        rate: Samples a second.
    """

    rate: int
    _samples: int = 0
    _clipped: int = 0
    _pieces: int = 0
    _silent: int = 0
    _power: float = 0.0
    _peak: float = 0.0
    _rest: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    _histogram: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_HIGHEST_DB - _LOWEST_DB + 1, np.int64))

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        """Take the next samples ``[n]``, 1 is full scale."""
        if not len(samples):
            return
        size = np.abs(samples)
        self._samples += len(samples)
        self._peak = max(self._peak, float(size.max()))
        self._clipped += int(np.count_nonzero(size >= _FULL))
        length = max(1, round(PIECE_S * self.rate))
        whole = np.concatenate([self._rest, samples])
        count = len(whole) // length
        self._rest = whole[count * length :]
        self._count(whole[: count * length].reshape(count, length))

    def _count(self, pieces: npt.NDArray[np.float32]) -> None:
        if not len(pieces):
            return
        power = np.mean(np.square(pieces, dtype=np.float64), axis=1)
        silent = pieces.max(axis=1) == pieces.min(axis=1)
        self._pieces += len(pieces)
        self._silent += int(np.count_nonzero(silent))
        self._power += float(power.sum())
        levels = 10 * np.log10(np.maximum(power[~silent], 1e-12))
        places = np.clip(np.rint(levels), _LOWEST_DB, _HIGHEST_DB).astype(np.int64) - _LOWEST_DB
        self._histogram += np.bincount(places, minlength=len(self._histogram))

    def levels(self) -> SoundLevels:
        """Of all that came so far."""
        if self._pieces == 0 and len(self._rest):  # shorter than a piece: it is one
            self._count(self._rest[None])
        sounding = int(self._histogram.sum())
        return SoundLevels(
            seconds=self._samples / self.rate,
            peak=self._peak,
            rms_db=10 * math.log10(max(self._power / max(self._pieces, 1), 1e-12)),
            loud_db=self._level_at(0.9) if sounding else float(_LOWEST_DB),
            floor_db=self._level_at(0.1) if sounding else float(_LOWEST_DB),
            clipped=self._clipped / max(self._samples, 1),
            silent=self._silent / self._pieces if self._pieces else 1.0,
        )

    def _level_at(self, share: float) -> float:
        total = np.cumsum(self._histogram)
        return float(np.searchsorted(total, share * total[-1]) + _LOWEST_DB)


def levels_of(samples: npt.NDArray[np.int16], rate: int) -> SoundLevels:
    """Of int16 samples.

    >>> levels_of(np.zeros(1600, np.int16), 16000).problems()
    ['digital silence: every sample is the same']
    >>> round(levels_of(np.tile(np.array([32767, -32767], np.int16), 800), 16000).rms_db, 1)
    -0.0
    """
    meter = LevelMeter(rate)
    meter.push(samples.astype(np.float32) / np.float32(32768.0))
    return meter.levels()
