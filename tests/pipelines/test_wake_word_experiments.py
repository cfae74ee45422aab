"""The halves of the recordings that a wake word is trained with and tested on."""

from __future__ import annotations

from pathlib import Path

from pipelines.experiments.run_wake_word_experiments import _halves


def test_no_recording_is_on_both_sides_and_other_words_only_train(tmp_path: Path) -> None:
    for name in (
        "nova/a.flac",
        "nova/b.flac",
        "nova/ben/c.wav",
        "nova/anna/c.wav",
        "others/go/a.flac",
        "others/yes/a.flac",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    train, test = _halves(tmp_path / "nova", "nova", tmp_path / "out", tmp_path / "others")
    found = {side: {path.read_text() for path in side.rglob("*") if path.is_file()} for side in (train, test)}
    assert found[train] == {"nova/b.flac", "nova/ben/c.wav", "others/go/a.flac", "others/yes/a.flac"}
    assert found[test] == {"nova/a.flac", "nova/anna/c.wav"}
    assert {path.parent.name for path in train.rglob("*.flac")} == {"nova", "unknown"}
    train, test = _halves(tmp_path / "nova", "nova", tmp_path / "alone", None)
    assert len(list(train.rglob("*.*"))) == 2 and len(list(test.rglob("*.*"))) == 2
