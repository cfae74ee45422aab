"""A long recording of the same words said again and again -> its utterances, cut at the pauses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16

_FRAME_MS = 10
_FLOOR_PERCENTILE = 10.0  # the pauses are at least this share of the recording
_ABOVE_FLOOR_DB, _BELOW_PEAK_DB = 9.0, 35.0
_LEAST_RANGE_DB = 15.0
_SHORTEST_MS = 120  # shorter sounds are clicks
_WORD_ABOVE_FLOOR_DB, _WORD_BELOW_PEAK_DB, _WORD_FRAMES = 12.0, 28.0, 3
_CLICK_DB = 25.0  # so far below the median utterance is no utterance


class Cut(NamedTuple):
    """Utterances of a recording as first and last-plus-one sample, and what was left out and why."""

    spans: tuple[tuple[int, int], ...]
    left_out: tuple[str, ...] = ()


def cut_at_pauses(samples: Int16, rate: int, pause_ms: int = 300, longest_ms: int = 3000) -> Cut:
    """Find the utterances between pauses of at least ``pause_ms``.

    A 10 ms frame is sound where its level is at least 9 dB above the floor (the 10th percentile of all levels) and at
    most 35 dB under the loudest frame. Sounds closer than ``pause_ms`` are one utterance; those under 120 ms, or 25 dB
    below the median utterance, are clicks and breath; those over ``longest_ms`` hold more than a keyword. The last two
    are left out, and reported. Nothing is found where the recording has less than 15 dB between floor and peak.

    >>> wave = np.zeros(48000, np.int16)
    >>> wave[8000:14000] = wave[32000:40000] = 9000
    >>> cut_at_pauses(wave, 16000).spans
    ((8000, 14080), (32000, 40000))
    """
    frame = rate * _FRAME_MS // 1000
    levels = _levels(samples, frame)
    floor, peak = (float(np.percentile(levels, _FLOOR_PERCENTILE)), float(levels.max())) if len(levels) else (0.0, 0.0)
    if peak - floor < _LEAST_RANGE_DB:
        return Cut((), (f"no pauses found: only {peak - floor:.0f} dB between the quietest tenth and the peak",))
    sounding = levels > max(floor + _ABOVE_FLOOR_DB, peak - _BELOW_PEAK_DB)
    runs = _merge(_runs(sounding), pause_ms // _FRAME_MS)
    runs = [(first, last) for first, last in runs if (last - first) * _FRAME_MS >= _SHORTEST_MS]
    if not runs:
        return Cut((), ("only sounds shorter than a word",))
    loudness = np.array([levels[first:last].max() for first, last in runs])
    kept, left_out = [], []
    for (first, last), own in zip(runs, loudness, strict=True):
        seconds = f"{first * _FRAME_MS / 1000:.2f} s"
        if own < np.median(loudness) - _CLICK_DB:
            left_out.append(f"at {seconds}: far quieter than the others")
        elif (last - first) * _FRAME_MS > longest_ms:
            left_out.append(f"at {seconds}: {(last - first) * _FRAME_MS / 1000:.1f} s without a pause")
        else:
            kept.append((first * frame, min(last * frame, len(samples))))
    return Cut(tuple(kept), tuple(left_out))


def loudest_span(samples: Int16, rate: int, pause_ms: int = 200) -> tuple[int, int]:
    """The word in a short recording, as first and last-plus-one sample, with 10 ms more on either side.

    It is the sound around the loudest moment up to pauses of ``pause_ms``. The level is that of 30 ms; sound is at
    least 12 dB above the floor (its 10th percentile), so that constant noise under the word does not count as word,
    and at most 28 dB under the peak; where noise is within 12 dB of the peak, the loudest 12 dB are the word.

    >>> noise = np.random.default_rng(1).normal(0, 300, 32000)
    >>> noise[9600:17600] *= 20
    >>> loudest_span(noise.astype(np.int16), 16000)
    (9280, 17920)
    >>> loudest_span(np.pad(noise, 4000).astype(np.int16), 16000)
    (13280, 21920)
    """
    frame = rate * _FRAME_MS // 1000
    levels = _smoothed(_levels(samples, frame), _WORD_FRAMES)
    heard = levels[levels > 0]  # a shorter clip was padded with digital silence, which says nothing of its noise
    if not len(heard):
        return 0, len(samples)
    floor, peak = float(np.percentile(heard, _FLOOR_PERCENTILE)), float(levels.max())
    least = min(max(floor + _WORD_ABOVE_FLOOR_DB, peak - _WORD_BELOW_PEAK_DB), peak - _WORD_ABOVE_FLOOR_DB)
    runs = _merge(_runs(levels >= least), pause_ms // _FRAME_MS)
    first, last = next(run for run in runs if run[0] <= int(levels.argmax()) < run[1])
    return max(0, first - 1) * frame, min((last + 1) * frame, len(samples))


def with_surroundings(samples: Int16, spans: tuple[tuple[int, int], ...], length: int) -> list[Int16]:
    """Each utterance with what sounds around it, ``length`` samples at most, and nothing of its neighbours.

    An utterance longer than ``length`` comes back whole.
    """
    clips = []
    for i, (first, last) in enumerate(spans):
        low = (spans[i - 1][1] + first) // 2 if i else 0
        high = (last + spans[i + 1][0]) // 2 if i + 1 < len(spans) else len(samples)
        spare = max(0, length - (last - first))
        begin = max(low, first - spare // 2)
        clips.append(samples[begin : min(high, max(last, begin + length))])
    return clips


def _levels(samples: Int16, frame: int) -> npt.NDArray[np.float64]:
    """Level of every whole frame in dB of one int16 step; 0 for digital silence."""
    blocks = samples[: len(samples) // frame * frame].reshape(-1, frame).astype(np.float64)
    return 10 * np.log10(np.maximum(np.mean(blocks**2, axis=1), 1.0))


def _smoothed(levels: npt.NDArray[np.float64], frames: int) -> npt.NDArray[np.float64]:
    """The level of the mean power of ``frames`` frames around each."""
    if len(levels) < frames:
        return levels
    power = np.convolve(10 ** (levels / 10), np.full(frames, 1 / frames), "same")
    return np.asarray(10 * np.log10(np.maximum(power, 1.0)))


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _merge(runs: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in runs:
        if merged and first - merged[-1][1] < gap:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged
