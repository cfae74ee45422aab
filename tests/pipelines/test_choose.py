"""`kws choose` and `kws build --board` on the tiny build."""

from __future__ import annotations

import json
import shutil

import pytest

from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from pipelines.build import names_core
from tests.pipelines.conftest import TinyBuild, run

pytestmark = [pytest.mark.xdist_group("tiny_build"), pytest.mark.device]


def test_the_tiny_build_fits_a_large_board_and_says_what_the_time_rests_on(tiny_build: TinyBuild) -> None:
    result = run("choose", tiny_build.directory, "--board", "nucleo-l476rg", "--latency", "100ms")
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "the highest validation accuracy of those that fit" in said
    assert "cycles modelled, no wait states: Cortex-M4, Arm DDI 0439B; ms = cycles / 80 MHz" in said
    assert "N = " in said
    result = run("choose", tiny_build.directory, "--board", "nucleo-l476rg", "--latency", "100ms", "--json")
    record = json.loads(result.stdout)
    own = record["models"][0]
    assert record["chosen"] == own["name"] and own["fits"]
    assert own["accuracy"] == tiny_build.metrics["accuracy"]["model_int8.tflite"]["accuracy"]
    least, most = own["cycles_range"]
    assert own["instructions"] < least < own["cycles"] < most <= record["limits"]["cycles"] == 100e-3 * 80e6


def test_what_does_not_fit_is_reported_with_the_smallest_achievable(tiny_build: TinyBuild) -> None:
    options = ("--board", "nucleo-l476rg", "--budget", "flash=1kB", "--latency", "1us")
    result = run("choose", tiny_build.directory, *options)
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert "none of 1 finished models fits" in said
    assert "at the least" in said and "allowed are 1,000" in said and "allowed are 80" in said


def test_a_recipe_is_foreseen_and_never_chosen(tiny_build: TinyBuild) -> None:
    both = ("choose", tiny_build.recipe, tiny_build.directory, "--board", "nucleo-l476rg", "--latency", "100ms")
    result = run(*both, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    recipe, built = record["models"]
    assert record["chosen"] == built["name"] and recipe["accuracy"] is None and recipe["fits"]
    for key in ("flash", "ram", "instructions", "cycles"):  # random weights cost what trained ones do
        assert recipe[key] == pytest.approx(built[key], rel=0.05)
    result = run("choose", tiny_build.recipe, "--board", "nucleo-l476rg", "--latency", "100ms")
    assert result.exit_code == 2  # there is nothing to choose yet
    assert "Train what would fit: tiny." in result.output


def test_a_build_that_cannot_fit_is_refused_before_the_training(tiny_build: TinyBuild, tmp_path) -> None:
    new = ("build", tiny_build.recipe, "--data", tiny_build.data, "--out", tmp_path / "new")
    result = run(*new, "--board", "nucleo-l476rg", "--latency", "1us")
    assert result.exit_code == 2
    assert "Nothing was trained" in result.output
    assert not (tmp_path / "new" / "float.keras").exists()


def test_a_build_that_does_not_fit_ends_with_2_and_keeps_what_it_built(tiny_build: TinyBuild) -> None:
    build = ("build", tiny_build.recipe, "--data", tiny_build.data, "--out", tiny_build.directory)
    before = (tiny_build.directory / "model_int8.tflite").read_bytes()
    assert run(*build, "--board", "nucleo-l476rg", "--latency", "100ms").exit_code == 0
    assert "core: cortex-m4" in (tiny_build.directory / "recipe.yaml").read_text()
    result = run(*build, "--board", "blue-pill", "--latency", "1us")
    assert result.exit_code == 2
    assert "core: cortex-m3" in (tiny_build.directory / "recipe.yaml").read_text()  # whose cycles chose the encodings
    assert "cycles +" in result.output
    assert (tiny_build.directory / "model_int8.tflite").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--latency", "20ms"), "need a board"),
        (("--board", "nucleo-l476"), "Did you mean"),
        (("--board", "nucleo-l476rg", "--latency", "soon"), "unit of us, ms or s"),
    ],
)
def test_bad_options_are_refused_before_anything_is_built(tiny_build: TinyBuild, tmp_path, options, said) -> None:
    result = run("build", tiny_build.recipe, "--data", tiny_build.data, "--out", tmp_path / "new", *options)
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "new").exists()


def test_a_named_core_is_kept_whatever_the_board(tmp_path) -> None:
    unnamed, named = tmp_path / "unnamed.yaml", tmp_path / "named.yaml"
    unnamed.write_text("name: unnamed\nexport: {optimise: size}\n")
    named.write_text("name: named\nexport: {core: cortex-m4}\n")
    assert not names_core(unnamed, ["export.optimise=speed"], inherited=False)
    assert names_core(unnamed, ["export.core=cortex-m3"], inherited=True)
    assert names_core(named, [], inherited=False)
    assert not names_core(named, [], inherited=True)  # of the board that the inherited model was built for


def test_one_model_is_stored_as_the_board_s_core_likes_it(tmp_path) -> None:
    model = tmp_path / "sparse.tflite"
    model.write_bytes(ds_cnn(0.9))
    options = {"m4": (), "m3": ("--core", "cortex-m3"), "pill": ("--board", "blue-pill")}
    stored = {}
    for name, given in options.items():
        assert run("export", model, "--target", "engine", "--out", tmp_path / name, *given).exit_code == 0
        stored[name] = (tmp_path / name / "model.c").read_text()
    assert stored["m4"] != stored["m3"] == stored["pill"]


@pytest.mark.parametrize(
    "change",
    [{"accuracy": None}, {"accuracy": "good"}, {"interval_95": 3}, {"interval_95": [1]}, {"n": []}, None, {}],
)
def test_a_record_that_was_edited_is_no_model(tiny_build: TinyBuild, tmp_path, change) -> None:
    shutil.copy(tiny_build.directory / "model_int8.tflite", tmp_path)
    manifest = json.loads((tiny_build.directory / "manifest.json").read_text())
    figures = manifest["stages"]["evaluate"]["figures"]
    figures["model_int8.tflite"] = figures["model_int8.tflite"] | change if change else change
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    result = run("choose", tmp_path, "--board", "nucleo-l476rg")
    assert result.exit_code == 2 and "no finished model" in result.output
