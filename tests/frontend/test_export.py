"""The exported C: the same bytes at every export, no warning from any compiler, the host's features."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from frontend_signals import MICRO_SETTINGS, SETTINGS, extreme_signals

from kws_tfmot.frontend import Frontend, FrontendSettings, c_source, export_tables
from kws_tfmot.frontend.micro_tables import make_micro_tables
from kws_tfmot.frontend.native import HOST_ONLY, MICRO_SOURCES, SOURCES, table_arrays
from kws_tfmot.frontend.tables import make_tables

ALL = SETTINGS | MICRO_SETTINGS
HOST_PROGRAM = Path(__file__).with_name("host_program.c")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def written(settings: FrontendSettings, folder: Path) -> list[str]:
    files = c_source(settings)
    for name, text in files.items():
        (folder / name).write_text(text)
    return sorted(name for name in files if name.endswith(".c"))


def compiled(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_exporting_twice_gives_the_same_bytes() -> None:
    assert c_source(FrontendSettings()) == c_source(FrontendSettings())
    assert export_tables(FrontendSettings()).items() <= c_source(FrontendSettings()).items()
    assert export_tables(FrontendSettings()) != export_tables(FrontendSettings(high_hz=7600))


@pytest.mark.parametrize("name", ["default", "micro"])
def test_firmware_gets_the_very_sources_of_the_host_library(name: str) -> None:
    exported = c_source(ALL[name])
    for path in (MICRO_SOURCES if name == "micro" else SOURCES).glob("*.c"):
        if path.stem not in HOST_ONLY:
            assert exported[path.name] == path.read_text()


@pytest.mark.parametrize("name", ALL)
def test_constants_in_c_are_the_tables(name: str) -> None:
    text = export_tables(ALL[name])["kws_frontend_tables.c"]
    tables = make_micro_tables(ALL[name]) if name in MICRO_SETTINGS else make_tables(ALL[name])
    for member, array in table_arrays(tables).items():
        body = re.search(rf"const \w+ {member}\[(\d+)\] = \{{([^}}]*)\}}", text)
        assert body is not None
        values = [int(value.strip().rstrip("u")) for value in body[2].split(",") if value.strip()]
        assert int(body[1]) == len(values)
        assert values == array.reshape(-1).tolist()


def test_log_mel_carries_no_dct() -> None:
    text = export_tables(FrontendSettings(kind="log_mel"))["kws_frontend_tables.c"]
    assert "dct[" not in text
    assert "NULL, /* dct */" in text


@pytest.mark.parametrize("kind", ["default", "micro"])
def test_nothing_but_integers(kind: str) -> None:
    for name, text in c_source(ALL[kind]).items():
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        assert not re.search(r"\b(float|double|malloc|math\.h|static [^c(]*;)", code), name


@pytest.mark.parametrize("name", ["default", "log_mel", "40_ms", "shortest_fft", "micro", "micro_short"])
def test_host_program_under_sanitizers_equals_the_library(name: str, tmp_path: Path) -> None:
    """Address and undefined-behaviour sanitizers, all warnings, constant sizes, pieces that fit no hop."""
    sources = written(ALL[name], tmp_path)
    checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    compiled(tmp_path, "gcc", "-std=c11", "-O1", *WARNINGS, *checks, "-I.", "-oprogram", *sources, str(HOST_PROGRAM))
    clip = np.concatenate([signal[:4800] for signal in extreme_signals().values()])
    done = subprocess.run([tmp_path / "program"], input=clip.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    features = np.frombuffer(done.stdout, np.int8).reshape(-1, ALL[name].features_per_frame)
    np.testing.assert_array_equal(features, Frontend(ALL[name], "c").features(clip))


@pytest.mark.parametrize("kind", ["default", "micro"])
def test_compiles_as_cpp(kind: str, tmp_path: Path) -> None:
    if not shutil.which("g++"):
        pytest.skip("g++ not found: apt install g++")
    sources = written(ALL[kind], tmp_path)
    compiled(tmp_path, "g++", "-x", "c++", "-std=c++17", "-O2", *WARNINGS, "-c", *sources)
    check = "int main() { return kws_frontend_constants.mels == KWS_FRONTEND_MELS ? 0 : 1; }"
    (tmp_path / "user.cpp").write_text(f'#include "kws_frontend_tables.h"\n{check}\n')
    # C++ code over C objects: the headers' linkage.
    compiled(tmp_path, "gcc", "-std=c11", "-c", *sources)
    compiled(tmp_path, "g++", *WARNINGS, "-ouser", "user.cpp", *(name[:-2] + ".o" for name in sources))
    assert subprocess.run([tmp_path / "user"], check=False).returncode == 0
