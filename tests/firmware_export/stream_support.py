"""What the tests of streaming share: a step engine against the common runtime, and the whole windows it must equal."""

from __future__ import annotations

import numpy as np
from engine_support import load, loaded

from firmware_export.emulation.steps import StepLibrary, random_rows, step_of, windows_of
from firmware_export.engine import Engine, build


def load_steps(engine: Engine) -> StepLibrary:
    """An engine of steps."""
    return loaded(engine, StepLibrary)


def both(model: bytes, engine: Engine, decisions: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of ``decisions`` steps, and of the whole windows on the same rows."""
    step = step_of(engine)
    rows = random_rows(engine, (step.warm_up + decisions) * step.rows + step.rows - 1, seed)
    expected = load(build(model, name="whole")).run(windows_of(rows, step))
    return load_steps(engine).run(rows), expected
