"""The same features in float64, by NumPy's own FFT: what the integer code is measured against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kws_tfmot.frontend.frontend_settings import FrontendSettings, hz_to_mel
from kws_tfmot.frontend.tables import LOG_CENTRE, coefficient_gains

Float64 = npt.NDArray[np.float64]


def reference_features(settings: FrontendSettings, clip: npt.NDArray[np.int16]) -> Float64:
    """Unrounded, unsaturated features in int8 steps: int16 [samples] -> float64 [frames, features].

    ``L = log2(2**noise_floor + sum_k r_k |FFT(w x)_k / (window / 2)|**2) - 10`` with Hann window w and mel
    triangles r of peak 1; ``log_mel`` is ``8 L``, ``mfcc`` the orthonormal DCT-II of L times the coefficients' gains.
    """
    energies = reference_energies(settings, clip)
    logs = np.log2(energies + 2.0**settings.noise_floor) - LOG_CENTRE
    if settings.kind == "log_mel":
        return logs * 8
    order, band = np.arange(settings.coefficients)[:, None], np.arange(settings.mels) + 0.5
    dct = np.sqrt(2 / settings.mels) * np.cos(np.pi / settings.mels * order * band)
    dct[0] /= np.sqrt(2)
    return logs @ dct.T * coefficient_gains(settings)


def reference_energies(settings: FrontendSettings, clip: npt.NDArray[np.int16]) -> Float64:
    """The mel energies of each frame, without the floor: float64 [frames, mels]."""
    window = settings.window_samples
    hann = np.sin(np.pi * (np.arange(window) + 0.5) / window) ** 2
    frames = np.lib.stride_tricks.sliding_window_view(clip.astype(np.float64), window)[:: settings.hop_samples]
    spectrum = np.fft.rfft(frames * hann, settings.fft_points) / (window / 2)
    return np.abs(spectrum) ** 2 @ _triangles(settings).T


def _triangles(settings: FrontendSettings) -> Float64:
    edges = np.linspace(hz_to_mel(settings.low_hz), hz_to_mel(settings.high_hz), settings.mels + 2)[:, None]
    mel = hz_to_mel(np.arange(settings.fft_points // 2 + 1) * settings.sample_rate / settings.fft_points)
    rising = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling))
