"""The tones, and the spotter: real front end, real detector, and for a network the mean level of each word's band."""

from __future__ import annotations

import numpy as np

from kws_tfmot.contract import ModelContract
from kws_tfmot.data import DataSettings
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.detection.detector import NEVER, DetectorPlan, to_q15
from kws_tfmot.detection.posterior import exponential_table
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.frontend import Frontend
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.tflite.interpreter import TensorSpec

RATE = 16000
WORDS = {"low": 500, "high": 2200, "other": 4500, "mid": 1100}  # the last two are no keywords
LABELS = ("low", "high", "_unknown_", "_silence_")
SETTINGS = FrontendSettings(kind="log_mel", mels=20, clip_ms=500)


def clip(word: str, speaker: int, samples: int = RATE // 2) -> np.ndarray:
    """A word: 0.3 s of its tone, a little different for every speaker."""
    rng = np.random.default_rng([speaker, WORDS[word]])
    time = np.arange(samples) / RATE
    envelope = np.clip(1 - ((time - 0.25) / 0.15) ** 4, 0, 1)
    wave = 8000 * envelope * np.sin(2 * np.pi * WORDS[word] * (0.98 + 0.002 * speaker) * time)
    return (wave + rng.normal(0, 20, samples)).astype(np.int16)


def noise(samples: int, seed: int) -> np.ndarray:
    """Quiet white noise."""
    return np.random.default_rng(seed).normal(0, 100, samples).astype(np.int16)


class ToneRunner:
    """Logits: how far the band of each word lies above the mean of all bands, over the window."""

    name = "bands of tones"

    def __init__(self) -> None:
        frontend = Frontend(SETTINGS, "numpy")
        self._bands = [int(frontend.features(clip(word, 5)).astype(int).sum(axis=0).argmax()) for word in WORDS]

    def run(self, batch: np.ndarray) -> np.ndarray:
        level = batch.reshape(len(batch), -1, SETTINGS.mels).astype(int).mean(axis=1)
        low, high, other, mid = (level[:, band] for band in self._bands)
        floor = np.median(level, axis=1)
        logits = np.stack([low, high, np.maximum(other, mid), floor + 25], axis=1) - floor[:, None]
        return np.clip(np.rint(logits), -128, 127).astype(np.int8)


def spotter(threshold: float = 0.7, stride: int = 5, window: int = 2, refractory: int = 9) -> StreamModel:
    """The whole model."""
    frames, mels = SETTINGS.feature_shape
    level = to_q15(threshold)
    levels = (level, level, NEVER, NEVER)
    plan = DetectorPlan(LABELS, stride, window, refractory, to_q15(0.5), levels, exponential_table(0.2))
    contract = ModelContract(LABELS, SETTINGS, DataSettings(keywords=("low", "high")), DetectionSettings())
    spec = TensorSpec(np.dtype(np.int8), (1, frames, mels, 1), SETTINGS.scale, 0)
    return StreamModel(contract, plan, ToneRunner(), spec, "0" * 64)
