"""What `export_engine` writes: byte-stable, accepted by every compiler with all warnings, and documented."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from plane_models import layers

from firmware_export.encodings import ENCODINGS
from firmware_export.encodings.cost_model import choose
from firmware_export.engine import build, engine_sources, export_engine
from firmware_export.graphs.ds_cnn_benchmark import LABELS, ds_cnn
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.graphs.random_graphs import SeededChooser, random_model
from firmware_export.graphs.recurrent_models import lstm_model, svdf_model
from firmware_export.graphs.wide_model import wide_model
from kws_tfmot.errors import KwsError, ModelError, RecipeError
from kws_tfmot.files import sha256_file

ROOT = Path(__file__).resolve().parents[2]
WORDS = (0, 1, 127, 255, 0x7FFFFFFF, 0xFFFFFFFF)
# Random models that reach a kernel before others; whatever they leave out is looked for among all.
FIRST = (0, 1, 2, 3, 5, 6, 7, 13, 14, 16, 22, 25, 26, 27, 31, 41, 46, 57, 96, 210, 211)
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that together use every kernel, exported into one folder: random ones that reach one more than before."""
    folder, trial = (tmp_path_factory.mktemp(name) for name in ("export", "trial"))
    export_engine(ds_cnn(0.75), folder, name="ds_cnn", encodings=("nm",))
    export_engine(ds_cnn(), folder, name="ds_cnn_dense", encodings=("dense",))
    export_engine(lstm_model(0, 3), folder, name="lstm")
    export_engine(svdf_model(0), folder, name="svdf")
    export_engine(wide_model(0), folder, name="wide")
    export_engine(layers(7, 5), folder, name="planes", encodings=("planes",))
    left = {path.name for path in engine_sources() if path.parent.name != "streaming"}  # see test_streaming.py
    left -= {path.name for path in folder.iterdir()}
    for number in (*FIRST, *sorted(set(range(400)) - set(FIRST))):
        if not left:
            break
        encodings = (sorted(ENCODINGS)[number % len(ENCODINGS)],)
        model = random_model(SeededChooser(number), 6)
        export_engine(model, trial / str(number), name="net", encodings=encodings)
        if reached := left & {path.name for path in (trial / str(number)).iterdir()}:
            left -= reached
            export_engine(model, folder, name=f"net{number}", encodings=encodings)
    return folder


def compile_all(folder: Path, command: list[str]) -> None:
    """All warnings are errors. The code itself is made, for every core, in the tests that run it."""
    sources = sorted(path.name for path in folder.glob("*.c"))
    arguments = [*command, *STRICT, *sources]
    result = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[:2000]


def test_every_runtime_file_is_reached_by_some_model(exported: Path) -> None:
    whole = {p.name for p in engine_sources() if p.parent.name != "streaming"}
    assert whole - {p.name for p in exported.iterdir()} == set()


@pytest.mark.parametrize(
    "command", [["gcc", "-std=c11", "-O2"], ["gcc", "-std=c99", "-O0"], ["g++", "-x", "c++", "-std=c++17", "-O2"]]
)
def test_strict_on_this_computer(exported: Path, command: list[str]) -> None:
    compile_all(exported, command)


def cross_compiler(core: str) -> list[str]:
    return ["arm-none-eabi-gcc", f"-mcpu={core}", "-mthumb", "-std=c11", "-Os"]


@pytest.mark.device
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m55"])
def test_strict_for_every_core(exported: Path, core: str) -> None:
    compile_all(exported, cross_compiler(core))


@pytest.mark.device
def test_the_cortex_m7_is_a_cortex_m4_to_sources() -> None:
    """No warning about syntax can differ where no macro does."""
    macros = [
        subprocess.run([*cross_compiler(core), "-dM", "-E", "-xc", "-"], input="", capture_output=True, text=True)
        for core in ("cortex-m4", "cortex-m7")
    ]
    assert macros[0].returncode == 0 and "__ARM_FEATURE_DSP 1" in macros[0].stdout
    assert macros[0].stdout == macros[1].stdout


def test_exporting_twice_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(ds_cnn(0.8))
    code = (
        "import sys; from firmware_export.engine import export_engine;"
        "export_engine(sys.argv[1], sys.argv[2], optimise='size', labels=tuple('abcdefghijkl'))"
    )
    for run in ("one", "two"):
        command = [sys.executable, "-c", code, str(tmp_path / "model.tflite"), str(tmp_path / run)]
        subprocess.run(
            command, check=True, env={"PYTHONHASHSEED": str(len(run) + ord(run[0])), "PYTHONPATH": str(Path.cwd())}
        )
    one, two = ({p.name: sha256_file(p) for p in (tmp_path / run).iterdir()} for run in ("one", "two"))
    assert one == two
    assert {"model.c", "model.h", "README.md", "kws_engine.h"} <= set(one)


def test_the_export_says_what_it_stored(tmp_path: Path) -> None:
    report = export_engine(ds_cnn(0.75), tmp_path, labels=LABELS, optimise="size")
    header = (tmp_path / "model.h").read_text(encoding="utf-8")
    assert f"#define MODEL_ARENA_BYTES {report['arena_bytes']} " in header
    assert '"yes"' in header and report["model_sha256"] in header
    weights = [layer for layer in report["layers"] if "encoding" in layer]
    assert len(weights) == 6
    assert all(layer["encoded_bytes"] < 0.6 * layer["dense_bytes"] for layer in weights[:5])
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "75.0%" in readme and str(report["arena_bytes"]) in readme


def test_only_the_kernels_in_use_are_copied(tmp_path: Path) -> None:
    export_engine(ds_cnn(), tmp_path)
    names = {p.name for p in tmp_path.iterdir()}
    assert "kws_conv_dense.c" in names
    assert not names & {"kws_conv_bitmap.c", "kws_add.c", "kws_max_pool.c", "kws_lookup.c", "kws_depthwise_any.c"}


def test_the_tilt_trades_bytes_for_cycles() -> None:
    model = ds_cnn(0.75)
    speed, size = build(model, optimise="speed"), build(model, optimise="size")
    assert sum(p.bytes for p in size.picked if p) < sum(p.bytes for p in speed.picked if p)
    assert sum(p.cycles for p in size.picked if p) > sum(p.cycles for p in speed.picked if p)
    assert choose([], "size") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimise": "fast"}, "speed, balanced, size"),
        ({"optimise": "sizes"}, "Did you mean 'size'"),
        ({"encodings": ("bitmaps",)}, "Did you mean 'bitmap'"),
        ({"name": "3d model"}, "letters, digits"),
        ({"name": "kws_engine"}, "does not begin with kws_"),
        ({"labels": ("yes", "no")}, "expected 12 labels"),
    ],
)
def test_wrong_arguments_are_refused_with_the_way_out(arguments: dict[str, object], message: str) -> None:
    with pytest.raises((RecipeError, ModelError), match=message):
        build(ds_cnn(), **arguments)  # type: ignore[arg-type]


def unsupported_model() -> bytes:
    """Three operators the engine cannot run, each for another reason."""
    w = GraphWriter()
    x = w.activation((1, 6, 6, 2), 0.1, 0)
    a, b, c = (w.activation((1, 6, 6, 2), 0.1, 0) for _ in range(3))
    w.operator("COS", [x], [a])
    w.operator("ADD", [x, x], [b], fused_activation_function="TANH")
    w.operator("RESHAPE", [x, w.constant(np.array([2, 6, 3, 2], np.int32))], [w.activation((2, 6, 3, 2), 0.1, 0)])
    w.operator("ADD", [a, b], [c])
    return w.finish([x], [c])


def test_everything_unsupported_is_listed_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        build(unsupported_model())
    text = str(caught.value)
    assert "operator 0 COS" in text and "operator 1 ADD: fused activation TANH" in text
    assert "operator 2 RESHAPE" in text and "batch" in text
    assert "operator 3" not in text  # follows from the others
    assert "CONV_2D" in text  # what is supported


@pytest.mark.parametrize(("given", "made"), [((200, 200, 2), (1, 1, 2)), ((100, 100, 1), (100, 100, 8))], ids=str)
def test_ends_of_more_numbers_than_sixteen_bits_count_are_refused(given: tuple, made: tuple) -> None:
    w = GraphWriter()
    x, y = w.activation((1, *given), 0.5, 3), w.activation((1, *made), 0.5, 3)
    if made[0] == 1:
        options = {"padding": "VALID", "stride_h": 1, "stride_w": 1, "filter_height": 200, "filter_width": 200}
        w.operator("MAX_POOL_2D", [x], [y], **options)
    else:
        weights = w.weights(np.ones((8, 1, 1, 1), np.int8), np.ones(8, np.float32), 0)
        w.operator("CONV_2D", [x, weights], [y], padding="SAME", stride_h=1, stride_w=1)
    with pytest.raises(ModelError, match="at most 65535"):
        build(w.finish([x], [y]))


@pytest.mark.parametrize(
    ("missing", "said"), [("nothing.tflite", r"no model file at .*nothing\.tflite"), (".", "Received: .*, a folder")]
)
def test_a_model_that_cannot_be_read_is_refused(missing: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=said):
        build(tmp_path / missing)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, len(changed) - 4))
        kind = int(rng.integers(0, 5))
        if kind == 0:
            changed[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            changed[at & ~3 : (at & ~3) + 4] = int(rng.choice(WORDS)).to_bytes(4, "little")
        elif kind == 2:
            changed[at] = int(rng.integers(0, 256))
        elif kind == 3:
            other = int(rng.integers(0, len(changed) - 4))
            changed[at : at + 4] = changed[other : other + 4]
        elif len(changed) > 64 and rng.random() < 0.3:
            del changed[at:]
            changed += bytes(8)
    return bytes(changed)


def survivors(count: int, seed: int) -> int:
    """Build mutated models: only KwsError may come out. Returns how many still built."""
    rng = np.random.default_rng(seed)
    originals = [random_model(SeededChooser(s)) for s in range(seed, seed + 12)]
    built = 0
    for number in range(count):
        try:
            build(mutated(originals[number % len(originals)], rng))
            built += 1
        except KwsError:
            pass
    return built


def test_mutated_models_give_code_or_a_kws_error() -> None:
    built = survivors(150, 20)
    assert 0 < built < 150


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_thousands_of_mutated_models_give_code_or_a_kws_error(seed: int) -> None:
    assert survivors(1000, seed) > 0
