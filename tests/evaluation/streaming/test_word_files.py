"""Folders of recordings as people keep them: which files are words, and which are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.word_files import sounds_of, word_files

WORDS = ("Hey Nova", "tür", "stop")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("nova/b.wav", "nova/a.flac", "more/c.wav", "talk/HEY NOVA/x.wav", "talk/tu\u0308r/y.wav",
                 "talk/stopped/z.wav", "talk/w.wav", "talk/note.txt", "single.wav"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_words_are_found_by_their_name_and_each_file_once(root: Path) -> None:
    (root / "more" / "z.wav").symlink_to(root / "nova" / "b.wav")
    given = [f" hey nova ={root}/nova", f"TU\u0308R={root}/more/c.wav", f"Hey Nova={root}/more"]
    found = word_files(given, [root / "talk", root / "single.wav"], WORDS)
    assert {word: [path.name for path in paths] for word, paths in found.positives.items()} == {
        "Hey Nova": ["a.flac", "b.wav", "c.wav"], "tür": ["c.wav"],
    }  # fmt: skip
    assert [path.relative_to(root).as_posix() for path in found.negatives] == [
        "talk/stopped/z.wav", "talk/w.wav", "single.wav",
    ]  # fmt: skip
    assert found.notes == ("2 files lie in folders named like a keyword and were left out of the negatives",)


def test_a_file_that_is_a_word_is_no_negative_and_a_keyword_s_own_folder_is_one(root: Path) -> None:
    found = word_files([f"stop={root}/nova"], [root / "nova" / "a.flac", root / "nova", root / "talk/HEY NOVA"], WORDS)
    assert [path.name for path in found.negatives] == ["x.wav"]  # the folder that is given may have any name
    assert found.notes == ("3 files are given as positives too and were left out of the negatives",)
    both = word_files([f"stop={root}/nova"], [root], WORDS)
    assert both.notes == (
        "2 files are given as positives too and were left out of the negatives",
        "2 files lie in folders named like a keyword and were left out of the negatives",
    )
    assert [path.name for path in both.negatives] == ["c.wav", "single.wav", "z.wav", "w.wav"]


@pytest.mark.parametrize(
    ("positives", "negatives", "said"),
    [
        ([], ["talk"], "Received: 0 positives and 1 negatives"),
        (["stop=nova", "stop=more"], [], "Received: 2 positives and 0 negatives"),
        (["stop="], ["talk"], "expected WORD=FOLDER. Received: 'stop='"),
        (["stop"], ["talk"], "expected WORD=FOLDER. Received: 'stop'"),
        (["stap=nova"], ["talk"], "know the word 'stap'. Did you mean 'stop'\\? It knows: Hey Nova, tür, stop."),
        (["stop=nowhere"], ["talk"], "there is no folder or sound file at nowhere"),
        (["stop=nova"], ["empty"], "no sound file in empty or below it"),
        (["stop=nova"], ["nova"], "no negative is left: 2 files are given"),
    ],
)
def test_refusals_say_what_was_given(
    root: Path, monkeypatch: pytest.MonkeyPatch, positives: list[str], negatives: list[str], said: str
) -> None:
    (root / "empty").mkdir()
    monkeypatch.chdir(root)
    with pytest.raises(DataError, match=said):
        word_files(positives, negatives, WORDS)


def test_a_home_folder_may_be_written_short(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root))
    found = word_files(["stop=~/nova"], [root / "single.wav"], WORDS)
    assert found.positives == {"stop": (root / "nova/a.flac", root / "nova/b.wav")} and found.notes == ()
    assert sounds_of(root / "talk" / "note.txt") == [root / "talk" / "note.txt"]  # a file is taken at its word
