"""A corpus of models in one program: built for a board or, with the sanitizers, for this computer."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from engine_support import reference

from firmware_export.emulation.firmware_build import BOARD_FILES
from firmware_export.emulation.host import finish_output, quantize_input
from firmware_export.emulation.objects import compile_objects
from firmware_export.encodings import ENCODINGS
from firmware_export.engine import Engine, build
from firmware_export.graphs.random_graphs import SeededChooser, random_model

SAMPLES = 2
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    engine: Engine
    raw: np.ndarray
    expected: np.ndarray


def corpus(count: int, first_seed: int, most_arena: int = 12_000, first_name: int = 0) -> list[Case]:
    """Random models, the encodings in turn, each with its inputs and TFLM's outputs."""
    cases: list[Case] = []
    seed = first_seed
    while len(cases) < count:
        seed += 1
        model = random_model(SeededChooser(seed), 4)
        encoding = (None, *ENCODINGS)[seed % (len(ENCODINGS) + 1)]
        engine = build(model, name=f"m{first_name + len(cases)}", encodings=(encoding,) if encoding else None)
        known = reference(model, seed, SAMPLES)
        if known is None or engine.plan.arena > most_arena:
            continue
        raw = quantize_input(known[0], engine.program.input_scale, engine.program.input_zero_point)
        cases.append(Case(engine, raw, known[1]))
    return cases


def main_source(cases: list[Case], shared_arena: bool) -> str:
    """A ``main`` that runs every model of the corpus on its inputs; each arena is exactly as large as planned."""
    names = [case.engine.name for case in cases]
    place = "arena.%s" if shared_arena else "arena_%s"
    arenas = [f"_Alignas(4) int8_t %s[{n.upper()}_ARENA_BYTES];" for n in names]
    runs = [
        f"  {{ {n} c; if ({n}_init(&c, {place % n}, {n.upper()}_ARENA_BYTES)) return 3;\n"
        f"    for (int i = 0; i < {SAMPLES}; i++) {{\n"
        f"      if (board_read(in, {n}_input(&c), {n.upper()}_INPUT_BYTES) != {n.upper()}_INPUT_BYTES) return 4;\n"
        f"      if ({n}_invoke(&c)) return 5;\n"
        f"      board_write(out, {n}_output(&c), {n.upper()}_OUTPUT_BYTES); }} }}"
        for n in names
    ]
    if shared_arena:
        memory = f"static union {{ {' '.join(a % n for a, n in zip(arenas, names, strict=True))} }} arena;"
    else:
        memory = "\n".join(f"static {a % f'arena_{n}'}" for a, n in zip(arenas, names, strict=True))
    includes = "\n".join(f'#include "{n}.h"' for n in names)
    body = "\n".join(runs)
    return (
        f'#include "board.h"\n{includes}\n{memory}\nint main(void) {{\n'
        f'  const int in = board_open("in.bin", 0), out = board_open("out.bin", 1);\n{body}\n  return 0;\n}}\n'
    )


def all_files(cases: list[Case]) -> dict[str, str]:
    return {name: text for case in cases for name, text in case.engine.files.items()}


def write_inputs(cases: list[Case], folder: Path) -> None:
    (folder / "in.bin").write_bytes(b"".join(np.ascontiguousarray(case.raw).tobytes() for case in cases))


def differing(cases: list[Case], folder: Path) -> list[str]:
    """Names of the models whose output is not TFLM's."""
    produced, at, wrong = np.fromfile(folder / "out.bin", np.int8), 0, []
    for case in cases:
        program = case.engine.program
        size = SAMPLES * program.values[program.output].layout.elements
        outputs = finish_output(program, produced[at : at + size].reshape(SAMPLES, -1))
        at += size
        if outputs.tobytes() != case.expected.tobytes():
            wrong.append(f"{case.engine.name}: {[layer.name for layer in program.layers]}")
    assert at == len(produced)
    return wrong


def build_for_host(files: dict[str, str], folder: Path, flags: list[str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    sources, command = sorted(name for name in files if name.endswith(".c")), ["-std=c11", *flags, f"-I{BOARD_FILES}"]
    made = [*compile_objects(["gcc"], command, sources, folder, "the corpus"), str(HERE / "host_board.c")]
    subprocess.run(["gcc", *command, "-o", "corpus", *made], check=True, cwd=folder)
    return folder / "corpus"
