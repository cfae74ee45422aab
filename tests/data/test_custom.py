"""Keywords of one's own: recordings of any kind beside synthetic speech. Needs the extra ``tts``."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data import AugmentSettings, DataSettings, prepare
from kws_tfmot.data.columns import Coded
from kws_tfmot.data.custom import needed_clip_ms, split_groups
from kws_tfmot.data.epoch_plan import EpochPlanner
from kws_tfmot.data.espeak_library import SpokenText, phonemes, speak_all
from kws_tfmot.data.near_words import COMMON_WORDS, distance, near_words, parts_of, sound_alike
from kws_tfmot.data.own_recordings import OwnRecordings, Utterance, read_recordings
from kws_tfmot.data.synthetic import unknown_words
from kws_tfmot.data.utterances import cut_at_pauses, with_surroundings
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.trust import speech_figures, trust

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="pip install espeakng-loader (extra tts)"
)
RATE = 16000
SETTINGS = DataSettings.parse(
    {
        "keywords": ["hey nova", "stop"],
        "synthetic": {
            "speakers": 20,
            "clips_per_word": 20,
            "unknown_words": ["yes", "no", "cat", "garden"],
            "clips_per_unknown_word": 5,
            "noise_seconds": 12,
        },
    }
)


def spoken(words: list[str], voice: str = "en-us+m3") -> list[np.ndarray]:
    said, rate = speak_all([SpokenText(word, voice) for word in words])
    assert rate == 22050
    return said


def write(path: Path, samples: np.ndarray, rate: int = 22050) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.astype(np.int16), rate)


@pytest.fixture(scope="module")
def words() -> dict[str, np.ndarray]:
    names = ["hey nova", "stop", "banana"]
    return dict(zip(names, spoken(names), strict=True))


@pytest.fixture
def few(tmp_path: Path, words: dict[str, np.ndarray]) -> Path:
    """A file of three utterances in stereo at 44.1 kHz, one short FLAC, another word, a background."""
    rng = np.random.default_rng(0)
    pause = np.zeros(22050, np.int16)
    long = np.concatenate([pause, *(piece for _ in range(3) for piece in (words["hey nova"], pause))]).repeat(2)
    noisy = np.stack([long, long], axis=1) + rng.integers(-20, 20, (len(long), 2))
    write(tmp_path / "hey_nova" / "take.wav", noisy, 44100)
    write(tmp_path / "stop" / "anna" / "1.flac", words["stop"])
    write(tmp_path / "unknown" / "talk.wav", words["banana"])
    write(tmp_path / "background" / "kitchen.wav", rng.normal(0, 300, 22050 * 12))
    return tmp_path


def test_a_long_recording_is_cut_at_its_pauses(few: Path) -> None:
    found = read_recordings(few, SETTINGS)
    assert [(one.word, one.speaker) for one in found.utterances] == [
        *([("hey nova", "")] * 3), ("stop", "anna"), ("_unknown_", ""),
    ]  # fmt: skip
    assert len({one.group for one in found.utterances if one.word == "hey nova"}) == 1  # one file, one split
    energies = [float(np.square(one.samples.astype(float)).sum()) for one in found.utterances[:3]]
    assert max(energies) < 1.1 * min(energies)
    assert any("take.wav" in note and "into 3" in note for note in found.notes)
    assert [name for name, _ in found.background] == ["background/kitchen.wav"]


def test_clicks_and_speech_without_pauses_are_left_out() -> None:
    rng = np.random.default_rng(1)
    wave = rng.normal(0, 5, 12 * RATE)
    for first, last, level in ((1, 1.5, 4000), (3, 3.5, 4000), (5, 5.05, 4000), (6, 6.4, 150), (7, 11, 4000)):
        span = slice(int(first * RATE), int(last * RATE))
        wave[span] += rng.normal(0, level, span.stop - span.start)
    cut = cut_at_pauses(wave.astype(np.int16), RATE)
    assert [(round(first / RATE, 1), round(last / RATE, 1)) for first, last in cut.spans] == [(1.0, 1.5), (3.0, 3.5)]
    assert len(cut.left_out) == 2  # the quiet sound and the long one
    clips = with_surroundings(wave.astype(np.int16), cut.spans, RATE)
    assert [len(clip) for clip in clips] == [RATE, RATE]
    assert np.array_equal(clips[0], wave.astype(np.int16)[int(0.75 * RATE) : int(1.75 * RATE)])


def test_a_recording_that_cannot_be_used_is_reported_and_left_out(few: Path) -> None:
    before = read_recordings(few, SETTINGS)
    write(few / "stop" / "fan.wav", np.random.default_rng(0).normal(0, 3000, 5 * 22050))
    (few / "stop" / "broken.wav").write_bytes(b"RIFF nothing")
    (few / "stop" / "empty.wav").write_bytes(b"")
    write(few / "hey_nova" / "off.wav", np.full(9000, 3))
    found = read_recordings(few, SETTINGS)
    assert [one.path for one in found.utterances] == [one.path for one in before.utterances]
    reported = "\n".join(found.notes)
    for text in ("4 of 8", "stop/fan.wav: no pauses", "stop/broken.wav", "stop/empty.wav: the file is empty",
                 "hey_nova/off.wav: nothing to hear"):  # fmt: skip
        assert text in reported


def test_formats_that_cannot_be_read_are_named(few: Path) -> None:
    (few / "stop" / "phone.m4a").write_bytes(b"\0\0\0\x18ftypM4A ")
    notes = read_recordings(few, SETTINGS).notes
    assert any("1 .m4a" in note or "stop/phone.m4a: not readable" in note for note in notes)


def test_background_by_another_name_is_no_speech_and_loose_files_are_named(few: Path) -> None:
    (few / "Background Noise").mkdir()
    soundfile.write(few / "Background Noise" / "fan.wav", np.random.default_rng(0).normal(0, 0.01, 5 * RATE), RATE)
    soundfile.write(few / "loose.wav", np.zeros(RATE), RATE)
    found = read_recordings(few, SETTINGS)
    assert "Background Noise/fan.wav" in [name for name, _ in found.background]
    assert any("1 sound files lie in no folder of a word" in note for note in found.notes)


def test_nothing_but_broken_recordings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stop").mkdir()
    (tmp_path / "stop" / "broken.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(DataError, match=r"none of the recordings[^$]*stop/broken.wav"):
        read_recordings(tmp_path, SETTINGS)


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        ([], "no folder of a keyword"),
        (["background"], "no folder of a keyword"),
        (["stop", "hey nov"], "Did you mean 'hey nova'"),
        (["stop"], "no sound file"),
    ],
)
def test_folders_that_cannot_be_meant_are_refused(tmp_path: Path, folders: list[str], said: str) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    with pytest.raises(DataError, match=said):
        read_recordings(tmp_path, SETTINGS)
    with pytest.raises(DataError, match="no folder of recordings"):
        read_recordings(tmp_path / "nowhere", SETTINGS)


def test_few_recordings_all_train_and_the_test_says_so(few: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    index = prepare(f"synthetic+folder:{few}", SETTINGS, tmp_path_factory.mktemp("cache"))
    assert {clip.split for clip in index.clips if clip.recorded} == {"train"}
    assert any("the test is synthetic speech" in note and "'stop' has 1" in note for note in index.notes)
    assert any(name == "recorded/background/kitchen.wav" for name, _, _ in index.noise.spans)
    figures = speech_figures(index)
    assert figures is not None
    assert figures["train"]["recorded"] == 4 and figures["test"]["recorded"] == 0
    said = " ".join(trust(figures, {"accuracy": 0.9, "n": 10}))
    assert "synthesised voices only" in said and "4 recordings" in said and "False accepts" in said


@pytest.mark.parametrize("others", [False, True])
def test_with_enough_recordings_the_test_is_recordings(
    tmp_path: Path, words: dict[str, np.ndarray], others: bool
) -> None:
    rng = np.random.default_rng(2)
    for word in ("hey nova", "stop", *(["unknown"] if others else [])):
        for i in range(24):
            sound = words["banana" if word == "unknown" else word]
            samples = np.clip(sound * rng.uniform(0.3, 1), -32768, 32767)
            write(tmp_path / "rec" / word / f"speaker{i % 8}" / f"{i}.wav", samples)
    index = prepare(f"synthetic+folder:{tmp_path / 'rec'}", SETTINGS, tmp_path / "cache")
    tested = [clip for clip in index.clips if clip.split == "test" and clip.label != "_silence_"]
    assert all(clip.recorded for clip in tested if clip.label != "_unknown_")
    assert all(clip.recorded == others for clip in tested if clip.label == "_unknown_")
    assert all(index.counts()["test"][word] >= 5 for word in SETTINGS.keywords)
    splits: dict[str, set[str]] = {}
    for clip in index.clips:
        splits.setdefault(clip.speaker, set()).add(clip.split)
    assert all(len(found) == 1 for found in splits.values())
    assert any("recordings alone" in note for note in index.notes)
    said = " ".join(trust(speech_figures(index), {"accuracy": 0.9, "n": 10}))
    assert "named speakers: 90.0 % (N = 10)" in said and "voices only" not in said


@pytest.mark.parametrize(
    ("groups", "each", "own_test"),
    [
        (4, 8, True),
        (3, 60, False),  # enough utterances, by too few
        (8, 2, False),  # enough speakers, who say too little
        (16, 5, True),
    ],
)
def test_a_test_of_recordings_needs_enough_utterances_by_enough_speakers(
    groups: int, each: int, own_test: bool
) -> None:
    def said(word: str, speakers: int) -> list[Utterance]:
        silent = np.zeros(1, np.int16)
        return [
            Utterance(f"{word}/{g}/{i}.wav", word, f"s{g}", f"s{g}", silent)
            for g in range(speakers) for i in range(each)
        ]  # fmt: skip

    own = OwnRecordings(tuple(said("hey nova", groups) + said("stop", groups)), (), ())
    found = split_groups(own, SETTINGS)
    assert bool(found) is own_test
    if own_test:
        assert set(found) == {f"s{g}" for g in range(groups)} and {"train", "test"} <= set(found.values())
    # One keyword with too few is enough to keep all recordings for training.
    lopsided = OwnRecordings(tuple(said("hey nova", 16) + said("stop", 3)), (), ())
    assert split_groups(lopsided, SETTINGS) == {}


def test_recordings_have_their_share_of_every_epoch() -> None:
    labels = np.array([0] * 95 + [0] * 5 + [1] * 100 + [2] * 45 + [2] * 5, np.int32)
    recorded = np.zeros(len(labels), bool)
    recorded[95:100] = recorded[-5:] = True
    settings = AugmentSettings(recorded_share=0.4, spliced_unknown=0, reversed_unknown=0)
    words = Coded(np.zeros(len(labels), np.int32), ("w",))
    planner = EpochPlanner(labels, words, ("a", "b", "_unknown_", "_silence_"), settings, recorded)
    plan = planner.plan(np.random.default_rng(0))
    first = plan.first[plan.labels == 0]
    assert recorded[first].sum() == 40
    assert set(np.bincount(first, minlength=len(labels))[95:100]) == {8}
    assert np.isclose(recorded[plan.first[plan.labels == 2]].mean(), 0.4, atol=0.15)
    assert not recorded[plan.first[plan.labels == 1]].any()


def test_near_words_are_the_parts_and_what_sounds_alike() -> None:
    found = near_words(["hey nova", "right"], 5)
    assert {"hey", "nova", "ride"} <= set(found)
    assert "write" not in found and "right" not in found  # nobody can tell them apart
    assert sum(word.startswith("hey ") or word.endswith(" nova") for word in found) == 5
    assert sound_alike(["right"], ["write", "bed"]) == {"write"}
    assert parts_of(["lights on", "on"]) == ("lights",)
    assert len(set(COMMON_WORDS)) == len(COMMON_WORDS)
    settings = SETTINGS.model_copy(update={"synthetic": SETTINGS.synthetic.model_copy(update={"near_words": 3})})
    assert unknown_words(SETTINGS) == SETTINGS.synthetic.unknown_words
    assert {"yes", "hey", "nova"} < set(unknown_words(settings))


def test_a_phrase_has_the_phonemes_of_its_words() -> None:
    *words, phrase = phonemes(["hey", "nova", "lights", "hey nova, lights"])
    assert phrase == tuple(sound for word in words for sound in word)


def test_phonemes_tell_near_from_far() -> None:
    down, town, left = phonemes(["down", "town", "left"])
    assert distance(down, town) < distance(down, left)
    assert distance(down, down) == 0


def test_clips_are_as_long_as_the_slowest_keyword(tmp_path: Path) -> None:
    assert needed_clip_ms(["stop", "go"]) == 1000
    assert 1000 < needed_clip_ms(["turn the kitchen lights on"]) <= 3000
    with pytest.raises(DataError, match="Choose a shorter phrase"):
        needed_clip_ms(["please turn on every single light in the kitchen and in the living room"])
    with pytest.raises(DataError, match="no sound"):
        needed_clip_ms(["..."])
