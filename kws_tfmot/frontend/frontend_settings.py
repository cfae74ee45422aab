"""The settings of the audio front end: what is carried with every model."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pydantic
from typing_extensions import Self

from kws_tfmot.settings import Settings

SMALLEST_FFT, LARGEST_FFT = 64, 2048
MICROFRONTEND = {"hop_ms": 10, "low_hz": 125, "high_hz": 7500}
"""What kind ``microfrontend`` takes where nothing is set: micro_speech's and microWakeWord's settings."""


class FrontendSettings(Settings):
    """How 16-bit samples become int8 features.

    Attributes:
        kind: ``mfcc`` (log-mel, then DCT), ``log_mel``, or ``microfrontend`` (TFLM's algorithm: noise reduction and
            gain control a channel; hop 10 ms, 125 to 7500 Hz unless set).
        sample_rate: Samples a second; clips of another rate are resampled.
        clip_ms: What the network sees at once, milliseconds; 100 to 10000 where clips are read.
        window_ms, hop_ms: Length of the Hann window and distance between frames, milliseconds.
        fft_size: Points of the real FFT; the next power of two above the window when null.
        mels: Triangular filters between ``low_hz`` and ``high_hz``, evenly spaced in mel.
        low_hz, high_hz: Range of the filters, Hz.
        coefficients: Cepstral coefficients kept (``mfcc`` only), from c0 on.
        noise_floor: Added to each mel energy before the logarithm, as a power of two (octaves).

    The energy of a band is in units where white noise of standard deviation s (int16 steps) gives about
    ``s**2 * 0.02``; a floor of 2**0 is the level of white noise of 4 to 14 steps, depending on the band's
    width, that is 67 to 77 dB below full scale. Less than -6 would not fit the int8 of ``log_mel``.

    >>> FrontendSettings().feature_shape
    (49, 10)
    >>> FrontendSettings(kind="log_mel", window_ms=40, hop_ms=20).fft_points
    1024
    """

    kind: Literal["mfcc", "log_mel", "microfrontend"] = "mfcc"
    sample_rate: int = pydantic.Field(default=16000, ge=4000, le=48000)
    clip_ms: int = pydantic.Field(default=1000, ge=10, le=60000)
    window_ms: int = pydantic.Field(default=30, ge=2, le=128)
    hop_ms: int = pydantic.Field(default=20, ge=1, le=128)
    fft_size: int | None = None
    mels: int = pydantic.Field(default=40, ge=4, le=128)
    low_hz: int = pydantic.Field(default=20, ge=0)
    high_hz: int = pydantic.Field(default=8000, ge=1)
    coefficients: int = pydantic.Field(default=10, ge=1, le=128)
    noise_floor: int = pydantic.Field(default=0, ge=-6, le=16)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _defaults_of_microfrontend(cls, values: Any) -> Any:
        """Other people's models were trained on one choice of settings: the defaults of that kind."""
        if isinstance(values, dict) and values.get("kind") == "microfrontend":
            return {**MICROFRONTEND, **values}
        return values

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> Self:
        for check in (_time_problem, _fft_problem, _mel_problem, _kind_problem):  # each relies on those before it
            if problem := check(self):
                raise ValueError(problem)
        return self

    @property
    def window_samples(self) -> int:
        """Samples under one window."""
        return self.sample_rate * self.window_ms // 1000

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return self.sample_rate * self.hop_ms // 1000

    @property
    def clip_samples(self) -> int:
        """Samples of one clip."""
        return self.sample_rate * self.clip_ms // 1000

    @property
    def fft_points(self) -> int:
        """Points of the real FFT."""
        return self.fft_size or max(SMALLEST_FFT, 1 << (self.window_samples - 1).bit_length())

    @property
    def features_per_frame(self) -> int:
        """Values in one frame: ``coefficients`` of MFCC, ``mels`` otherwise."""
        return self.coefficients if self.kind == "mfcc" else self.mels

    def frames_in(self, samples: int) -> int:
        """Whole frames in ``samples`` samples: ``1 + (samples - window) // hop``, or 0 when too short."""
        return 0 if samples < self.window_samples else 1 + (samples - self.window_samples) // self.hop_samples

    @property
    def frames(self) -> int:
        """Frames in one clip."""
        return self.frames_in(self.clip_samples)

    @property
    def feature_shape(self) -> tuple[int, int]:
        """``(frames, features_per_frame)`` of one clip."""
        return self.frames, self.features_per_frame

    @property
    def scale(self) -> float:
        """Real value of one int8 step, a power of two: ``feature = int8 * scale`` exactly."""
        return 2.0**-5

    @property
    def zero_point(self) -> int:
        """The int8 that represents 0.0."""
        return 0


def hz_to_mel(hz: Any) -> Any:
    """``1127 ln(1 + hz / 700)``, the mel scale of HTK; takes a number or an array."""
    return 1127.0 * np.log1p(np.asarray(hz, dtype=np.float64) / 700.0)


def _time_problem(s: FrontendSettings) -> str:
    for name in ("window_ms", "hop_ms", "clip_ms"):
        if s.sample_rate * getattr(s, name) % 1000:
            return (
                f"{name}={getattr(s, name)} is no whole number of samples at sample_rate={s.sample_rate};"
                " choose another length or a rate that is a multiple of 1000"
            )
    if s.window_samples % 2:
        return f"expected an even number of samples in a window. window_ms={s.window_ms} gives {s.window_samples}"
    if s.hop_ms > s.window_ms:
        return f"expected hop_ms <= window_ms, or samples are never looked at. {s.hop_ms} > {s.window_ms}"
    if s.clip_ms < s.window_ms:
        return f"expected clip_ms >= window_ms, or a clip has no frame. {s.clip_ms} < {s.window_ms}"
    return ""


def _fft_problem(s: FrontendSettings) -> str:
    allowed = [1 << k for k in range(SMALLEST_FFT.bit_length() - 1, LARGEST_FFT.bit_length())]
    if s.fft_points not in allowed:
        return f"expected fft_size to be one of {allowed}. window_ms and fft_size give {s.fft_points}"
    if s.window_samples > s.fft_points:
        return f"expected fft_size >= the window's {s.window_samples} samples (or None, to derive it): {s.fft_size}"
    return ""


def _mel_problem(s: FrontendSettings) -> str:
    if not s.low_hz < s.high_hz <= s.sample_rate // 2:
        return f"expected low_hz < high_hz <= {s.sample_rate // 2} (half the rate): {s.low_hz}, {s.high_hz}"
    if s.kind == "mfcc" and s.coefficients > s.mels:
        return f"expected coefficients <= mels: {s.coefficients} > {s.mels}"
    if s.kind == "microfrontend":
        return ""
    edges = [float(e) for e in _edges_hz(s)]
    width = s.sample_rate / s.fft_points
    for band in range(s.mels):
        first = math.floor(edges[band] / width) + 1
        if first * width >= edges[band + 2]:
            return (
                f"mel band {band} ({edges[band]:.0f} to {edges[band + 2]:.0f} Hz) holds no FFT bin of {width:.1f} Hz;"
                f" use fewer mels than {s.mels}, a higher low_hz or a larger fft_size than {s.fft_points}"
            )
    return ""


def _edges_hz(s: FrontendSettings) -> Any:
    mels = np.linspace(hz_to_mel(s.low_hz), hz_to_mel(s.high_hz), s.mels + 2)
    return 700.0 * np.expm1(mels / 1127.0)


def _kind_problem(s: FrontendSettings) -> str:
    if s.kind != "microfrontend":
        return ""
    derived = max(SMALLEST_FFT, 1 << (s.window_samples - 1).bit_length())
    if s.fft_points != derived:
        return f"kind 'microfrontend' takes the next power of two above the window as fft_size, {derived}: {s.fft_size}"
    if s.high_hz >= s.sample_rate // 2:
        return f"kind 'microfrontend' wants high_hz below half the rate, {s.sample_rate // 2}. Received: {s.high_hz}"
    return ""
