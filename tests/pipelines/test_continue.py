"""`kws build --continue`: what is kept, what is added and what is refused. Nothing is trained here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.own_recordings import joined, read_recordings
from kws_tfmot.recipe import load_recipe
from pipelines.stages.continuation import RECORD, continuation
from tests.pipelines.conftest import run

RECIPE = "data: {keywords: [hey nova], negatives: [talk]}\nseed: 7\n"
RNG = np.random.default_rng(0)


def sound(path: Path, seconds: float = 0.8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, RNG.normal(0, 3000, int(16000 * seconds)).astype(np.int16), 16000)


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """As much of a build as a continuation looks at."""
    folder = tmp_path / "nova"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "float.keras").write_bytes(b"weights")
    (folder / "data.json").write_text(json.dumps({"source": f"synthetic+folder:{tmp_path / 'old'}"}))
    return folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    for name in ("hey_nova/anna/1.wav", "hey_nova/ben/1.wav", "not_hey nova/tv.wav"):
        sound(tmp_path / "new" / name)
    sound(tmp_path / "new/_negatives_/evening.wav", 5)
    return tmp_path / "new"


def test_recipe_seed_and_data_are_kept_and_what_is_new_is_added(earlier: Path, new: Path) -> None:
    going = continuation(str(earlier), new)
    before, after = load_recipe(earlier / "recipe.yaml"), load_recipe(going.recipe, going.overrides)
    assert after.model.weights == str(earlier) and after.data.negatives == ("talk", str(new / "_negatives_"))
    kept = after.model_copy(update={
        "model": after.model.model_copy(update={"weights": None}),
        "data": after.data.model_copy(update={"negatives": before.data.negatives}),
    })  # fmt: skip
    assert kept.model_dump() == before.model_dump() and after.seed == 7
    assert going.source == f"synthetic+folder:{earlier.parent / 'old'}+folder:{new}"
    assert going.record["added"] == {"_negatives_": 1, "hey_nova": 2, "not_hey nova": 1}
    assert "seed 7" in going.said and "2 of 'hey_nova'" in going.said


def test_it_goes_into_a_folder_of_its_own(earlier: Path, new: Path) -> None:
    going = continuation(str(earlier), new)
    second = earlier.parent / "nova-2"
    assert going.folder() == second
    second.mkdir()
    assert going.folder() == earlier.parent / "nova-3"
    (second / RECORD).write_text(json.dumps(going.record))  # its own, interrupted
    assert going.folder() == second
    assert continuation("tiny", _named(new, "left")).folder() == Path("runs/tiny-2")


def _named(new: Path, word: str) -> Path:
    sound(new.parent / "others" / word / "1.wav")
    return new.parent / "others"


def test_old_and_new_recordings_are_read_together(earlier: Path, new: Path) -> None:
    old = earlier.parent / "old"
    sound(old / "hey nova/anna/1.wav")
    sound(old / "hey nova/take.wav")
    sound(new / "hey_nova/take.wav")
    settings = DataSettings.parse({"keywords": ["hey nova"]})
    found = joined([read_recordings(root, settings, others_alone=True) for root in (old, new)], ("hey nova",))
    assert found.count("hey nova") == 5 and found.count("_unknown_") == 1 + 5  # the talk is cut into clips of a second
    assert len({one.path for one in found.utterances}) == len(found.utterances)
    assert {one.group for one in found.utterances if one.word == "hey nova"} == {
        "speaker anna", "speaker ben", "file hey nova/take.wav", "2/file hey_nova/take.wav",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "needs --recordings"),
        (["--recordings", "nowhere"], "no folder of recordings"),
        (["--recordings", "empty"], "no sound file"),
        (["--recordings", "loose"], "lie in no folder"),
        (["--recordings", "misspelt"], "did you mean"),
        (["--recordings", "stranger"], "'not_alexa' is of no keyword"),
        (["--recordings", "old"], "already"),
        (["--recordings", "new", "--keywords", "alexa"], "Received beside it: --keywords"),
        (["--recordings", "new", "--data", "folder:x"], "--data"),
        (["--recordings", "new", "--out", "nova"], "gone on from"),
    ],
)
def test_bad_input_ends_with_two_and_leaves_nothing(
    earlier: Path, new: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], said: str
) -> None:
    folder = earlier.parent
    monkeypatch.chdir(folder)
    (folder / "empty/hey nova").mkdir(parents=True)
    for name in ("loose/1.wav", "misspelt/hey nava/1.wav", "stranger/not_alexa/1.wav", "old/hey nova/1.wav"):
        sound(folder / name)
    before = sorted(folder.iterdir())
    result = run("build", "--continue", "nova", *given)
    assert result.exit_code == 2 and said.casefold() in " ".join(result.output.split()).casefold(), result.output
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda run: (run / "recipe.yaml").unlink(), "no recipe"),
        (lambda run: (run / "data.json").write_text('{"source": "folder:clips"}'), "use --from"),
        (lambda run: (run / "data.json").write_text("{"), "does not say"),
        (lambda run: (run / "float.keras").unlink(), "to train on from"),
    ],
)
def test_a_run_that_cannot_go_on_is_refused(earlier: Path, new: Path, spoil, said: str) -> None:
    spoil(earlier)
    result = run("build", "--continue", earlier, "--recordings", new)
    assert result.exit_code == 2 and said in " ".join(result.output.split()), result.output
