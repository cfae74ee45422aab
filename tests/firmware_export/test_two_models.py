"""Two engines under names of their own link into one firmware: the runtime is shared, nothing clashes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from firmware_export.engine import DEFAULT_NAME, build
from firmware_export.graphs.graph_writer import GraphWriter

MAIN = """#include "first.h"
#include "second.h"
static _Alignas(4) unsigned char one[FIRST_ARENA_BYTES + 4], two[SECOND_ARENA_BYTES + 4];
int main(void) {
    first a;
    second b;
    return first_init(&a, one, FIRST_ARENA_BYTES) != KWS_OK || second_init(&b, two, SECOND_ARENA_BYTES) != KWS_OK ||
           first_invoke(&a) != KWS_OK || second_invoke(&b) != KWS_OK;
}
"""


def dense(seed: int) -> bytes:
    w = GraphWriter()
    x, y = w.activation((1, 16), 0.1, 0), w.activation((1, 4), 0.1, 0)
    weights = np.random.default_rng(seed).integers(-127, 128, (4, 16))
    w.operator("FULLY_CONNECTED", [x, w.weights(weights, np.array([0.002], np.float32), 0), -1], [y])
    return w.finish([x], [y])


@pytest.mark.parametrize("names", [("first", "second"), (DEFAULT_NAME, DEFAULT_NAME)])
def test_two_engines_in_one_program(tmp_path: Path, names: tuple[str, str]) -> None:
    engines = [build(dense(seed), name=name) for seed, name in enumerate(names)]
    objects = []
    for number, engine in enumerate(engines):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in engine.files.items():
            (folder / name).write_text(text)
            (tmp_path / name).write_text(text)
        source = f"{engine.name}.c"
        subprocess.run(["gcc", "-std=c11", "-c", source, "-o", f"../{number}.o"], cwd=folder, check=True)
        objects.append(f"{number}.o")
    runtime = sorted({name for engine in engines for name in engine.files if name.startswith("kws_")})
    sources = [name for name in runtime if name.endswith(".c")]
    (tmp_path / "main.c").write_text(MAIN if "first" in names else "int main(void) { return 0; }")
    command = ["gcc", "-std=c11", "-o", "program", "main.c", *sources, *objects]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if names[0] == names[1]:  # what the option --name is for
        assert "multiple definition" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert subprocess.run([tmp_path / "program"], check=False).returncode == 0
