"""`kws build --keywords`: which recipe, source and length of clip words of a user's own get, and what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import RecipeError
from kws_tfmot.evaluation.trust import trust
from kws_tfmot.recipe import find_recipe, load_recipe
from pipelines.custom import chosen_recipe, chosen_source, clip_length, every_word
from pipelines.experiments.run_custom_experiments import _short, summary_of
from pipelines.options import open_build
from tests.pipelines.conftest import run

needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="pip install espeakng-loader (extra tts)"
)
SPEECH = {"synthetic": 100, "recorded": 0, "speakers": 0}
ACCURACY = {"accuracy": 0.912, "n": 50}


def test_many_recordings_of_every_keyword_take_a_recipe_of_their_own(tmp_path: Path) -> None:
    for word, count in (("nova", 100), ("hey_you", 99)):
        for number in range(count):
            path = tmp_path / word / f"speaker{number % 7}" / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert chosen_recipe(None, "nova", tmp_path) == Path("wake_word_recorded")
    assert chosen_recipe(None, "nova, hey you", tmp_path) == Path("wake_word")
    assert chosen_recipe(Path("demo"), "nova", tmp_path) == Path("demo")
    (tmp_path / "hey_you/99.FLAC").touch()
    assert chosen_recipe(None, "nova, hey you", tmp_path) == Path("wake_word_recorded")
    assert chosen_recipe(None, "nova", tmp_path / "none") == Path("wake_word")
    refused = run("build", "--keywords", " , ", "--recordings", tmp_path, "--out", tmp_path / "out")
    assert refused.exit_code == 2 and "expected words separated by commas" in refused.output


def test_keywords_alone_take_the_recipe_for_them() -> None:
    assert chosen_recipe(None, "hey nova") == Path("wake_word")
    assert load_recipe(find_recipe(chosen_recipe(None, "x"))).streams is not None
    assert chosen_recipe(Path("demo"), "hey nova") == Path("demo")
    with pytest.raises(RecipeError, match="keywords of your own"):
        chosen_recipe(None, "")


def test_all_keywords_are_the_words_of_the_folder(tmp_path: Path) -> None:
    for word in ("yes", "no", "_background_noise_", "silence"):
        (tmp_path / word).mkdir()
        soundfile.write(tmp_path / word / "a.wav", np.zeros(16000, np.int16), 16000)
    assert every_word(f"folder:{tmp_path}") == ("no", "yes")
    build = open_build(Path("demo"), f"folder:{tmp_path}", tmp_path / "run", [], "all", "", False)
    assert (build.recipe.data.keywords, build.recipe.data.unknown_share) == (("no", "yes"), 0)
    (tmp_path / "all").mkdir()
    soundfile.write(tmp_path / "all/a.wav", np.zeros(16000, np.int16), 16000)
    build = open_build(Path("demo"), f"folder:{tmp_path}", tmp_path / "run", [], "all", "", False)
    assert (build.recipe.data.keywords, build.recipe.data.unknown_share) == (("all",), 1)
    with pytest.raises(RecipeError, match="--data synthetic"):
        open_build(Path("demo"), "synthetic", None, [], "all", "", False)


def test_recordings_stand_beside_synthetic_speech() -> None:
    assert chosen_source("synthetic", None) == "synthetic"
    assert chosen_source("synthetic", Path("mine")) == "synthetic+folder:mine"
    assert chosen_source("folder:a", None) == "folder:a"
    with pytest.raises(RecipeError, match="beside synthetic speech"):
        chosen_source("folder:a", Path("mine"))


@needs_espeak
@pytest.mark.parametrize(
    ("keywords", "overrides", "source", "longer"),
    [
        ("stop", [], "synthetic", False),
        ("turn the kitchen lights on", [], "synthetic", True),
        ("turn the kitchen lights on", [], "synthetic+folder:mine", True),
        ("turn the kitchen lights on", [], "folder:mine", False),
        ("turn the kitchen lights on", ["frontend.clip_ms=1500"], "synthetic", False),
    ],
)
def test_clips_hold_the_longest_keyword(keywords: str, overrides: list[str], source: str, longer: bool) -> None:
    recipe = Path("custom")
    resolved = load_recipe(find_recipe(recipe), [f"data.keywords=[{keywords}]", *overrides])
    found = clip_length(recipe, overrides, resolved, source)
    assert bool(found) == longer
    if longer:  # the two must agree, or the recipe is refused
        assert load_recipe(find_recipe(recipe), [*overrides, *found]).frontend.clip_ms > 1000


@needs_espeak
def test_the_window_of_a_wake_word_holds_a_phrase_said_word_by_word_and_what_follows_it() -> None:
    recipe = Path("wake_word")
    found = {}
    for keyword in ("alexa", "smart mirror"):
        settings = [f"data.keywords=[{keyword}]"]
        longer = clip_length(recipe, settings, load_recipe(find_recipe(recipe), settings), "synthetic")
        found[keyword] = load_recipe(find_recipe(recipe), [*settings, *longer]).frontend.clip_ms
    assert found["alexa"] == 1500 and 1700 <= found["smart mirror"] <= 2100


@needs_espeak
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--keywords", "stop", "--recordings", "nowhere"), "no folder of recordings"),
        (("--keywords", "stop", "--recordings", "x", "--data", "folder:y"), "beside synthetic speech"),
        ((), "keywords of your own"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    result = run("build", *options, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_a_model_remembers_which_synthetic_clips_it_was_judged_on() -> None:
    custom = load_recipe(find_recipe(Path("custom"))).contract()
    assert ModelContract._of_settings(custom.to_settings()).data == custom.data
    baseline = load_recipe(find_recipe(Path("demo"))).contract()
    assert "synthetic" not in baseline.to_settings()["data"]  # models of recordings keep their bytes


def test_the_sentences_follow_the_data() -> None:
    assert trust(None, ACCURACY) == []
    alone = " ".join(trust({"train": SPEECH, "test": SPEECH}, ACCURACY))
    assert "synthesised voices only: 91.2 % (N = 50)" in alone and "No recording of a person" in alone
    own = {"synthetic": 0, "recorded": 12, "speakers": 0}
    unnamed = " ".join(trust({"train": SPEECH | {"recorded": 36}, "test": own}, ACCURACY))
    assert "12 recordings" in unnamed and "do not name" in unnamed and "voices only" not in unnamed
    named = " ".join(
        trust({"train": SPEECH | {"recorded": 36, "speakers": 11}, "test": own | {"speakers": 3}}, ACCURACY)
    )
    assert "3 named speakers" in named and "not others" not in named and "far better" not in named
    assert all("False accepts" in text for text in (alone, unnamed, named))


def test_the_experiment_counts_words_heard_and_others_taken_for_one() -> None:
    confusion = [[8, 1, 1, 0], [0, 9, 0, 1], [2, 1, 7, 0], [0, 0, 0, 5]]
    labels = ["a", "b", "_unknown_", "_silence_"]
    found = _short({"accuracy": 0.8, "n": 35, "split_sha256": "", "interpreter": "", "labels": labels,
                    "confusion": confusion})  # fmt: skip
    assert (found["keywords"], found["unknown"]) == (20, 10)
    assert found["keyword_recall"] == 17 / 20
    assert found["unknown_taken_for_keyword"] == 3 / 10
    rows = [
        {"recordings": "0", "own_test": {"accuracy": 0.9}, "real": {"test": found | {"accuracy": value}}}
        for value in (0.5, 0.7)
    ]
    (row,) = summary_of(rows)
    assert row["accuracy"]["mean"] == pytest.approx(0.6)
    assert row["accuracy"]["spread"] == pytest.approx(np.std([0.5, 0.7], ddof=1))
