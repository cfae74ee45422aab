"""Boards of the user's own, and real boards where an emulated one is needed."""

from __future__ import annotations

import pytest

from firmware_export.boards import BUDGETS, board_of, budget_of, emulated_for, stand_in
from kws_tfmot.errors import RecipeError

FULL = """
name: our doorbell
core: cortex-m4f
clock_mhz: 80
flash: 256K
ram: 65536
wait_states: 4
source: our data sheet
"""


@pytest.fixture
def board_file(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "doorbell.yaml"
        path.write_text(text)
        return str(path)

    return write


def test_a_board_of_mine_says_what_a_real_one_has(board_file) -> None:
    board = budget_of(board_file(FULL))
    assert (board.name, board.key, board.like, board.timing) == ("our doorbell", "doorbell", "mps2-an386", "m4")
    assert (board.flash, board.ram, board.mhz, board.wait_states) == (256 * 1024, 65536, 80, 4)
    assert emulated_for(board).name == "mps2-an386"


def test_like_gives_what_is_not_said(board_file) -> None:
    board, parent = budget_of(board_file("like: nucleo-l476rg\nram: 96kB")), budget_of("nucleo-l476rg")
    assert (board.flash, board.mhz, board.ram) == (parent.flash, parent.mhz, 96 * 1024)
    emulated = budget_of(board_file("like: microbit\nflash: 1M\nram: 32K\nclock_mhz: 12.5"))
    assert (emulated.like, emulated.timing, emulated.mhz) == ("microbit", "m0", 12.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("core: cortex-m4", "does not say clock_mhz, flash, ram"),
        ("clock_mhz: 80\nflash: 1M\nram: 64K", "does not say core"),
        ("core: cortex-m5", "core: expected one of"),
        ("like: nucleo-l467rg", "Did you mean 'nucleo-l476rg'"),
        ("core: m7\nlike: nucleo-l476rg", "contradict each other"),
        ("core: m4\nflash: much", "flash: expected bytes"),
        ("core: m4\nram: 0", "ram: expected bytes"),
        ("core: m4\nclock: 80", "unknown key"),
        ("- a list", "holds list"),
        ("core: [", "doorbell.yaml"),
    ],
)
def test_what_is_wrong_is_named(board_file, text: str, message: str) -> None:
    with pytest.raises(RecipeError) as refusal:
        budget_of(board_file(text))
    assert message in refusal.value.message


def test_a_file_that_is_missing() -> None:
    with pytest.raises(RecipeError, match="there is no board at nowhere"):
        stand_in("nowhere.yaml")


def test_the_emulated_board_of_the_same_core_stands_for_a_real_one(board_file) -> None:
    board, sentence = stand_in("nucleo-h743zi")
    assert board.name == "mps2-an500" and "STM32H743ZI" in sentence and "takes its place" in sentence
    assert stand_in("mps3-an547") == (board_of("mps3-an547"), "")
    assert stand_in(board_file(FULL))[0].name == "mps2-an386"
    with pytest.raises(RecipeError, match=r"mps2-an386 \(Cortex-M4F\) takes its place"):
        board_of("nucleo-l476rg")
    with pytest.raises(RecipeError, match="Did you mean 'mps2-an386'"):
        stand_in("mps2-an368")


def test_other_architectures_run_the_c_but_are_not_emulated(board_file) -> None:
    for name in ("esp32-s3", board_file("core: none\nclock_mhz: 100\nflash: 1M\nram: 64K")):
        with pytest.raises(RecipeError, match="no core that is emulated") as refusal:
            stand_in(name)
        assert "C99" in refusal.value.hint


def test_every_maker_asked_for_is_there() -> None:
    names = " ".join(budget.name for budget in BUDGETS)
    for part in ("STM32H7", "STM32F4", "STM32L0", "STM32G0", "STM32U5", "STM32N6", "nRF52", "nRF53", "nRF54", "RP2040"):
        assert part in names
    for part in ("RP2350", "SAMD21", "Apollo", "i.MX RT", "ESP32"):
        assert part in names
