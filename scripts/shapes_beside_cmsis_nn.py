"""Layers one by one beside CMSIS-NN's kernels, on the emulated Cortex-M4: of random shapes, or of networks in use.

    python scripts/shapes_beside_cmsis_nn.py FOLDER SEED... [--draws 10] [--networks] [--out FILE.json]

``FOLDER`` is a checkout of https://github.com/ARM-software/CMSIS-NN. Every seed draws so many shapes of convolutions,
depthwise convolutions, fully connected layers and pools; ``--networks`` takes the shapes of :func:`of_networks`.
Weights are normal, scales random, and each layer's bytes are compared with TFLite Micro's. A seed's layers are one
firmware, CMSIS-NN's kernels another of the same compiler and flags (:mod:`beside_cmsis_nn`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from beside_cmsis_nn import BOARD, POOLS, Shape, cmsis_nn

from firmware_export.emulation.emulator import run_firmware
from firmware_export.emulation.firmware_build import PROBE, build_firmware
from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from kws_tfmot.files import write_json
from kws_tfmot.provenance import own_commit
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model

CODES = ("CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", *POOLS)
TAPS, STRIDES, MULTIPLIERS = (1, 1, 2, 3, 3, 3, 4, 5, 7, 10), (1, 1, 1, 2, 2, 3, 4), (1, 1, 1, 2, 4, 8)
NETWORKS = "networks"
MOST_WEIGHTS, MOST_CHANNELS, MOST_SIDE, LONGEST_VECTOR = 50_000, 64, 12, 4000


def up_to(rng: np.random.Generator, most: int, least: int = 1) -> int:
    """A size, all orders of magnitude alike."""
    return int(np.exp(rng.uniform(np.log(least), np.log(most + 1))))


def draw(rng: np.random.Generator) -> tuple[Shape, str]:
    """A shape and how it is padded."""
    code = CODES[rng.integers(len(CODES))]
    if code == "FULLY_CONNECTED":
        depth = up_to(rng, LONGEST_VECTOR, 4)
        made = min(up_to(rng, 128), max(1, MOST_WEIGHTS // depth))
        return Shape(code, (1, 1, depth), (1, 1, made), (1, 1), (1, 1), (0, 0)), ""
    while True:
        sizes = (int(rng.integers(1, MOST_SIDE + 1)), int(rng.integers(1, MOST_SIDE + 1)))
        channels, padding = up_to(rng, MOST_CHANNELS), ("SAME", "VALID")[rng.integers(2)]
        pointwise = code == "CONV_2D" and rng.random() < 0.3
        window = (1, 1) if pointwise else (int(rng.choice(TAPS)), int(rng.choice(TAPS)))
        down = int(rng.choice(STRIDES))
        stride = (down, down if rng.random() < 0.7 else int(rng.choice(STRIDES)))
        made = {
            "CONV_2D": up_to(rng, MOST_CHANNELS),
            "DEPTHWISE_CONV_2D": channels * int(rng.choice(MULTIPLIERS)),
        }.get(code, channels)
        if padding == "VALID" and any(taps > size for taps, size in zip(window, sizes, strict=True)):
            continue
        shape = _shape(code, (*sizes, channels), made, window, stride, padding)
        if shape.weights <= MOST_WEIGHTS and made <= 512:
            return shape, padding


def of_networks() -> dict[Shape, str]:
    """Shapes of the networks that people flash, and their padding.

    MLPerf Tiny's ResNet8, MobileNetV1 0.25 and autoencoder, TC-ResNet8, a gesture network over 128 x 3, keyword CNNs
    and DS-CNN m and l, small heads, usual pools. First layers over more than 70,000 numbers are left out.
    """
    found: dict[Shape, str] = {}

    def add(
        code: str,
        given: tuple[int, int, int],
        made: int,
        window: tuple[int, int],
        *,
        stride: tuple[int, int] = (1, 1),
        padding: str = "SAME",
    ) -> None:
        found[_shape(code, given, made, window, stride, padding)] = padding

    conv, depthwise, (average, largest) = "CONV_2D", "DEPTHWISE_CONV_2D", POOLS
    for size, inputs, made, taps, step in (
        *((32, 3, 16, 3, 1), (32, 16, 16, 3, 1), (32, 16, 32, 3, 2), (16, 32, 32, 3, 1), (32, 16, 32, 1, 2)),
        *((16, 32, 64, 3, 2), (8, 64, 64, 3, 1), (16, 32, 64, 1, 2), (96, 3, 8, 3, 2), (48, 8, 16, 1, 1)),
        *((24, 16, 32, 1, 1), (24, 32, 32, 1, 1), (12, 32, 64, 1, 1), (12, 64, 64, 1, 1), (6, 64, 128, 1, 1)),
        *((6, 128, 128, 1, 1), (3, 128, 256, 1, 1), (3, 256, 256, 1, 1), (1, 256, 2, 1, 1)),
    ):
        add(conv, (size, size, inputs), made, (taps, taps), stride=(step, step))
    for size, channels, step in (
        *((48, 8, 1), (48, 16, 2), (24, 32, 1), (24, 32, 2), (12, 64, 1), (12, 64, 2), (6, 128, 1), (6, 128, 2)),
        (3, 256, 1),
    ):
        add(depthwise, (size, size, channels), channels, (3, 3), stride=(step, step))
    for frames, inputs, made, taps, step in (
        *((98, 40, 16, 3, 1), (98, 16, 24, 9, 2), (49, 24, 24, 9, 1), (98, 16, 24, 1, 2), (49, 24, 32, 1, 2)),
        *((25, 32, 48, 1, 2), (25, 32, 48, 9, 2), (13, 48, 48, 9, 1), (42, 8, 16, 4, 1)),
    ):
        add(conv, (frames, 1, inputs), made, (taps, 1), stride=(step, 1))
    add(depthwise, (128, 3, 1), 8, (4, 3))
    add(conv, (49, 10, 1), 28, (10, 4), padding="VALID")
    add(conv, (40, 7, 28), 30, (10, 4), stride=(2, 1), padding="VALID")
    add(conv, (24, 20, 8), 16, (3, 3))
    add(conv, (49, 10, 1), 172, (10, 4), stride=(2, 1))
    add(conv, (13, 5, 172), 172, (1, 1))
    add(depthwise, (25, 10, 172), 172, (3, 3), stride=(2, 2))
    add(depthwise, (13, 5, 172), 172, (3, 3))
    add(depthwise, (25, 5, 276), 276, (3, 3), stride=(2, 1))
    add(average, (3, 3, 256), 256, (3, 3), stride=(2, 2), padding="VALID")
    add(average, (13, 1, 48), 48, (13, 1), padding="VALID")
    add(average, (25, 5, 64), 64, (25, 5), padding="VALID")
    add(average, (12, 12, 16), 16, (4, 4), stride=(4, 4), padding="VALID")
    for given, taps in (
        *(((128, 3, 8), (3, 3)), ((42, 1, 16), (3, 1)), ((49, 40, 8), (2, 2)), ((24, 20, 16), (2, 2))),
        *(((49, 10, 16), (1, 2)), ((49, 10, 16), (2, 1)), ((49, 10, 16), (4, 1))),
    ):
        add(largest, given, given[2], taps, stride=taps, padding="VALID")
    add(largest, (25, 5, 64), 64, (3, 3), stride=(2, 2))
    for depth, made in (
        *((64, 10), (256, 2), (640, 128), (128, 128), (128, 8), (8, 128), (128, 640), (224, 16), (16, 4), (1920, 16)),
        *((16, 128), (128, 12), (128, 1), (64, 1), (384, 1), (48, 2), (96, 3), (32, 6), (64, 2), (20, 3)),
    ):
        found[Shape("FULLY_CONNECTED", (1, 1, depth), (1, 1, made), (1, 1), (1, 1), (0, 0))] = ""
    return found


def _shape(
    code: str, given: tuple[int, int, int], made: int, window: tuple[int, int], stride: tuple[int, int], padding: str
) -> Shape:
    outputs, before = [], []
    for size, taps, step in zip(given, window, stride, strict=False):
        count = -(-size // step) if padding == "SAME" else (size - taps) // step + 1
        outputs.append(count)
        before.append(max(0, (count - 1) * step + taps - size) // 2 if padding == "SAME" else 0)
    return Shape(code, given, (outputs[0], outputs[1], made), window, stride, (before[0], before[1]))


def model_of(s: Shape, padding: str, rng: np.random.Generator) -> bytes:
    """An int8 ``.tflite`` of the one layer."""
    w, vector, depthwise = GraphWriter(), s.code == "FULLY_CONNECTED", s.code == "DEPTHWISE_CONV_2D"
    inputs, made = s.given[2], s.made[2]
    x = w.activation((1, inputs) if vector else (1, *s.given), 0.5, -9)
    y = w.activation((1, made) if vector else (1, *s.made), 0.5, 4 if s.weights else -9)
    options: dict[str, Any] = {} if vector else {"padding": padding, "stride_h": s.stride[0], "stride_w": s.stride[1]}
    if s.code in POOLS:
        w.operator(s.code, [x], [y], filter_height=s.window[0], filter_width=s.window[1], **options)
        return w.finish([x], [y])
    shape = (made, inputs) if vector else (1, *s.window, made) if depthwise else (made, *s.window, inputs)
    weights = np.clip(np.round(rng.normal(0, 40, shape)), -127, 127).astype(np.int8)
    summed = s.window[0] * s.window[1] * (1 if depthwise else inputs)
    scales = (rng.uniform(0.5, 1.5, 1 if vector else made) * 0.004 / np.sqrt(summed)).astype(np.float32)
    biases = w.biases(rng.integers(-2000, 2000, made), scales * np.float32(0.5))
    if depthwise:
        options["depth_multiplier"] = made // inputs
    w.operator(s.code, [x, w.weights(weights, scales, 3 if depthwise else 0), biases], [y], **options)
    return w.finish([x], [y])


def engine_cycles(models: list[bytes]) -> list[tuple[str, float]]:
    """Kernel and the middle of the modelled cycles of each one-layer model, all in one firmware.

    Raises:
        SystemExit: If a layer's bytes differ from TFLite Micro's.
    """
    engines = [build(model, name=f"m{number}", core=BOARD.core) for number, model in enumerate(models)]
    inputs = [random_inputs(read_model(model), 1, 0) for model in models]
    expected = [open_interpreter(m, "tflm").run(x).tobytes() for m, x in zip(models, inputs, strict=True)]
    files = {name: text for engine in engines for name, text in engine.files.items()}
    files["beside.c"] = _main(len(engines), max(engine.plan.arena for engine in engines))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        elf = build_firmware(BOARD, files, "beside.c", folder, (PROBE,))
        (folder / "in.bin").write_bytes(b"".join(x.tobytes() for x in inputs))
        counts = run_firmware(BOARD, elf).counts
        if (folder / "out.bin").read_bytes() != b"".join(expected):
            raise SystemExit("bytes differ from TFLite Micro's")
    found, first = [], 0
    for model, engine in zip(models, engines, strict=True):
        marks = len(engine.calls) + 1
        cycles = counts.select(slice(first, first + marks)).spent().cycles("m4").sum(axis=1) / 2
        first += marks
        code = (
            read_model(model).operators[0].code
        )  # a pool's window may be a line of a convolution, but not the input's copy
        own = [(c, call.functions[0]) for c, call in zip(cycles, engine.calls, strict=False) if code in call.label]
        found.append((max(own)[1], float(sum(c for c, _ in own))))
    return found


def _main(models: int, arena: int) -> str:
    lines = ['#include "board.h"', *(f'#include "m{n}.h"' for n in range(models))]
    lines += [f"static _Alignas(8) int8_t arena[{arena}];", "int main(void) {"]
    lines.append('int in = board_open("in.bin", 0), out = board_open("out.bin", 1);')
    for n in range(models):
        lines.append(
            f"{{ static m{n} x; if (m{n}_init(&x, arena, sizeof arena) != KWS_OK) return 2;"
            f" board_read(in, m{n}_input(&x), M{n}_INPUT_BYTES); if (m{n}_invoke(&x) != KWS_OK) return 3;"
            f" board_write(out, m{n}_output(&x), M{n}_OUTPUT_BYTES); }}"
        )
    return "\n".join([*lines, "return 0; }"])


def main() -> int:
    """Compare, print the slower ones and the distribution, and write all rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="a checkout of CMSIS-NN")
    parser.add_argument("seeds", type=int, nargs="*")
    parser.add_argument("--networks", action="store_true", help="the shapes of networks in use")
    parser.add_argument("--draws", type=int, default=10, help="shapes of each seed")
    parser.add_argument("--out", type=Path, help="a JSON file")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for seed in [*given.seeds, *([NETWORKS] if given.networks else [])]:
        rng = np.random.default_rng(0 if seed == NETWORKS else seed)
        drawn = of_networks() if seed == NETWORKS else dict(draw(rng) for _ in range(given.draws))
        own = engine_cycles([model_of(shape, padding, rng) for shape, padding in drawn.items()])
        theirs = cmsis_nn(given.folder, list(drawn))
        for shape, (kernel, cycles), (_, other) in zip(drawn, own, theirs, strict=True):
            ratio = round(cycles / other, 3)
            rows.append(
                {"seed": seed, "shape": shape._asdict(), "kernel": kernel, "cycles": cycles, "cmsis_nn_cycles": other}
                | {"cycles_ratio": ratio}
            )
    rows.sort(key=lambda row: -row["cycles_ratio"])
    ratios = np.array([row["cycles_ratio"] for row in rows])
    for row in rows[: int((ratios > 1).sum())]:
        print(f"{row['cycles_ratio']:.2f}", row["kernel"], *row["shape"].values())
    low, high = np.percentile(ratios, [50, 95])
    slower = int((ratios > 1).sum())
    print(f"{len(rows)} layers, {slower} slower; median {low:.2f}, 95 % up to {high:.2f}, most {ratios.max():.2f}")
    if given.out is not None:
        commit = {"commit": own_commit()}
        write_json(given.out, {"board": BOARD.name, **commit, "rows": [row | commit for row in rows]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
