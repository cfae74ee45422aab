"""Steps on the emulated boards equal the whole window, before and after a reset."""

from __future__ import annotations

import pytest

from firmware_export.boards import BOARDS
from firmware_export.emulation.stream_report import emulate_stream
from firmware_export.graphs.random_graphs import SeededChooser
from firmware_export.graphs.random_streams import random_stream


@pytest.mark.device
@pytest.mark.parametrize("board", ["mps2-an386", *(pytest.param(b, marks=pytest.mark.slow) for b in BOARDS)])
def test_steps_on_a_board_equal_the_whole_window(board: str) -> None:
    report = emulate_stream(random_stream(SeededChooser(9)), board, steps=30)
    assert report.bit_exact and report.steps == 30
    assert report.step_instructions <= report.step_instructions_most
    assert 0 < report.state_bytes < report.ram_bytes <= report.static_ram_bytes
    assert report.step_cycles_range[0] <= report.step_cycles_range[1]
    for end in (0, 1):  # every layer's cycles are shown beside its instructions
        parts = [row["cycles_range"][end] for row in report.layers]
        assert min(parts) > 0 and sum(parts) == pytest.approx(report.step_cycles_range[end], abs=len(parts))
