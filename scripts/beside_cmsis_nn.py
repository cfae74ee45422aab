"""Every layer of some models beside CMSIS-NN's kernel of the same shape, on the emulated Cortex-M4.

    python scripts/beside_cmsis_nn.py FOLDER MODEL... --out results/cmsis_nn.json

``FOLDER`` is a checkout of https://github.com/ARM-software/CMSIS-NN. The engine's layers are counted within the models
and with their weights, CMSIS-NN's kernels one by one on random ones, all in one firmware of the same compiler, flags
and emulator. Layers of the same shape are one row, the one that takes most. Windows with dilation are left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from firmware_export.boards import board_of
from firmware_export.emulation.emulator import emulate, run_firmware
from firmware_export.emulation.firmware_build import build_firmware
from firmware_export.emulation.stream_report import emulate_stream
from firmware_export.engine import build
from firmware_export.ir import Operation
from firmware_export.operators.kernels.convolution import Convolution
from firmware_export.operators.kernels.depthwise import Depthwise
from kws_tfmot.errors import ModelError
from kws_tfmot.files import sha256_bytes, write_json
from kws_tfmot.provenance import own_commit

BOARD = board_of("mps2-an386")
POOLS = {"AVERAGE_POOL_2D": "arm_avgpool_s8", "MAX_POOL_2D": "arm_max_pool_s8"}
MAIN = """
#include "arm_nnfunctions.h"
#include "board.h"
#define PROBE __asm__ volatile("mov r10, r10" ::: "memory")
static int8_t in[@MOST@], out[@MOST@], w[@WEIGHTS@];
static int32_t bias[4096], mult[4096], shift[4096];
static uint8_t scratch[400000] __attribute__((aligned(8)));
static int8_t next(void) {
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return (int8_t)(state >> 24);
}
int main(void) {
    int status = 0;
    const cmsis_nn_context ctx = {scratch, sizeof scratch};
    const cmsis_nn_per_channel_quant_params q = {mult, shift};
    for (int i = 0; i < @MOST@; i++) in[i] = next();
    for (int i = 0; i < @WEIGHTS@; i++) w[i] = next();
    for (int i = 0; i < 4096; i++) { bias[i] = 100 * i; mult[i] = 1500000000 + i; shift[i] = -8; }
@CALLS@
    return status != 0;
}
"""


class Shape(NamedTuple):
    """What decides a kernel's work: operator, input, output, window, strides and padding before."""

    code: str
    given: tuple[int, int, int]
    made: tuple[int, int, int]
    window: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int]

    @property
    def weights(self) -> int:
        """How many numbers its kernel has."""
        if self.code in POOLS:
            return 0
        inputs = 1 if self.code == "DEPTHWISE_CONV_2D" else self.given[2]
        return self.window[0] * self.window[1] * inputs * self.made[2]


def shape_of(code: str, operation: Operation) -> Shape | None:
    """The shape of a layer, ``None`` for operators that are not compared."""
    if code not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", *POOLS):
        return None
    if isinstance(operation, Convolution) and operation.vector:
        channels, depth = operation.weights.shape
        return Shape(code, (1, 1, depth), (1, 1, channels), (1, 1), (1, 1), (0, 0))
    w = getattr(operation, "window", None)
    if w is None or (w.dilation_y, w.dilation_x) != (1, 1):
        return None
    channels = w.output.channels
    if isinstance(operation, Depthwise) and code == "CONV_2D":
        return None
    given, made = (w.input.height, w.input.width, w.input.channels), (w.output.height, w.output.width, channels)
    before = (max(0, -w.first_y), max(0, -w.first_x))
    return Shape(code, given, made, (w.height, w.width), (w.stride_y, w.stride_x), before)


def call_of(s: Shape) -> str:
    """C that calls CMSIS-NN's kernel between two markers.

    >>> "arm_fully_connected_s8" in call_of(Shape("FULLY_CONNECTED", (1, 1, 9), (1, 1, 2), (1, 1), (1, 1), (0, 0)))
    True
    """
    (height, width), (sy, sx), (py, px) = s.window, s.stride, s.before
    channels, inputs = s.made[2], s.given[2]
    dims = [("id", (1, *s.given)), ("od", (1, *s.made)), ("bd", (1, 1, 1, channels))]
    tile, same = f"{{{sx}, {sy}}}, {{{px}, {py}}}", "&id, in, &fd, w, &bd, bias, &od, out"
    if s.code == "DEPTHWISE_CONV_2D":
        dims.append(("fd", (1, height, width, channels)))
        kind, p = "dw_conv", f"9, -5, {channels // inputs}, {tile}, {{1, 1}}, {{-128, 127}}"
        call = f"arm_depthwise_conv_wrapper_s8(&ctx, &p, &q, {same})"
    elif s.code == "CONV_2D":
        dims.append(("fd", (channels, height, width, inputs)))
        kind, p = "conv", f"9, -5, {tile}, {{1, 1}}, {{-128, 127}}"
        call = f"arm_convolve_wrapper_s8(&ctx, &p, &q, {same})"
    elif s.code == "FULLY_CONNECTED":
        dims.append(("fd", (inputs, 1, 1, channels)))
        kind, p = "fc", "9, 0, -5, {-128, 127}"
        call = f"arm_fully_connected_s8(&ctx, &p, &t, {same})"
    else:
        dims.append(("fd", (1, height, width, 1)))
        kind, p = "pool", f"{tile}, {{-128, 127}}"
        call = f"{POOLS[s.code]}(&ctx, &p, &id, in, &fd, &od, out)"
    lines = [f"const cmsis_nn_dims {name} = {{{', '.join(map(str, size))}}};" for name, size in dims]
    lines.append("const cmsis_nn_per_tensor_quant_params t = {1500000000, -8};")
    lines.append(f"const cmsis_nn_{kind}_params p = {{{p}}};")
    return "    {\n" + "".join(f"        {x}\n" for x in (*lines, f"PROBE; status |= {call}; PROBE;")) + "    }"


def sources(folder: Path) -> dict[str, str]:
    """The int8 kernels of a checkout, side by side."""
    found = {}
    for path in (*folder.glob("Include/**/*.h"), *folder.glob("Source/*Functions/*.c")):
        flat = path.suffix == ".h" or "s8" in path.stem or path.stem == "arm_q7_to_q15_with_offset"
        if flat and not any(part in path.stem for part in ("flt", "f16", "f32")):
            found[path.name] = path.read_text(encoding="utf-8").replace('#include "Internal/', '#include "')
    return found


def cmsis_nn(folder: Path, shapes: list[Shape]) -> list[tuple[int, int]]:
    """Instructions and the middle of the modelled cycles of each shape."""
    largest = max(size[0] * size[1] * size[2] for s in shapes for size in (s.given, s.made))
    text = MAIN.replace("@MOST@", str(largest)).replace("@WEIGHTS@", str(max(s.weights for s in shapes)))
    files = {**sources(folder), "beside.c": text.replace("@CALLS@", "\n".join(call_of(s) for s in shapes))}
    with tempfile.TemporaryDirectory() as name:
        elf = build_firmware(BOARD, files, "beside.c", Path(name), ("-I.", "-w"))
        spent = run_firmware(BOARD, elf).counts.spent()
    spans = spent.cycles("m4")[0::2].sum(axis=1) // 2
    return [(int(n), int(c)) for n, c in zip(spent.instructions[0::2], spans, strict=True)]


def layers(model: Path) -> list[tuple[Shape, dict[str, Any]]]:
    """Each compared layer of a model, with what it takes in the engine.

    Raises:
        ModelError: For a model that the engine refuses, or whose bytes differ from TFLM's.
    """
    program = build(model).program
    report = emulate(model, BOARD.name, random=1) if program.step is None else emulate_stream(model, steps=4)
    if not report.bit_exact:
        raise ModelError(f"{model.name}: bytes differ from TFLM's")
    taken = {row["layer"]: row for row in report.layers}
    found = []
    for layer in program.layers:
        shape = shape_of(layer.name.partition(" ")[2], layer.operation)
        if shape is not None and layer.name in taken:
            found.append((shape, {"model": model.name, **taken[layer.name]}))
    return found


def compare(folder: Path, models: list[Path]) -> list[dict[str, Any]]:
    """A row for each shape, the slowest beside CMSIS-NN first."""
    most: dict[Shape, dict[str, Any]] = {}
    for model in models:
        for shape, row in layers(model):
            if shape not in most or row["cycles"] > most[shape]["cycles"]:
                most[shape] = row
    rows = []
    for (shape, row), (instructions, cycles) in zip(most.items(), cmsis_nn(folder, list(most)), strict=True):
        own = {key: row[key] for key in ("model", "layer", "kernel", "instructions", "cycles")}
        theirs = {"instructions": instructions, "cycles": cycles}
        ratio = round(row["cycles"] / cycles, 3)
        rows.append({"shape": shape._asdict(), "engine": own, "cmsis_nn": theirs, "cycles_ratio": ratio})
    return sorted(rows, key=lambda row: -row["cycles_ratio"])


def main() -> int:
    """Compare, print the rows and write them; 1 where a layer takes more cycles than CMSIS-NN's kernel."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="a checkout of CMSIS-NN")
    parser.add_argument("models", type=Path, nargs="+", help=".tflite files")
    parser.add_argument("--out", type=Path, help="a JSON file")
    given = parser.parse_args()
    rows = compare(given.folder, given.models)
    for row in rows:
        print(f"{row['cycles_ratio']:.2f}", row["engine"]["kernel"], *row["shape"].values())
    if given.out is not None:
        commit = {"commit": own_commit()}
        rows = [row | commit for row in rows]
        theirs = sha256_bytes("".join(text for _, text in sorted(sources(given.folder).items())).encode())
        write_json(given.out, {"board": BOARD.name, "cmsis_nn_sha256": theirs, **commit, "rows": rows})
    return int(any(row["cycles_ratio"] > 1 for row in rows))


if __name__ == "__main__":
    sys.exit(main())
