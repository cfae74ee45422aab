"""Scratch: what the memory plan sets aside is what the runtime's own functions ask for."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest
from engine_support import runtime_folder

from firmware_export.encodings import ENCODINGS
from firmware_export.engine import NO_KERNELS, RUNTIME, Engine, build
from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from firmware_export.graphs.layer_builder import LayerBuilder
from firmware_export.graphs.random_graphs import SeededChooser, random_model
from firmware_export.graphs.random_streams import random_stream
from firmware_export.graphs.recurrent_models import lstm_model
from kws_tfmot.quantization.grids import Grid


def functions_of(engine: Engine) -> list[tuple[int, str]]:
    """Each layer whose kernel has a ``_get_buffer_size``, and its name."""
    pairs = [
        (call.layer, [name for name in call.functions if name.endswith("_get_buffer_size")]) for call in engine.calls
    ]
    return [(layer, names[0]) for layer, names in pairs if names]


def sizes_in_c(engines: list[Engine], folder: Path) -> list[dict[int, tuple[str, int]]]:
    """For each engine, by layer, the function and the bytes that the compiled C gives."""
    for engine in engines:
        lines = [f"  *out++ = {name}(&layer_{layer});" for layer, name in functions_of(engine)]
        ask = f"\nvoid ask_{engine.name}(uint32_t *out) {{\n" + "\n".join(lines) + "\n  (void)out;\n}\n"
        (folder / f"{engine.name}.c").write_text(engine.files[f"{engine.name}.c"] + ask, encoding="utf-8")
        (folder / f"{engine.name}.h").write_text(engine.files[f"{engine.name}.h"], encoding="utf-8")
    runtime, sources = runtime_folder(), [f"{engine.name}.c" for engine in engines]
    link = [f"-I{RUNTIME}", f"-L{runtime}", f"-Wl,-rpath,{runtime}", "-lkws"]
    subprocess.run(["gcc", "-O0", "-fPIC", "-shared", "-o", "ask.so", *sources, *link], cwd=folder, check=True)
    library, found = ctypes.CDLL(str(folder / "ask.so")), []
    for engine in engines:
        asked = functions_of(engine)
        out = (ctypes.c_uint32 * (len(asked) + 1))()
        getattr(library, f"ask_{engine.name}")(out)
        found.append({layer: (name, int(out[i])) for i, (layer, name) in enumerate(asked)})
    return found


def wide() -> bytes:
    """Windows of five and seven taps over a plane that is large enough for lines."""
    builder = LayerBuilder((1, 25, 5, 8), (0.5, -9))
    for taps, stride, height, width in ((5, 1, 25, 5), (7, 2, 13, 3)):
        options = {"padding": "SAME", "stride_h": stride, "stride_w": stride, "depth_multiplier": 1}
        builder.layer("DEPTHWISE_CONV_2D", (1, height, width, 8), (1, taps, taps, 8), taps * taps, **options)
    return builder.writer.finish([builder.first], [builder.last])


def engines() -> list[Engine]:
    """Random models in every encoding, and the DS-CNN of the benchmark."""
    named = [*ENCODINGS, None]
    models = [(random_model(SeededChooser(300 + n), 6), named[n % len(named)]) for n in range(30)]
    models += [(wide(), None), (ds_cnn(0.75), None), (ds_cnn(grid=Grid(1, False)), "planes"), (lstm_model(0, 3), None)]
    built = [build(m, name=f"m{n}", encodings=(e,) if e else None) for n, (m, e) in enumerate(models)]
    return [*built, *(build(random_stream(SeededChooser(n)), name=f"s{n}", stream=True) for n in range(12))]


def test_the_plan_and_the_runtime_agree_on_scratch(tmp_path: Path) -> None:
    seen: set[str] = set()
    built = engines()
    for engine, known in zip(built, sizes_in_c(built, tmp_path), strict=True):
        for layer, planned in enumerate(engine.plan.scratch_bytes):
            name, size = known.get(layer, ("", 0))
            assert planned == size, f"{engine.program.layers[layer]}: planned {planned}, {name or 'no function'} {size}"
            seen.add(name)
    declared = {path.stem for path in RUNTIME.rglob("kws_*_get_buffer_size.c") if path.parent.name not in NO_KERNELS}
    assert declared <= seen


@pytest.mark.parametrize("name", [p.stem for p in sorted(RUNTIME.rglob("kws_*_get_buffer_size.c"))])
def test_a_missing_layer_needs_no_scratch(name: str) -> None:
    library = ctypes.CDLL(str(runtime_folder() / "libkws.so"))
    if hasattr(library, name):  # the detector is a library of its own
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_uint32, [ctypes.c_void_p]
        assert function(None) == 0
