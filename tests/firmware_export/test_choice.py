"""Which model fits a board: limits, candidates, verdicts, and the choice among them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware_export.boards import BOARDS, BUDGETS, budget_of
from firmware_export.emulation.board_cost import BoardCost, board_cost
from kws_tfmot.errors import BudgetError, DataError, RecipeError
from kws_tfmot.files import sha256_bytes
from pipelines.stages.choice import (
    Candidate,
    Verdict,
    choose,
    costs_of,
    find_candidates,
    judge,
    limits_of,
    parse_latency,
)

L476 = budget_of("nucleo-l476rg")
SPLIT = "5" * 64


def candidate(name: str, accuracy: float = 0.9, validation: float | None = 0.9, margin: float = 0.03) -> Candidate:
    interval = (accuracy - margin, accuracy + margin)
    return Candidate(name, Path(name), accuracy, interval, 100, SPLIT, validation)


def cost(flash: int = 30_000, ram: int = 14_000, inference: int | None = 2_000_000) -> BoardCost:
    hop = None if inference is None else 27_000
    cycles = None if inference is None else [int(1.5 * inference), 2 * (inference + 27_000)]
    return BoardCost("mps2-an386", "Cortex-M4F", flash, ram, inference, hop, "" if hop else "too large to run", cycles)


def test_every_real_board_has_a_key_of_its_own_and_an_emulated_core() -> None:
    assert len({board.key for board in BUDGETS}) == len(BUDGETS)
    for board in BUDGETS:
        assert budget_of(board.key) is board is budget_of(board.name.upper())
        assert board.like in BOARDS or (board.like == "" and "ESP32" in board.name)
        assert board.source and board.flash > board.ram // 16 and board.mhz >= 16


def test_an_unknown_board_is_refused_with_a_suggestion() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'nucleo-l476rg'"):
        budget_of("nucleo-l467rg")


def test_a_latency_becomes_cycles_at_the_board_s_clock() -> None:
    assert limits_of(L476, "20ms")["cycles"] == 0.02 * 80e6
    assert "cycles" not in limits_of(L476)
    assert limits_of(L476, "20ms", "cycles=500k")["cycles"] == 500_000
    assert limits_of(L476, "20ms", "cycles=5M")["cycles"] == 1_600_000
    assert limits_of(L476, "20ms", "instructions=5M")["instructions"] == 5_000_000


def test_a_latency_is_judged_by_the_most_cycles_that_are_modelled() -> None:
    limits = limits_of(L476, "50ms")  # 4,000,000 cycles; the model says 3,000,000 to 4,054,000
    assert judge(candidate("a"), cost(), limits).over == {"cycles": 54_000}
    assert judge(candidate("a"), cost(), limits_of(L476, "51ms")).fits


def test_a_budget_can_only_lower_what_the_board_has() -> None:
    assert limits_of(L476, budget="flash=64KiB") == {"flash": 65_536, "ram": L476.ram}
    assert limits_of(L476, budget="flash=64MiB")["flash"] == L476.flash


@pytest.mark.parametrize("text", ["20", "ms", "-20ms", "0ms", "20 minutes", "nan ms", ""])
def test_a_malformed_latency_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="unit of us, ms or s"):
        parse_latency(text)


def test_what_no_board_limits_is_refused() -> None:
    with pytest.raises(RecipeError, match="a board limits flash, ram, instructions, cycles"):
        limits_of(L476, budget="macs=3M")


def test_a_verdict_says_by_how_much_each_limit_is_missed() -> None:
    limits = {"flash": 20_000.0, "ram": 14_000.0, "instructions": 2_000_000.0}
    verdict = judge(candidate("a"), cost(), limits)
    assert verdict.over == {"flash": 10_000, "instructions": 27_000}
    assert not verdict.fits
    assert judge(candidate("a"), cost(), {key: value * 2 for key, value in limits.items()}).fits


def test_what_could_not_be_counted_fits_only_where_nothing_is_asked_of_it() -> None:
    uncounted = cost(inference=None)
    assert judge(candidate("a"), uncounted, limits_of(L476)).fits
    verdict = judge(candidate("a"), uncounted, limits_of(L476, "20ms"))
    assert not verdict.fits and verdict.problem == "too large to run"
    assert not judge(candidate("a"), None, limits_of(L476), "not supported").fits


def test_the_highest_validation_accuracy_of_those_that_fit_wins() -> None:
    limits = limits_of(L476, "70ms")
    verdicts = [
        judge(candidate("best on test", 0.97, 0.94), cost(), limits),
        judge(candidate("best on validation", 0.96, 0.96), cost(), limits),
        judge(candidate("too slow", 0.99, 0.99), cost(inference=9_000_000), limits),
        judge(candidate("small", 0.95, 0.93), cost(inference=900_000), limits),
        judge(candidate("small and bad", 0.80, 0.93), cost(inference=90_000), limits),
    ]
    choice = choose(verdicts, limits)
    assert (choice.best.candidate.name, choice.by) == ("best on validation", "validation")
    assert choice.cheaper is not None and choice.cheaper.candidate.name == "small"


def test_without_validation_accuracies_the_test_accuracy_decides_and_is_named() -> None:
    limits = limits_of(L476)
    verdicts = [judge(candidate("a", 0.9, None), cost(), limits), judge(candidate("b", 0.8, 0.99), cost(), limits)]
    choice = choose(verdicts, limits)
    assert (choice.best.candidate.name, choice.by, choice.cheaper) == ("a", "test", None)


def test_of_equals_the_one_with_fewer_instructions_wins() -> None:
    limits = limits_of(L476)
    verdicts = [judge(candidate(str(n)), cost(inference=n), limits) for n in (300_000, 100_000, 200_000)]
    assert choose(verdicts, limits).best.candidate.name == "100000"


def test_where_none_fits_the_smallest_achievable_is_reported() -> None:
    limits = {"flash": 20_000.0, "ram": 10_000.0, "instructions": 1_000_000.0}
    verdicts = [
        judge(candidate("lean"), cost(flash=25_000), limits),
        judge(candidate("quick"), cost(flash=40_000, inference=1_100_000), limits),
        Verdict(candidate("odd"), None, {}, "not supported"),
    ]
    with pytest.raises(BudgetError) as caught:
        choose(verdicts, limits)
    message = str(caught.value)
    assert "none of 3 finished models fits" in message
    assert "flash: 25,000 at the least (lean), allowed are 20,000" in message
    assert "instructions: 1,127,000 at the least (quick)" in message
    assert "The nearest is quick, 100 % over" in message  # in flash; lean needs 103 % more instructions


def test_a_recipe_that_would_fit_is_named_and_not_chosen() -> None:
    limits = limits_of(L476, "70ms")
    would = judge(Candidate("sparse recipe", Path("recipe.yaml")), cost(), limits)
    slow = judge(candidate("slow"), cost(inference=9_000_000), limits)
    with pytest.raises(BudgetError, match="none of 1 finished models fits") as caught:
        choose([would, slow], limits)
    assert caught.value.hint == "Train what would fit: sparse recipe."
    fast = judge(candidate("fast"), cost(), limits)
    assert choose([would, slow, fast], limits).best is fast


def finished(folder: Path, model: bytes, accuracy: float, split: str = SPLIT) -> None:
    folder.mkdir(parents=True)
    (folder / "model_int8.tflite").write_bytes(model)
    row = {"accuracy": accuracy, "interval_95": [0.8, 0.99], "n": 100, "split_sha256": split}
    stages = {
        "train": {"figures": {"validation_accuracy": 0.5}},
        "quantize": {"figures": {"validation_accuracy": 0.9}},
        "convert": {"outputs": {"model_int8.tflite": sha256_bytes(model)}},
        "evaluate": {"figures": {"model_int8.tflite": row}},
    }
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "stages": stages}))


def test_finished_models_are_found_once_wherever_they_lie(tmp_path: Path) -> None:
    finished(tmp_path / "compare" / "cells" / "a-seed1", b"a", 0.9)
    finished(tmp_path / "compare" / "cells" / "b-seed1", b"b", 0.8)
    finished(tmp_path / "again", b"a", 0.9)
    finished(tmp_path / "changed", b"c", 0.9)
    (tmp_path / "changed" / "model_int8.tflite").write_bytes(b"another")
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "manifest.json").write_text('{"format": 1, "stages": {}}')
    paths = [tmp_path / "compare", tmp_path / "again", tmp_path / "changed", tmp_path / "begun", tmp_path / "none"]
    found = find_candidates(paths)
    assert [one.name for one in found] == ["compare/cells/a-seed1", "compare/cells/b-seed1"]
    assert found[0].validation == 0.9  # of the last training, not the first
    (tmp_path / "mine.yaml").write_text("name: mine")
    mixed = find_candidates([tmp_path / "mine.yaml", Path("demo"), tmp_path / "again"])
    assert [(one.name, one.trained) for one in mixed] == [("mine", False), ("demo", False), ("again", True)]
    with pytest.raises(RecipeError, match="no finished model"):
        find_candidates([tmp_path / "begun"])


@pytest.mark.parametrize("name", ["set", "menu"])  # the second was its name before
def test_a_set_s_validation_accuracies_are_taken(tmp_path: Path, name: str) -> None:
    finished(tmp_path / "subnets" / "50", b"a", 0.9)
    (tmp_path / name).mkdir()
    row = {"directory": "subnets/50", "validation": {"accuracy": 0.77}}
    (tmp_path / name / f"{name}.json").write_text(json.dumps({"models": [row]}))
    assert find_candidates([tmp_path])[0].validation == 0.77


def test_accuracies_on_different_clips_are_not_compared(tmp_path: Path) -> None:
    finished(tmp_path / "a", b"a", 0.9)
    finished(tmp_path / "b", b"b", 0.9, split="6" * 64)
    with pytest.raises(DataError, match="different test clips"):
        find_candidates([tmp_path])


@pytest.mark.device
def test_a_whole_firmware_is_measured_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from firmware_export.emulation.emulator import emulate
    from kws_tfmot.contract import ModelContract
    from kws_tfmot.data import DataSettings
    from kws_tfmot.tflite.metadata import write_settings

    from .test_engine_example import EAGER, SETTINGS, listener

    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    contract = ModelContract(("low", "high", "_unknown_", "_silence_"), SETTINGS, DataSettings(clip_ms=300), EAGER)
    path = tmp_path / "model.tflite"
    path.write_bytes(write_settings(listener(), contract.to_settings()))
    found = board_cost(path, "mps2-an386")
    alone = emulate(path, "mps2-an386", random=2)
    assert found.inference == alone.instructions
    assert found.flash > alone.flash_bytes + 4000  # the front end and the detector come on top
    assert found.ram > alone.ram_bytes + alone.stack_bytes
    assert found.hop is not None and found.instructions == found.inference + found.hop
    kept = list((tmp_path / "cache" / "boards").glob("*.json"))
    assert len(kept) == 1 and costs_of(found)["instructions"] == found.instructions
    kept[0].write_text(json.dumps(json.loads(kept[0].read_text()) | {"flash": 1}))
    assert board_cost(path, "mps2-an386").flash == 1  # from the cache
    assert board_cost(path, "mps2-an386", "size").flash > 1  # under another key
