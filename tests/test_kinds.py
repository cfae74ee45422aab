"""Whoever gives a file of another kind is informed which it is, and what takes it."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from kws_tfmot.errors import KwsError
from kws_tfmot.evaluation.report.contents import read_run
from kws_tfmot.kinds import kind_of, received
from kws_tfmot.recipe import load_recipe
from kws_tfmot.tflite.reader import read_model
from pipelines.stages.choice import find_candidates
from pipelines.stages.comparison import Comparison, cells_of


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    found = {
        name: tmp_path / name for name in ("m.tflite", "m.keras", "m.h5", "r.yaml", "s.wav", "run", "open", "void")
    }
    found["m.tflite"].write_bytes(b"\x1c\0\0\0TFL3" + bytes(60))
    with zipfile.ZipFile(found["m.keras"], "w") as archive:
        archive.writestr("config.json", "{}")
    found["m.h5"].write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(60))
    found["r.yaml"].write_text("name: r\n")
    found["s.wav"].write_bytes(b"RIFF" + bytes(60))
    for name in ("run", "open", "void"):
        found[name].mkdir()
    for name in ("run", "open"):
        (found[name] / "manifest.json").write_text("{}")
    (found["run"] / "metrics.json").write_text("{}")
    return found


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert kind_of(tmp_path / "pipe") == ""


def test_kinds_by_their_first_bytes(places) -> None:
    assert {name: kind_of(path) for name, path in places.items()} == {
        "m.tflite": "a TFLite model",
        "m.keras": "a Keras model",
        "m.h5": "a Keras model",
        "r.yaml": "a recipe",
        "s.wav": "a sound file",
        "run": "a folder with a finished build",
        "open": "a folder with a build that has not ended",
        "void": "a folder",
    }
    assert kind_of(places["void"] / "nothing") == "" and received(places["m.h5"], "a Keras model") is None


@pytest.mark.parametrize(
    ("read", "name", "kind", "way_out"),
    [
        (read_model, "m.keras", "a Keras model", "model: {file: ...}"),
        (read_model, "m.h5", "a Keras model", "kws build"),
        (read_model, "run", "a finished build", "model_int8.tflite"),
        (read_model, "r.yaml", "a recipe", "kws build"),
        (read_run, "m.tflite", "a TFLite model", "kws inspect"),
        (read_run, "open", "has not ended", "kws build"),
        (load_recipe, "m.tflite", "a TFLite model", "kws inspect"),
        (load_recipe, "run", "a finished build", "kws report"),
        (lambda path: find_candidates([path]), "m.tflite", "a TFLite model", "the folder"),
    ],
)
def test_what_was_given_is_said(places, read, name: str, kind: str, way_out: str) -> None:
    with pytest.raises(KwsError) as refusal:
        read(places[name])
    assert f"Received: {str(places[name])!r}" in refusal.value.message and kind in refusal.value.message
    assert way_out in refusal.value.hint


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("name: c\nrecipe: demo\nvariants: {a: {}}\nseeds: 2\n", "kws compare"),
        ("name: s\nrecipe: demo\nparameters: {seed: [1]}\nvariants: {a: {}}\n", "kws sweep"),
        ("name: s\nrecipe: demo\nsamples: 3\n", "kws sweep"),
    ],
)
def test_a_comparison_or_a_sweep_is_no_recipe(tmp_path: Path, text: str, command: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    outer = Comparison(name="outer", recipe=str(path), variants={"a": {}})
    for read in (load_recipe, lambda given: cells_of(outer, tmp_path)):
        with pytest.raises(KwsError, match="expected a recipe") as refusal:
            read(path)
        assert command in refusal.value.hint
