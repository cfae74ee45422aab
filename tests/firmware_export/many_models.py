"""Many small models in one library or one firmware: what one compile and one emulator start are for."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from engine_support import reference, runtime_folder

from firmware_export.boards import BOARDS
from firmware_export.emulation.emulator import run_firmware
from firmware_export.emulation.firmware_build import build_firmware
from firmware_export.emulation.host import EngineLibrary, finish_output, quantize_input
from firmware_export.engine import RUNTIME, Engine
from kws_tfmot.errors import ModelError

SAMPLES = 3


def expected_of(models: Mapping[str, bytes]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Random inputs of each model, and TFLM's outputs."""
    found = {}
    for name, model in models.items():
        pair = reference(model, 3, SAMPLES)
        if pair is None:
            raise ModelError(f"TFLM refuses {name}")
        found[name] = pair
    return found


def assert_on_host(engines: Mapping[str, Engine], expected: Mapping[str, tuple[np.ndarray, np.ndarray]], folder: Path):
    """Every output byte of every engine, all in one library of this computer."""
    for engine in engines.values():
        for file in (f"{engine.name}.c", f"{engine.name}.h"):
            (folder / file).write_text(engine.files[file], encoding="utf-8")
    sources, runtime = [f"{engine.name}.c" for engine in engines.values()], runtime_folder()
    link = [f"-I{RUNTIME}", f"-L{runtime}", f"-Wl,-rpath,{runtime}", "-lkws"]
    subprocess.run(["gcc", "-O0", "-fPIC", "-shared", "-o", "models.so", *sources, *link], check=True, cwd=folder)
    for name, engine in engines.items():
        inputs, outputs = expected[name]
        raw = quantize_input(inputs, engine.program.input_scale, engine.program.input_zero_point)
        found = finish_output(engine.program, EngineLibrary(engine, folder / "models.so").run(raw))
        assert found.tobytes() == outputs.tobytes(), name


def assert_on_board(
    board: str, engines: Mapping[str, Engine], expected: Mapping[str, tuple[np.ndarray, np.ndarray]], folder: Path
) -> None:
    """Every output byte of every engine, all in one firmware."""
    names, files = list(engines), {}
    for engine in engines.values():
        files |= engine.files
    arena = max(engine.plan.arena for engine in engines.values())
    files["many.c"] = _main([engines[name].name for name in names], arena)
    elf = build_firmware(BOARDS[board], files, "many.c", folder)
    (folder / "in.bin").write_bytes(b"".join(expected[name][0].tobytes() for name in names))
    run_firmware(BOARDS[board], elf)
    got, first = (folder / "out.bin").read_bytes(), 0
    for name in names:
        outputs = expected[name][1]
        found = np.frombuffer(got[first : first + outputs.nbytes], outputs.dtype).reshape(outputs.shape)
        np.testing.assert_array_equal(found, outputs, f"{name} on {board}")
        first += outputs.nbytes
    assert first == len(got)


def _main(names: list[str], arena: int) -> str:
    lines = ['#include "board.h"', *(f'#include "{name}.h"' for name in names)]
    lines += [f"static _Alignas(8) int8_t arena[{arena}];", "int main(void) {"]
    lines.append('int in = board_open("in.bin", 0), out = board_open("out.bin", 1);')
    for name in names:
        big = name.upper()
        lines += [
            f"{{ static {name} x; if ({name}_init(&x, arena, sizeof arena) != KWS_OK) return 2;",
            f"for (int i = 0; i < {SAMPLES}; i++) {{ board_read(in, {name}_input(&x), {big}_INPUT_BYTES);",
            f"if ({name}_invoke(&x) != KWS_OK) return 3;",
            f"board_write(out, {name}_output(&x), {big}_OUTPUT_BYTES); }} }}",
        ]
    return "\n".join([*lines, "return 0; }"])
