"""Another speaker out of the same recording: formants and pitch moved apart from each other; where the sound ends."""

from __future__ import annotations

import numpy as np

from kws_tfmot.data.audio import resample
from kws_tfmot.data.speech.request import Float

_FRAME, _HOP = 512, 128  # 32 ms and 8 ms at 16 kHz
_QUEFRENCIES = 30  # cepstral coefficients that make the envelope: 1.9 ms, below the pitch period of high voices
_BLOCK_MS = 10
_BELOW_PEAK_DB = 33.0


def warp_formants(samples: Float, factor: float) -> Float:
    """Move the spectral envelope along the frequency axis, leaving pitch and time as they are.

    ``|Y(f)| = |X(f)| E(f / factor) / E(f)``, where ``log E`` is the cepstrally smoothed log spectrum of a frame; phases
    stay. (Vocal tract length perturbation, Jaitly and Hinton 2013, applied to the sound rather than the features.)

    Args:
        samples: Any length.
        factor: Above 1 is a shorter vocal tract.

    Returns:
        As many samples.
    """
    if factor == 1.0 or len(samples) < 2:
        return samples
    window = np.sin(np.pi * (np.arange(_FRAME) + 0.5) / _FRAME).astype(np.float32)
    padded = np.pad(samples, (_FRAME, _FRAME + _HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP] * window
    spectrum = np.fft.rfft(frames, axis=1)
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + 1e-6), axis=1)
    cepstrum[:, _QUEFRENCIES : _FRAME - _QUEFRENCIES + 1] = 0
    envelope = np.fft.rfft(cepstrum, axis=1).real
    bins = np.arange(_FRAME // 2 + 1)
    source = np.clip(bins / factor, 0, _FRAME // 2)
    low = np.minimum(source.astype(int), _FRAME // 2 - 1)
    part = source - low
    moved = envelope[:, low] * (1 - part) + envelope[:, low + 1] * part
    changed = np.fft.irfft(spectrum * np.exp(np.clip(moved - envelope, -6.0, 6.0)), axis=1) * window
    total = np.zeros(len(padded), np.float64)
    for i, frame in enumerate(changed):
        total[i * _HOP : i * _HOP + _FRAME] += frame
    return (total[_FRAME : _FRAME + len(samples)] * (_HOP / (0.5 * _FRAME))).astype(np.float32)


def reshape_voice(samples: Float, rate: int, pitch: float, formants: float) -> Float:
    """Pitch times ``pitch``, formants times ``formants``, time divided by ``pitch``; at 16 kHz.

    Resampling moves both by ``pitch``; the envelope is then warped by what is left.
    """
    moved = np.asarray(resample(samples, round(rate * pitch), 16000), np.float32)
    return warp_formants(moved, formants / pitch)


def sounding_span(samples: Float, rate: int = 16000) -> tuple[int, int]:
    """First sample of speech and the one after the last, in steps of 10 ms: what is at most 33 dB below the peak level.

    >>> sounding_span(np.repeat(np.float32([0, 0.5, 0.02, 0.001]), 1600))
    (1600, 4800)
    """
    size = rate * _BLOCK_MS // 1000
    blocks = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)
    power = np.mean(blocks.astype(np.float64) ** 2, axis=1)
    if not len(power) or power.max() <= 0:
        return 0, 0
    loud = np.flatnonzero(power > power.max() * 10 ** (-_BELOW_PEAK_DB / 10))
    return int(loud[0]) * size, min((int(loud[-1]) + 1) * size, len(samples))
