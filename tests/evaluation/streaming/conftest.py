"""Words that are tones, and a spotter that tells them by their band: streams without training."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).parent))

from tone_words import RATE, SETTINGS, WORDS, clip, noise

from kws_tfmot.data import ClipIndex, DataSettings, prepare


@pytest.fixture(scope="session")
def tone_index(tmp_path_factory: pytest.TempPathFactory) -> ClipIndex:
    """Twenty speakers say two keywords and two other words; the recordings of noise leave some for every split."""
    root = tmp_path_factory.mktemp("tones")
    for word in WORDS:
        (root / word).mkdir()
        for speaker in range(20):
            soundfile.write(root / word / f"{speaker:04x}_nohash_0.wav", clip(word, speaker), RATE)
    (root / "_background_noise_").mkdir()
    soundfile.write(root / "_background_noise_" / "hiss.wav", noise(15 * RATE, 0), RATE)
    settings = DataSettings(keywords=("low", "high"), split="percent", percent=(40, 30, 30), clip_ms=SETTINGS.clip_ms)
    return prepare(f"folder:{root}", settings, tmp_path_factory.mktemp("cache"))
