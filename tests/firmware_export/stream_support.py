"""What the tests of streaming share: a step engine against the common runtime, and the whole windows it must equal."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from engine_support import load, runtime_folder

from firmware_export.emulation.steps import StepLibrary, random_rows, step_of, windows_of
from firmware_export.engine import RUNTIME, Engine, build


def load_steps(engine: Engine) -> StepLibrary:
    """The engine's model file, linked with the common runtime."""
    with tempfile.TemporaryDirectory() as name:
        folder, runtime = Path(name), runtime_folder()
        for file in (f"{engine.name}.c", f"{engine.name}.h"):
            (folder / file).write_text(engine.files[file], encoding="utf-8")
        link = [f"-I{RUNTIME}", f"-L{runtime}", f"-Wl,-rpath,{runtime}", "-lkws"]
        command = ["gcc", "-std=c11", "-O0", "-fPIC", "-shared", "-o", "model.so", f"{engine.name}.c", *link]
        subprocess.run(command, check=True, cwd=folder)
        return StepLibrary(engine, folder / "model.so")


def both(model: bytes, engine: Engine, decisions: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of ``decisions`` steps, and of the whole windows on the same rows."""
    step = step_of(engine)
    rows = random_rows(engine, (step.warm_up + decisions) * step.rows + step.rows - 1, seed)
    expected = load(build(model, name="whole")).run(windows_of(rows, step))
    return load_steps(engine).run(rows), expected
