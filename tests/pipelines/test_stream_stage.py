"""The stage that judges a build on streams, as comparisons and sweeps do."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from firmware_export.emulation import steps
from kws_tfmot.errors import ToolchainError
from kws_tfmot.evaluation.comparison_summary import summarise
from kws_tfmot.recipe import load_recipe
from kws_tfmot.runs import Run
from pipelines.stages import stream
from pipelines.stages.build import Build
from pipelines.stages.comparison import ComparisonCell
from pipelines.stages.comparison_cell import row_of
from pipelines.stages.convert import INT8_MODEL
from tests.pipelines.conftest import TinyBuild, run

pytestmark = pytest.mark.xdist_group("tiny_build")


def test_rows_carry_what_kws_det_would_say(tiny_build: TinyBuild, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stream, "HOURS", 0.05)
    recipe = load_recipe(tiny_build.recipe)
    folder = tmp_path / "run"
    folder.mkdir()
    for path in tiny_build.directory.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    build = Build(recipe, tiny_build.data, Run(folder))
    assert stream.judge_on_streams(build)
    assert not stream.judge_on_streams(build)  # done
    row = row_of(build, ComparisonCell("tiny", 0.75, 3, recipe))
    found = row["stream"]
    assert set(found["missed_at"]) == {"0.5", "0.1"}
    assert found["n"] > 5
    for target in ("0.5", "0.1"):
        assert found["missed_without_one_voice_at"][target] <= found["missed_at_best"][target] <= 1

    reported = run(
        "det", folder / "model_int8.tflite", "--data", tiny_build.data, "--set", "hours=0.05", "--snr", "", "--json"
    )
    assert reported.exit_code == 0, reported.output
    chosen = next(iter(json.loads(reported.stdout).values()))
    assert chosen["stream_sha256"] == found["stream_sha256"]
    assert chosen["chosen"]["false_reject_rate"] == found["missed_at"]["0.5"]
    assert chosen["chosen"]["false_reject_rate_95"] == found["missed_at_95"]["0.5"]

    (entry,) = summarise([row])
    assert entry["missed_at_0.5"] == {"mean": found["missed_at"]["0.5"], "spread": None}


def test_without_a_compiler_clips_are_heard_by_whole_windows(tiny_build: TinyBuild, monkeypatch) -> None:
    def missing(_: bytes) -> None:
        raise ToolchainError("no C compiler.", "Install one.")

    monkeypatch.setattr(steps, "StepInterpreter", missing)
    notes: list[str] = []
    found = steps.open_hearing(tiny_build.directory / INT8_MODEL, SimpleNamespace(note=notes.append))
    assert found.name.startswith("ai-edge-litert")
    assert notes == ["clips are heard by whole windows: no C compiler."]


def test_data_without_other_words_are_reported_not_fatal(tiny_build: TinyBuild, tmp_path, monkeypatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise stream.DataError("the split 'test' has 3 clips of keywords and 0 of other words; a stream needs both.")

    monkeypatch.setattr(stream, "misses_on_streams", refused)
    folder = tmp_path / "run"
    folder.mkdir()
    for path in tiny_build.directory.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    build = Build(load_recipe(tiny_build.recipe), tiny_build.data, Run(folder))
    assert stream.judge_on_streams(build)
    row = row_of(build, ComparisonCell("tiny", 0.75, 3, build.recipe))
    assert "0 of other words" in row["stream"]["problem"]
    assert summarise([row])[0]["missed_at_0.5"] is None
