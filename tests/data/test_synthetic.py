"""The built-in spoken data: reproducible, varied, speakers apart. Needs the extra ``tts``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import ClipIndex, DataSettings, prepare
from kws_tfmot.data.espeak_library import SpokenText, speak_all
from kws_tfmot.data.rooms import hum, in_a_room, room_response, sum_of_voices, trim
from kws_tfmot.data.speech.espeak import ENGLISH, variants
from kws_tfmot.data.synthetic import speaker_id, speakers, unknown_words
from kws_tfmot.errors import DataError, ToolchainError

RATE = 16000
SETTINGS = DataSettings.parse(
    {
        "keywords": ["hey nova", "größe", "go"],
        "synthetic": {
            "speakers": 20,
            "clips_per_word": 40,
            "unknown_words": ["yes", "no", "cat", "garden"],
            "clips_per_unknown_word": 10,
            "noise_seconds": 12,
        },
    }
)
needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="pip install espeakng-loader (extra tts)"
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ClipIndex:
    return prepare("synthetic", SETTINGS, tmp_path_factory.mktemp("synthetic"))


@needs_espeak
class TestSynthetic:
    def test_has_every_class_in_every_split(self, index: ClipIndex) -> None:
        assert index.labels == ("hey nova", "größe", "go", "_unknown_", "_silence_")
        for split, counts in index.counts().items():
            for label, count in counts.items():
                assert count > 0 or (split, label) == ("train", "_silence_")
        assert sum(counts["go"] for counts in index.counts().values()) == 40
        assert {name.split("/")[1] for name, _, _ in index.noise.spans} == {
            "babble.wav", "brown_noise.wav", "hum.wav", "pink_noise.wav", "white_noise.wav",
        }  # fmt: skip

    def test_every_speaker_says_every_keyword_and_stays_in_one_split(self, index: ClipIndex) -> None:
        said: dict[str, set[str]] = {}
        split_of: dict[str, set[str]] = {}
        for clip in index.clips:
            said.setdefault(clip.word, set()).add(clip.speaker)
            split_of.setdefault(clip.speaker, set()).add(clip.split)
        assert len(split_of) == 20
        assert all(len(said[word]) == 20 for word in SETTINGS.keywords)
        assert all(len(splits) == 1 for splits in split_of.values())

    def test_is_the_same_in_another_place_and_process(self, index: ClipIndex, tmp_path: Path) -> None:
        again = prepare("synthetic", SETTINGS, tmp_path)
        assert again.digests == index.digests
        assert [again.split_sha256(name) for name in again.splits] == [
            index.split_sha256(name) for name in index.splits
        ]
        np.testing.assert_array_equal(again.noise.samples, index.noise.samples)
        np.testing.assert_array_equal(again.audio("test").audio, index.audio("test").audio)

    def test_another_seed_is_other_data(self, index: ClipIndex, tmp_path: Path) -> None:
        other = prepare("synthetic", SETTINGS.model_copy(update={"seed": 1}), tmp_path)
        assert set(other.digests.values()).isdisjoint(index.digests.values())

    def test_is_rendered_once(self, index: ClipIndex, tmp_path: Path) -> None:
        small = SETTINGS.model_copy(update={"keywords": ("go",)})
        prepare("synthetic", small, tmp_path)
        folder = next(tmp_path.glob("synthetic-*"))
        stamp = folder.stat().st_mtime_ns
        calls: list[tuple[int, int]] = []
        prepare("synthetic", small, tmp_path, lambda *done: calls.append(done))
        assert folder.stat().st_mtime_ns == stamp
        assert calls == []
        assert not list(tmp_path.glob(".*partial*"))

    def test_clips_are_all_different_and_at_many_levels(self, index: ClipIndex) -> None:
        digests = list(index.digests.values())
        assert len(set(digests)) == len(digests)
        clips = index.audio("all")
        spoken = clips.audio[np.array(clips.words) != "_silence_"].astype(float)
        peak = 20 * np.log10(np.abs(spoken).max(axis=1) / 32768)
        assert peak.min() < -18
        assert peak.max() > -4
        assert peak.std() > 4

    def test_unknown_words_are_no_keywords(self) -> None:
        words = unknown_words(DataSettings(keywords=("go", "Stop")))
        assert len(words) >= 30
        assert "stop" not in words
        clash = DataSettings.parse({"keywords": ["Go"], "synthetic": {"unknown_words": ["go", "left"]}})
        with pytest.raises(DataError, match="'go'"):
            unknown_words(clash)

    def test_speakers_are_different_and_use_the_variants_evenly(self) -> None:
        voices = speakers(300, seed=0)
        assert len(set(voices)) == 300
        assert len({speaker_id(voice) for voice in voices}) == 300
        used = [voice.split("+")[1] for voice in voices]
        assert max(used.count(name) for name in set(used)) <= -(-300 // len(variants()))
        assert {voice.split("+")[0] for voice in voices} == set(ENGLISH)
        assert speakers(300, seed=1) != voices

    def test_the_same_words_in_the_same_order_sound_the_same(self) -> None:
        utterances = [SpokenText("stop", f"en-us+{name}") for name in variants()[::8]]
        first, rate = speak_all(utterances)
        second, _ = speak_all(utterances)
        assert rate == 22050
        for one, two in zip(first, second, strict=True):
            np.testing.assert_array_equal(one, two)
        assert len({clip.tobytes() for clip in first}) == len(utterances)

    def test_an_unknown_voice_is_refused(self) -> None:
        with pytest.raises(DataError, match="no voice 'xx-nowhere'"):
            speak_all([SpokenText("go", "xx-nowhere")])

    def test_a_word_without_sound_is_refused(self, tmp_path: Path) -> None:
        settings = SETTINGS.model_copy(update={"keywords": ("...",)})
        with pytest.raises(DataError, match="no sound of"):
            prepare("synthetic", settings, tmp_path)
        assert not list(tmp_path.glob("synthetic-*"))


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "espeakng_loader" else find(name, *a)
    )
    with pytest.raises(ToolchainError, match="pip install"):
        prepare("synthetic", SETTINGS, tmp_path)


class TestRooms:
    def test_response_starts_with_the_direct_sound_and_decays(self) -> None:
        for seed in range(20):
            response = room_response(np.random.default_rng(seed), RATE)
            assert response[0] == 1.0
            assert not response[1 : int(0.002 * RATE)].any()
            half = len(response) // 2
            early, late = (response[int(0.002 * RATE) : half] ** 2).sum(), (response[half:] ** 2).sum()
            assert late < early / 50
            assert -14.1 < 10 * np.log10((response[1:] ** 2).sum()) < -1.9

    def test_a_click_in_a_room_is_the_response(self) -> None:
        click = np.zeros(10, np.float32)
        click[0] = 1
        wet = in_a_room(click, np.random.default_rng(3), RATE)
        response = room_response(np.random.default_rng(3), RATE)
        np.testing.assert_allclose(wet[: len(response)], response, atol=1e-5)

    def test_trim_keeps_the_word_and_a_margin(self) -> None:
        clip = np.zeros(3000, np.float32)
        clip[1000:2000] = 5
        assert len(trim(clip, margin=100)) == 1200
        assert len(trim(np.zeros(5, np.float32))) == 5

    def test_hum_is_at_the_harmonics_of_fifty_hertz(self) -> None:
        power = np.abs(np.fft.rfft(hum(np.random.default_rng(0), RATE, RATE))) ** 2
        assert power[50 * np.arange(1, 20)].sum() / power.sum() > 0.9

    def test_babble_is_even_and_of_unit_power(self) -> None:
        rng = np.random.default_rng(0)
        words = [rng.standard_normal(4000).astype(np.float32) for _ in range(5)]
        wave = sum_of_voices(rng, words, 10 * RATE, RATE)
        seconds = (wave.reshape(10, -1) ** 2).mean(axis=1)
        assert wave.var() == pytest.approx(1.0, rel=0.01)
        assert seconds.min() > 0.2
