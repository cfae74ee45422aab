"""Time stretching: longer or shorter, at the same pitch."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.data.speech import SpokenClip, Voice
from kws_tfmot.data.speech.tempo import stretch_time
from kws_tfmot.data.stretch_speech import _versions

RATE = 16000


@pytest.mark.parametrize("factor", [0.7, 1.3, 1.8])
def test_a_tone_keeps_its_pitch_and_level(factor: float) -> None:
    tone = np.sin(2 * np.pi * 150 * np.arange(RATE) / RATE).astype(np.float32)
    made = stretch_time(tone, factor)
    assert len(made) == round(factor * RATE)
    inner = made[2000:-2000]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner)), 4 * RATE))
    assert abs(np.argmax(spectrum) / 4 - 150) < 2
    assert 0.6 < np.sqrt(np.mean(np.square(inner))) < 0.8


def test_a_slow_engines_words_are_used_twice_each_as_another_speaker() -> None:
    rng = np.random.default_rng(0)
    clip = SpokenClip((3000 * rng.standard_normal(RATE)).astype(np.int16), "nova", Voice("kokoro", "1"), 800, 14000)
    one, two = _versions(clip)
    assert len(one.samples) != len(two.samples) and one.word_end != two.word_end
    assert [each.samples.tobytes() for each in _versions(clip)] == [one.samples.tobytes(), two.samples.tobytes()]
    for other in (clip._replace(voice=Voice("espeak", "f1")), clip._replace(text="we are all at home today")):
        assert _versions(other) == [other]
