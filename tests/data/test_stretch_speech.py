"""What counts as the keyword among everything that was spoken for it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from kws_tfmot.data.speech import SpokenClip, Voice
from kws_tfmot.data.stretch_speech import _as_speech, _as_written, _requests, _says_unwritten, with_recordings
from kws_tfmot.data.stretches import Recording, Speech

RATE = 16000


def _clip(text: str, level: int, accent: str = "en-us") -> SpokenClip:
    return SpokenClip(np.full(RATE // 2, level, np.int16), text, Voice("hibari", "heart", accent), 0, RATE // 2)


def test_a_slip_of_the_tongue_is_a_near_word_and_a_sentence_is_talk() -> None:
    clips = [_clip("nova", 100), _clip("nova", 200, "en-us+slavic"), _clip("nova", 300, "en-us+slip")]
    speech = _as_speech([[*clips, _clip("over", 400), _clip("the dog is over there", 500)]], ["nova"], RATE)
    assert [int(wave.max()) for wave in speech.keywords[0]] == [100, 200]
    assert sorted(int(wave.max()) for wave in speech.near) == [300, 400]
    assert [int(wave.max()) for wave in speech.talk] == [500]


def test_recordings_come_as_often_as_synthetic_words_and_rare_other_words_oftener_than_they_are() -> None:
    made = Speech((tuple(np.full(RATE // 2, 100, np.int16) for _ in range(6)),), (), ())
    noise = np.random.default_rng(0).normal(0, 10, RATE)
    clip = noise.astype(np.int16)
    clip[5000:9000] = 5000
    clips = [("nova", clip)] * 2 + [("over", clip)] * 16 + [("dog", clip)]
    speech = with_recordings(made, clips, [clip], ["nova"], RATE)
    own = [said for said in speech.keywords[0] if isinstance(said, Recording)]
    assert len(own) == 6 and len(speech.keywords[0]) == 12
    for enough, count in ((2, 2), (3, 12)):
        assert len(with_recordings(made, clips, [clip], ["nova"], RATE, enough).keywords[0]) == count
    assert len(speech.near) == 16 + 4 and len(speech.noise) == 1  # the square root of 16 * 1
    assert all(abs(said.first - 5000) < 500 and abs(said.last - 9000) < 500 for said in own)


def test_a_sentence_with_a_word_that_sounds_like_a_keyword_is_no_negative() -> None:
    alike = {"right", "write"}
    said = {text: _says_unwritten(_clip(text, 100), ("right",), alike)
            for text in ("right", "write", "dogs write letters", "dogs bring letters")}  # fmt: skip
    assert said == {"right": False, "write": True, "dogs write letters": True, "dogs bring letters": False}


def test_a_share_of_a_phrase_is_said_word_by_word_and_is_the_phrase_all_the_same() -> None:
    voices = [Voice("hibari", "heart", "en-us")]
    requests = _requests(["hey big nova", "nova"], ("over",), ("a dog is over there",), voices, (30, 6, 3), 1, 0.4)
    said = Counter(request.text for part in requests for request in part)
    assert said == {"hey big nova": 18, "hey, big nova": 6, "hey big, nova": 6, "nova": 30, "over": 6,
                    "a dog is over there": 3}  # fmt: skip
    clips = [_as_written(_clip(text, 100)) for text in ("hey, nova", "hey nova", "over")]
    speech = _as_speech([clips], ["hey nova"], RATE)
    assert (len(speech.keywords[0]), len(speech.near)) == (2, 1)
