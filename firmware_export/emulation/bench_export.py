"""A model as C source that measures itself on a user's board: the engine, a bench around it, how to use both."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from firmware_export.encodings.core_costs import core_of
from firmware_export.engine import Engine, build
from kws_tfmot.errors import ModelError
from kws_tfmot.files import write_files

BENCH_FILES = Path(__file__).parent.parent / "boards" / "bench"
INPUTS = 3

_README = """# Measure {model} on your board

Add every `.c` file of this directory to a project of your board's SDK (clocks, flash and a serial port set up by it),
put the directory on the include path, and compile with `-O2` for the right `-mcpu`. Then call the bench, interrupts
off:

```c
#include "kws_bench.h"

static void put(char character) {{ /* yours: one character to the serial port */ }}

kws_bench(put);
```

It runs the model on {inputs} made-up inputs, three times each, and writes a few lines. Save them from the terminal as
`board.log` and compare:

    kws bench read board.log MODEL.tflite

Model SHA-256 {digest}, encodings for {core}, {arena} B of arena. Nothing here allocates, uses floating point, or
needs a library.
"""


def bench_input(engine: Engine, number: int) -> np.ndarray:
    """The made-up int8 input ``number`` of the bench.

    A linear congruential generator (Numerical Recipes, 1664525 and 1013904223), upper bytes.
    """
    size = engine.program.values[engine.program.input].layout.elements
    state, out = number + 1, np.empty(size, np.uint8)
    for i in range(size):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = state >> 24
    return out.view(np.int8)


def bench_engine(model: str | Path | bytes, core: str, optimise: str) -> Engine:
    """The engine that the bench measures.

    Raises:
        ModelError: For a model that is not supported, or that keeps state from step to step.
        RecipeError: For an unknown core.
    """
    engine = build(model, core=core, optimise=optimise)
    if engine.program.step is not None:
        raise ModelError("the bench measures whole windows; this model keeps state. Use kws emulate for its steps.")
    return engine


def bench_sources(engine: Engine, core: str, optimise: str) -> dict[str, str]:
    """Names and texts of the C files."""
    constants = {
        "MODEL": f'"{engine.digest}"',
        "CORE": f'"{core}"',
        "OPTIMISE": f'"{optimise}"',
        "LAYERS": f"{len(engine.calls)}",
        "INPUTS": f"{INPUTS}",
    }
    lines = ["/* What the bench says of the model. */", "#ifndef KWS_BENCH_MODEL_H", "#define KWS_BENCH_MODEL_H", ""]
    lines += [f"#define KWS_BENCH_{key} {value}" for key, value in constants.items()]
    header = "\n".join([*lines, "", "#endif /* KWS_BENCH_MODEL_H */", ""])
    bench = {path.name: path.read_text(encoding="utf-8") for path in sorted(BENCH_FILES.glob("*.[ch]"))}
    probed = f'#include "kws_bench.h" /* KWS_PROBE */\n{engine.files["model.c"]}'
    return {**engine.files, **bench, "model.c": probed, "kws_bench_model.h": header}


def export_bench(model: str | Path | bytes, out_dir: str | Path, core: str, optimise: str = "balanced") -> list[str]:
    """Write the bench of ``model`` for a core into ``out_dir``; return the names of the files.

    Raises:
        ModelError: For a model that is not supported, or that keeps state from step to step.
        RecipeError: For an unknown core or tilt.
    """
    name = f"cortex-{core.lower().removeprefix('cortex-')}"
    core_of(name)
    engine = bench_engine(model, name, optimise)
    title = Path(model).name if isinstance(model, str | Path) else "a model"
    readme = _README.format(model=title, inputs=INPUTS, digest=engine.digest, core=name, arena=f"{engine.plan.arena:,}")
    files = bench_sources(engine, name, optimise) | {"README.md": readme}
    write_files(files, out_dir)
    return sorted(files)
