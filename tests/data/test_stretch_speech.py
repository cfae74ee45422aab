"""What counts as the keyword among everything that was spoken for it."""

from __future__ import annotations

import numpy as np

from kws_tfmot.data.speech import Clip, Voice
from kws_tfmot.data.stretch_speech import _as_speech

RATE = 16000


def _clip(text: str, level: int, accent: str = "en-us") -> Clip:
    return Clip(np.full(RATE // 2, level, np.int16), text, Voice("hibari", "heart", accent), 0, RATE // 2)


def test_a_slip_of_the_tongue_is_a_near_word_and_a_sentence_is_talk() -> None:
    clips = [_clip("nova", 100), _clip("nova", 200, "en-us+slavic"), _clip("nova", 300, "en-us+slip")]
    speech = _as_speech([[*clips, _clip("over", 400), _clip("the dog is over there", 500)]], ["nova"], RATE)
    assert [int(wave.max()) for wave in speech.keywords[0]] == [100, 200]
    assert sorted(int(wave.max()) for wave in speech.near) == [300, 400]
    assert [int(wave.max()) for wave in speech.talk] == [500]
