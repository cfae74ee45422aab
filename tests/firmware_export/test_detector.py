"""The detector's C equals the one in Python on whatever scores come, and every compiler takes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_export.boards import BOARDS
from firmware_export.emulation.detector_board import emulate_detector
from firmware_export.emulation.detector_c import DetectorLibrary, compile_detector, detector_files
from kws_tfmot.detection.detector import NEVER, DetectorPlan
from kws_tfmot.detection.posterior import exponential_table
from kws_tfmot.errors import ModelError, RecipeError

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror", "-fsyntax-only"]
SANITIZED = ("-std=c99", "-O1", "-g", "-fPIC", "-shared", "-fsanitize=undefined", "-fno-sanitize-recover=all")


@st.composite
def plans(draw: st.DrawFn) -> DetectorPlan:
    classes = draw(st.integers(1, 12))
    scale = draw(st.sampled_from([None, 0.004, 0.03661210834980011, 0.2, 1.5]))
    thresholds = draw(
        st.lists(st.sampled_from([1, 3000, 9000, 16384, 30000, 32768, NEVER]), min_size=classes, max_size=classes)
    )
    return DetectorPlan(
        labels=tuple(f"word{number}" for number in range(classes)),
        stride=draw(st.integers(1, 5)),
        window=draw(st.integers(1, 40)),
        refractory=draw(st.integers(1, 30)),
        release=draw(st.sampled_from([1, 8192, 16384, 30000, 32768])),
        thresholds=tuple(thresholds),
        table=exponential_table(scale) if scale else (),
    )


def scores(plan: DetectorPlan, seed: int, count: int = 120) -> np.ndarray:
    """Wild scores, and runs of the same answer such as a spoken word gives: short, long, and long ones that flicker."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-128, 128, (count, len(plan.labels)))
    lengths = rng.choice([2, 10, 40], count)
    word = np.repeat(rng.integers(0, len(plan.labels), count), lengths)[:count]
    sure = rng.random(count) < 0.8
    height = np.maximum(rows[np.arange(count), word], rng.integers(0, 128, count))
    rows[sure, word[sure]] = height[sure]
    return rows.astype(np.int8)


@settings(deadline=None)  # the first call compiles
@given(plans(), st.integers(0, 10_000), st.integers(-100, 100))
def test_c_and_python_decide_alike(plan: DetectorPlan, seed: int, sensitivity: int) -> None:
    rows = scores(plan, seed)
    expected = plan.with_sensitivity(sensitivity).decide(plan.smooth(rows))
    assert DetectorLibrary(plan, sensitivity=sensitivity).run(rows) == expected


PLAN = DetectorPlan(("a", "b", "_unknown_"), 5, 3, 4, 20000, (9000, 12000, NEVER), exponential_table(0.05))


def test_detections_are_frequent_enough_to_compare() -> None:
    found = DetectorLibrary(PLAN, compile_detector(SANITIZED)).run(scores(PLAN, 1, 400))
    assert found == PLAN.decide(PLAN.smooth(scores(PLAN, 1, 400)))
    assert len(found) > 20 and {detection.label for detection in found} == {0, 1}


@pytest.mark.device
@pytest.mark.parametrize("board", sorted(BOARDS))
@pytest.mark.parametrize("sensitivity", [0, 35, -20])
def test_the_boards_decide_as_python_does(board: str, sensitivity: int) -> None:
    rows = scores(PLAN, 2, 3000)
    found = emulate_detector(PLAN, rows, board, sensitivity)
    assert found == PLAN.with_sensitivity(sensitivity).decide(PLAN.smooth(rows))
    assert len(found) > 100


def test_sensitivity_beyond_its_range_is_refused() -> None:
    with pytest.raises(ModelError, match="refused its settings"):
        DetectorLibrary(PLAN, sensitivity=101)
    with pytest.raises(RecipeError, match="from -100 to 100"):
        PLAN.with_sensitivity(-101)


@pytest.mark.parametrize("table", [exponential_table(0.1), ()])
@pytest.mark.parametrize("command", [["gcc", "-std=c99"], ["g++", "-x", "c++", "-std=c++17"]])
def test_the_files_compile_without_a_warning(tmp_path: Path, command: list[str], table: tuple[int, ...]) -> None:
    files = detector_files(DetectorPlan(("a*/", "_unknown_"), 5, 3, 10, 16384, (9000, NEVER), table))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    sources = sorted(name for name in files if name.endswith(".c"))
    done = subprocess.run([*command, *STRICT, *sources], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
