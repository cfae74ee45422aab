"""The export for TFLM: what is in the files, that they compile, and that the array is the model."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tflite"))

from tflite_builders import build, ds_cnn, operator, tensor
from tflite_fuzz import mutations

from firmware_export.tflm.op_resolver import METHODS
from firmware_export.tflm.tflm_export import ARENA_MARGIN, export_tflm
from kws_tfmot.errors import KwsError, ModelError
from kws_tfmot.files import sha256_bytes
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.interpreter import outputs_equal
from kws_tfmot.tflite.metadata import write_settings
from kws_tfmot.tflite.schema import SparsityParametersT
from kws_tfmot.tflite.slim import slim

LABELS = ["größe", "yes", "on", "_unknown_", 'a "b" \\ ??/ */']
FRONTEND = {
    "kind": "mfcc",
    "hop_ms": 20,
    "scale": 0.0625,
    "low_hz": -3,
    "fft_size": None,
    "dither": True,
    "mel": {"n": 40},
}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
NAMES = [
    "README.md",
    "kws_model.c",
    "kws_model.h",
    "kws_model.tflite",
    "kws_model_ops.h",
    "kws_model_settings.c",
    "kws_model_settings.h",
]


@pytest.fixture(scope="module")
def model() -> bytes:
    return ds_cnn(np.random.default_rng(1))


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("export") / "größe out"
    return export_tflm(model, directory, labels=LABELS, frontend=FRONTEND), directory


def run(*command: object) -> str:
    return subprocess.run(
        [str(each) for each in command], check=True, capture_output=True, text=True, timeout=600
    ).stdout


def need(tool: str) -> str:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    return tool


def test_report_and_files(exported, model):
    report, directory = exported
    assert list(report.files) == NAMES == sorted(path.name for path in directory.iterdir())
    slimmed = (directory / "kws_model.tflite").read_bytes()
    assert slimmed == slim(model, "tflm", keep_settings=False)
    assert (report.model_bytes, report.sha256) == (len(slimmed), sha256_bytes(slimmed))
    assert (report.source_bytes, report.source_sha256) == (len(model), sha256_bytes(model))
    assert report.operators == ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "MEAN", "SOFTMAX")
    assert report.arena["total"] == report.arena["head"] + report.arena["tail"] > 1600
    assert report.arena_bytes % 16 == 0 and 0 <= report.arena_bytes - report.arena["total"] - ARENA_MARGIN < 16
    assert outputs_equal(slimmed, model)


def test_exporting_twice_gives_the_same_bytes(exported, model, tmp_path):
    _, directory = exported
    export_tflm(model, tmp_path / "again", labels=LABELS, frontend=dict(reversed(FRONTEND.items())))
    for name in NAMES:
        assert (tmp_path / "again" / name).read_bytes() == (directory / name).read_bytes(), name


@pytest.mark.parametrize(("compiler", "standard"), [("gcc", "-std=c11"), ("g++", "-std=c++17")])
def test_the_compiled_array_is_the_file_and_aligned(exported, tmp_path, compiler, standard):
    report, directory = exported
    main = tmp_path / "main.c"
    main.write_text(
        "#include <stdint.h>\n#include <stdio.h>\n#include <string.h>\n"
        '#include "kws_model.h"\n#include "kws_model.h"\n#include "kws_model_settings.h"\n'
        "int main(void) {\n"
        "  if ((uintptr_t)kws_model % 16u != 0u || KWS_MODEL_LABEL_YES != 1u) return 1;\n"
        '  for (unsigned i = 0; i < KWS_MODEL_LABEL_COUNT; ++i) printf("%s\\n", kws_model_labels[i]);\n'
        '  printf("%s\\n%s\\n", KWS_MODEL_SHA256, KWS_MODEL_FRONTEND_KIND);\n'
        '  printf("%.9g %d %.9g %d %d\\n", (double)KWS_MODEL_INPUT_SCALE, KWS_MODEL_INPUT_ZERO_POINT,\n'
        "         (double)KWS_MODEL_OUTPUT_SCALE, KWS_MODEL_OUTPUT_ZERO_POINT, KWS_MODEL_FRONTEND_LOW_HZ);\n"
        '  FILE *out = fopen("array.bin", "wb");\n'
        "  if (out == NULL || fwrite(kws_model, 1, sizeof kws_model, out) != KWS_MODEL_SIZE) return 1;\n"
        "  return fclose(out);\n}\n"
    )
    sources = [directory / "kws_model.c", directory / "kws_model_settings.c", main]
    language = ["-x", "c++"] if compiler == "g++" else []
    run(need(compiler), standard, *WARNINGS, *language, f"-I{directory}", *sources, "-o", tmp_path / "main")
    lines = (
        subprocess.run([tmp_path / "main"], check=True, capture_output=True, cwd=tmp_path).stdout.decode().splitlines()
    )
    assert lines[:5] == LABELS
    assert lines[5:] == [report.sha256, "mfcc", "0.0625 0 0.00390625 -128 -3"]
    assert (tmp_path / "array.bin").read_bytes() == (directory / "kws_model.tflite").read_bytes()


@pytest.mark.device
def test_it_compiles_for_arm_into_read_only_memory(exported, tmp_path):
    _, directory = exported
    for name in ("kws_model.c", "kws_model_settings.c"):
        run(
            "arm-none-eabi-gcc",
            "-mcpu=cortex-m4",
            "-std=c11",
            *WARNINGS,
            "-c",
            directory / name,
            "-o",
            tmp_path / f"{name}.o",
        )
    sizes = run("arm-none-eabi-size", "-A", tmp_path / "kws_model.c.o")
    data = {row.split()[0]: int(row.split()[1]) for row in sizes.splitlines() if row.startswith(".")}
    assert data[".rodata"] == (directory / "kws_model.tflite").stat().st_size and data[".data"] == 0


STUB = """\
#pragma once
enum TfLiteStatus {{ kTfLiteOk = 0, kTfLiteError = 1 }};
namespace tflite {{
template <unsigned int N> class MicroMutableOpResolver {{
 public:
  {methods}
  unsigned used = 0;
  unsigned fail_at = 99;
 private:
  TfLiteStatus Add() {{ return used == fail_at || used >= N ? kTfLiteError : (++used, kTfLiteOk); }}
}};
}}
"""


def test_the_resolver_registers_exactly_the_operators(exported, tmp_path):
    """Compiled against a stand-in for TFLM's class that counts, and fails when it is asked to."""
    _, directory = exported
    headers = tmp_path / "tensorflow" / "lite"
    for name in ("c/common.h", "micro/micro_mutable_op_resolver.h"):
        (headers / name).parent.mkdir(parents=True, exist_ok=True)
        (headers / name).write_text("#pragma once\n")
    methods = "\n  ".join(f"TfLiteStatus {name}() {{ return Add(); }}" for name in METHODS.values())
    (headers / "micro/micro_mutable_op_resolver.h").write_text(STUB.format(methods=methods))
    (tmp_path / "main.cc").write_text(
        '#include "kws_model_ops.h"\n#include "kws_model_ops.h"\n'
        "int main() {\n"
        "  tflite::MicroMutableOpResolver<kKwsModelOperatorCount> good, bad;\n"
        "  bad.fail_at = 2;\n"
        "  return RegisterKwsModelOperators(good) == kTfLiteOk && good.used == 5 && kKwsModelOperatorCount == 5 &&\n"
        "                 RegisterKwsModelOperators(bad) == kTfLiteError && bad.used == 2\n"
        "             ? 0 : 1;\n}\n"
    )
    run(
        need("g++"),
        "-std=c++17",
        *WARNINGS,
        f"-I{tmp_path}",
        f"-I{directory}",
        tmp_path / "main.cc",
        "-o",
        tmp_path / "main",
    )
    run(tmp_path / "main")
    text = (directory / "kws_model_ops.h").read_text()
    assert re.findall(r"resolver\.(\w+)\(\) != kTfLiteOk", text) == [
        "AddConv2D", "AddDepthwiseConv2D", "AddFullyConnected", "AddMean", "AddSoftmax",
    ]  # fmt: skip


def test_labels_and_front_end_come_from_the_model(model, tmp_path):
    with_settings = write_settings(model, {"labels": list("abcde"), "frontend": {"hop_ms": 10}})
    report = export_tflm(with_settings, tmp_path, name="2 wörter")
    assert report.name == "k2_worter"
    text = (tmp_path / "k2_worter_settings.h").read_text()
    assert "#define K2_WORTER_FRONTEND_HOP_MS 10" in text and "#define K2_WORTER_LABEL_E 4u" in text


def test_without_labels_a_stale_label_file_goes(model, tmp_path):
    export_tflm(model, tmp_path, labels=list("abcde"))
    (tmp_path / "main.c").write_text("mine")
    report = export_tflm(model, tmp_path)
    assert "kws_model_settings.c" not in report.files and not (tmp_path / "kws_model_settings.c").exists()
    assert (tmp_path / "main.c").read_text() == "mine"


def test_a_failed_export_leaves_nothing(model, tmp_path):
    with pytest.raises(ModelError, match="expected 5 labels"):
        export_tflm(model, tmp_path / "out", labels=["only", "two"])
    assert list(tmp_path.iterdir()) == []


def test_sparse_encoded_models_are_refused_with_the_way_out(model, tmp_path):
    root = unpack(model)
    root.subgraphs[0].tensors[1].sparsity = SparsityParametersT(np.arange(4, dtype=np.int32))
    with pytest.raises(ModelError, match=r"SparsityParameters(.|\n)*Convert with kind 'int8'"):
        export_tflm(pack(root), tmp_path / "out")


def test_operators_without_a_kernel_are_all_named(tmp_path):
    tensors = [tensor((1, 4), "float32") for _ in range(3)]
    model = build(tensors, [operator("ATAN2", [0, 0], [1]), operator("WHERE", [1], [2])], [0], [2])
    with pytest.raises(ModelError, match="ATAN2, WHERE"):
        export_tflm(model, tmp_path / "out")


def test_float_models_may_be_exported(tmp_path):
    weights = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    tensors = [tensor((1, 8), "float32"), tensor((3, 8), "float32", data=weights), tensor((1, 3), "float32")]
    model = build(tensors, [operator("FULLY_CONNECTED", [0, 1, -1], [2], ("FullyConnectedOptions", {}))], [0], [2])
    report = export_tflm(model, tmp_path, labels=["a", "b", "c"])
    assert report.operators == ("FULLY_CONNECTED",)
    assert "data.f with" in (tmp_path / "README.md").read_text()


def test_mutated_models_give_an_export_or_a_refusal(model, tmp_path):
    """Those that pass the checks are run by TFLM's own code here: none may bring it down."""
    exports = 0
    for number, changed in enumerate(mutations(model, 200, 9)):
        try:
            export_tflm(changed, tmp_path / str(number))
        except KwsError:
            assert not (tmp_path / str(number)).exists()
        else:
            exports += 1
    assert 5 < exports < 195


def test_readme_names_what_it_must(exported):
    report, directory = exported
    text = (directory / "README.md").read_text()
    for part in (
        report.sha256,
        report.source_sha256,
        f"{report.arena['total']:,} bytes",
        "x86-64",
        "RegisterKwsModelOperators",
    ):
        assert part in text
    assert max(len(line) for line in text.splitlines() if "SHA-256" not in line) < 140
