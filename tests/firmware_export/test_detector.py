"""The detector's C equals the one in Python on whatever scores come, and every compiler takes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_export.emulation.detector_c import DetectorLibrary, compile_detector, detector_files
from kws_tfmot.detection.detector import NEVER, DetectorPlan
from kws_tfmot.detection.posterior import exponential_table

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
        thresholds=tuple(thresholds),
        table=exponential_table(scale) if scale else (),
    )


def scores(plan: DetectorPlan, seed: int, count: int = 80) -> np.ndarray:
    """Wild scores, and runs of the same answer such as a spoken word gives."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(-128, 128, (count, len(plan.labels)))
    word = np.repeat(rng.integers(0, len(plan.labels), count // 10 + 1), 10)[:count]
    rows[np.arange(count), word] = np.maximum(rows[np.arange(count), word], rng.integers(0, 128, count))
    return rows.astype(np.int8)


@settings(deadline=None)  # the first call compiles
@given(plans(), st.integers(0, 10_000))
def test_c_and_python_decide_alike(plan: DetectorPlan, seed: int) -> None:
    rows = scores(plan, seed)
    assert DetectorLibrary(plan).run(rows) == plan.decide(plan.smooth(rows))


def test_detections_are_frequent_enough_to_compare() -> None:
    plan = DetectorPlan(("a", "b", "_unknown_"), 5, 3, 4, (9000, 12000, NEVER), exponential_table(0.05))
    found = DetectorLibrary(plan, compile_detector(SANITIZED)).run(scores(plan, 1, 400))
    assert found == plan.decide(plan.smooth(scores(plan, 1, 400)))
    assert len(found) > 20 and {detection.label for detection in found} == {0, 1}


@pytest.mark.parametrize("table", [exponential_table(0.1), ()])
@pytest.mark.parametrize("command", [["gcc", "-std=c99"], ["g++", "-x", "c++", "-std=c++17"]])
def test_the_files_compile_without_a_warning(tmp_path: Path, command: list[str], table: tuple[int, ...]) -> None:
    files = detector_files(DetectorPlan(("a*/", "_unknown_"), 5, 3, 10, (9000, NEVER), table))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    sources = sorted(name for name in files if name.endswith(".c"))
    done = subprocess.run([*command, *STRICT, *sources], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
