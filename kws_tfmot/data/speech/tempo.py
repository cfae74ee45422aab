"""The same voice saying the same thing slower or faster: time stretched, pitch and formants as they are."""

from __future__ import annotations

import numpy as np

from kws_tfmot.data.speech.request import Float

_WINDOW, _STEP, _REACH = 400, 200, 120  # at 16 kHz: 25 ms, 12.5 ms, 7.5 ms


def stretch_time(samples: Float, factor: float) -> Float:
    """``samples`` at 16 kHz, ``factor`` times as long (about 0.6 to 2 sounds natural).

    Windows of 25 ms are taken ``12.5 ms / factor`` apart and overlapped 12.5 ms apart, each moved by up to 7.5 ms to
    where it continues the one before best (WSOLA: Verhelst and Roelands, ICASSP 1993).

    >>> len(stretch_time(np.ones(16000, np.float32), 1.5))
    24000
    """
    size = round(len(samples) * factor)
    if factor == 1.0 or len(samples) < 2 * _WINDOW:
        return samples
    padded = np.pad(samples.astype(np.float32), (_REACH, _WINDOW + _STEP + 2 * _REACH))
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    out = np.zeros(size + 2 * _WINDOW, np.float32)
    weight = np.zeros_like(out)
    expected = padded[_REACH : _REACH + _WINDOW]
    for place in range(0, size, _STEP):
        first = min(round(place / factor), len(samples))
        region = padded[first : first + _WINDOW + 2 * _REACH]
        likeness = np.correlate(region, expected)
        energy = np.convolve(np.square(region), np.ones(_WINDOW, np.float32), "valid")
        at = first + int(np.argmax(likeness / np.sqrt(energy + 1e-3)))
        out[place : place + _WINDOW] += padded[at : at + _WINDOW] * window
        weight[place : place + _WINDOW] += window
        expected = padded[at + _STEP : at + _STEP + _WINDOW]
        if len(expected) < _WINDOW:
            expected = np.pad(expected, (0, _WINDOW - len(expected)))
    return (out / np.maximum(weight, 0.1))[:size].astype(np.float32)
