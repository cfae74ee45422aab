"""The synthetic source speaks with several engines and languages, and refuses what a voice would spell out."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.data.speech.engines import Kokoro
from kws_tfmot.data.speech.espeak import ipa
from kws_tfmot.data.speech.scripts import LANGUAGES, check_script, foreign_scripts
from kws_tfmot.data.speech.sentences import sentences
from kws_tfmot.errors import RecipeError, ToolchainError

needs_tts = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("espeakng_loader", "hibari")), reason="extra tts"
)


def _settings(**synthetic: object) -> DataSettings:
    small = {"speakers": 12, "clips_per_word": 20, "clips_per_unknown_word": 6, "noise_seconds": 10}
    return DataSettings.parse(
        {"keywords": ["stop"], "synthetic": {**small, "unknown_words": ["cat", "tree"], **synthetic}}
    )


@needs_tts
def test_voices_of_several_engines_are_speakers_of_the_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: Kokoro) -> str:
        raise ToolchainError("the engine kokoro needs packages that are not installed.", "Install the extra.")

    monkeypatch.setattr(Kokoro, "fingerprint", missing)
    index = prepare("synthetic", _settings(engines=[]), tmp_path)
    assert sum(counts["stop"] for counts in index.counts().values()) == 20
    split_of: dict[str, set[str]] = {}
    for clip in index.clips:
        if clip.speaker:
            split_of.setdefault(clip.speaker, set()).add(clip.split)
    assert len(split_of) == 12 and all(len(splits) == 1 for splits in split_of.values())
    assert any("kokoro" in note for note in index.notes)
    assert {path.name for path in (tmp_path / "speech").iterdir()} == {"espeak", "hibari", "piper"}


@needs_tts
def test_another_language_speaks_and_what_it_cannot_say_is_refused(tmp_path: Path) -> None:
    settings = _settings(engines=["espeak"], language="de", unknown_words=["Katze", "Baum"])
    assert sum(counts["stop"] for counts in prepare("synthetic", settings, tmp_path).counts().values()) == 20
    chinese = settings.model_copy(update={"keywords": ("你好",)})
    with pytest.raises(RecipeError, match=r"spell '你好' out.*\n.*cmn, yue"):
        prepare("synthetic", chinese, tmp_path)


@needs_tts
def test_languages_of_a_script_say_its_words_as_words() -> None:
    hello = {
        "CYRILLIC": "привет",
        "GREEK": "γεια",
        "ARABIC": "مرحبا",
        "CJK": "你好",
        "HIRAGANA": "こんにちは",
        "THAI": "สวัสดี",
    }
    for script, word in hello.items():
        assert foreign_scripts(word, "en") == [script]
        asked = [(word, language) for language in (*LANGUAGES[script], "en")]
        lengths = [sum(map(len, clauses)) for clauses in ipa(asked)]
        if script != "CYRILLIC":  # whose letters have short names in English
            assert 2 * max(lengths[:-1]) < lengths[-1], script


def test_refusals_say_which_way_out() -> None:
    check_script("größe", "de")
    check_script("アレクサ", "ja")
    with pytest.raises(RecipeError, match="own letters"):
        check_script("alexa", "ja")
    with pytest.raises(RecipeError, match="No voice"):
        check_script("你привет", "en")


def test_sentences_are_many_and_hold_no_keyword() -> None:
    made = sentences(600, seed=2, without=["garden hose", "school"])
    assert len(set(made)) == 600 and made[:5] == sentences(5, seed=2, without=["garden hose", "school"])
    assert not any("school" in one or "garden hose" in one for one in made)
