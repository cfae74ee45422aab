"""What counts as the keyword among everything that was spoken for it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import stretch_speech
from kws_tfmot.data.labels import UNKNOWN
from kws_tfmot.data.speech import Request, SpokenClip, Voice
from kws_tfmot.data.stretch_settings import SpeechSettings
from kws_tfmot.data.stretch_speech import _as_speech, _as_written, _requests, _says_unwritten, spoken, with_recordings
from kws_tfmot.data.stretches import Recording, Speech
from kws_tfmot.errors import DataError
from kws_tfmot.progress import Silent

RATE = 16000
SHARES = {"hibari": 1.0}


class Notes(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def _clip(text: str, level: int, accent: str = "en-us") -> SpokenClip:
    return SpokenClip(np.full(RATE // 2, level, np.int16), text, Voice("hibari", "heart", accent), 0, RATE // 2)


def test_a_slip_of_the_tongue_is_a_near_word_and_a_sentence_is_talk() -> None:
    clips = [_clip("nova", 100), _clip("nova", 200, "en-us+slavic"), _clip("nova", 300, "en-us+slip")]
    speech = _as_speech([[*clips, _clip("over", 400), _clip("the dog is over there", 500)]], ["nova"], RATE, SHARES)
    assert [int(wave.max()) for wave in speech.keywords[0]] == [100, 200]
    assert sorted(int(wave.max()) for wave in speech.near) == [300, 400]
    said = {int(wave.max()): text for wave, text in zip(speech.near, speech.near_texts, strict=True)}
    assert said == {300: "", 400: "over"} and speech.word_names == ("over",)
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
    assert Counter(speech.near_texts) == {"over": 16, "dog": 4}
    before = Speech(made.keywords, (clip,) * 5, (), near_texts=("cat",) * 5)
    beside = with_recordings(before, clips, [clip], ["nova"], RATE)
    texts = Counter(zip(beside.near_texts, (isinstance(said, Recording) for said in beside.near), strict=True))
    assert texts == {("cat", False): 20, ("over", True): 16, ("dog", True): 4}
    mixed = with_recordings(made, [("over", clip), (UNKNOWN, clip)], [clip], ["nova"], RATE)
    assert mixed.word_names == ("over",) and len(mixed.near) == 2  # a folder of other words is no word


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
    speech = _as_speech([clips], ["hey nova"], RATE, SHARES)
    assert (len(speech.keywords[0]), len(speech.near)) == (2, 1)


def _said(request: Request) -> SpokenClip:
    level = 200 if request.voice.engine.startswith("piper") else 100
    return SpokenClip(np.full(RATE // 2, level, np.int16), request.text, request.voice, 0, RATE // 2)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Every request that would be spoken; half a second of sound is what it gets."""
    found: list[Request] = []

    def render(parts: Sequence[Sequence[Request]], *_: object) -> list[list[SpokenClip]]:
        found.extend(request for part in parts for request in part)
        return [[_said(one) for one in part] for part in parts]

    monkeypatch.setattr(stretch_speech, "render_parts", render)
    return found


def test_another_language_is_spoken_by_its_voices_alone_with_the_words_that_were_given(asked: list[Request]) -> None:
    pytest.importorskip("espeakng_loader")
    settings = SpeechSettings(engines=("espeak", "hibari"), espeak=(40, 8, 10), other_words=12, slips=0.5)
    notes = Notes()
    spoken(["guten morgen"], settings, 1, Path(), RATE, notes, (), "de", ("haus", "baum", "wasser"))
    assert {request.voice.accent.split("+")[0] for request in asked} == {"de"}
    assert {word for request in asked for word in request.text.split()} == {"guten", "morgen", "haus", "baum", "wasser"}
    assert any("hibari has no voice of 'de'" in note for note in notes.notes)
    with pytest.raises(DataError, match=r"no other word is left to say\. Received: haus"):
        spoken(["haus"], settings, 1, Path(), RATE, language="de", words=("haus",))
    with pytest.raises(DataError, match="no voice that is installed speaks 'de'"):
        spoken(["guten morgen"], settings.model_copy(update={"engines": ("hibari",)}), 1, Path(), RATE, language="de")


def test_english_words_that_are_given_come_beside_the_common_ones(asked: list[Request]) -> None:
    pytest.importorskip("espeakng_loader")
    settings = SpeechSettings(engines=("espeak",), espeak=(8, 2, 2), other_words=900)
    spoken(["nova"], settings, 1, Path(), RATE, words=("zeppelin",))
    said = {request.text for request in asked}
    assert "zeppelin" in said and len(said) > 500


@pytest.mark.parametrize(("speakers", "share"), [(40, 0.5), (3, 0.2)])
def test_every_speaker_of_a_folder_of_voices_says_the_keyword_and_a_crowd_weighs_as_much_as_kokoro(
    asked: list[Request], tmp_path: Path, speakers: int, share: float
) -> None:
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("onnx")
    (tmp_path / "crowd.onnx").write_bytes(b"a model")
    settings = {"espeak": {"voice": "en-us"}, "num_speakers": speakers, "audio": {}, "phoneme_id_map": {}}
    (tmp_path / "crowd.onnx.json").write_text(json.dumps(settings))
    # Three speakers are 36 voices: of 25 each speaker has one, whatever the folder's name makes of their order.
    counts = SpeechSettings(engines=("espeak",), espeak=(16, 2, 2), piper=(25, 2, 2), foreign=0, other_words=2)
    train, held = spoken(["nova"], counts, 1, Path(), RATE, folders=(f"piper:{tmp_path}",))
    own = {request.voice.name for request in asked if request.text == "nova" and request.voice.name.startswith("crowd")}
    assert len(own) == speakers
    levels = [int(wave.max()) for wave in train.keywords[0]]
    assert levels.count(200) / len(levels) == pytest.approx(share / (share + 0.2), abs=0.05)
    assert {int(wave.max()) for wave in held.keywords[0]} >= ({200} if speakers == 40 else set())
