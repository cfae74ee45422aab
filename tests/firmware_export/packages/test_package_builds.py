"""Each package is built as its tool chain would, as far as registries give the tools; each README says what was not."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
import yaml
from package_support import ARM, NAME, STAND_INS, compiled, run

from firmware_export.boards import BOARDS
from firmware_export.emulation.emulator import run_firmware
from firmware_export.emulation.firmware_build import build_firmware
from firmware_export.emulation.steps import open_engine
from kws_tfmot.detection.detector import DetectorPlan
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.tflite.interpreter import input_spec
from kws_tfmot.tflite.reader import read_model
from pipelines.experiments.device_bench import sweep
from tests.firmware_export.test_engine_example import CONTRACT, listener

Packages = Callable[[str], Path]
cmake = pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake missing: pip install cmake")


@cmake
def test_cmake_builds_and_hears_what_the_desktop_hears(packages: Packages, tmp_path: Path) -> None:
    run("cmake", "-S", packages("cmake"), "-B", tmp_path, "-DCMAKE_BUILD_TYPE=Release")
    run("cmake", "--build", tmp_path)
    assert "100% tests passed" in run("ctest", "--test-dir", tmp_path)
    sound = sweep(3)
    soundfile.write(tmp_path / "sweep.wav", sound, 16000)
    said = run(tmp_path / f"{NAME}_listen", tmp_path / "sweep.wav").splitlines()
    plan = DetectorPlan.of(read_model(listener()), CONTRACT.labels, CONTRACT.frontend, CONTRACT.detection)
    desktop = StreamModel(CONTRACT, plan, open_engine(listener()), input_spec(read_model(listener())), "")
    heard = desktop.spot(sound)
    assert len(heard) > 5
    assert said == [f"{each.frame} {each.word} {round(each.score * 32768)}" for each in heard]


@cmake
@pytest.mark.device
def test_cmake_with_a_cross_compiler(packages: Packages, tmp_path: Path) -> None:
    options = [
        "-DCMAKE_SYSTEM_NAME=Generic",
        f"-DCMAKE_C_COMPILER={ARM[0]}",
        "-DCMAKE_C_FLAGS=-mcpu=cortex-m33 -mthumb",
    ]
    run("cmake", "-S", packages("cmake"), "-B", tmp_path, *options, "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY")
    run("cmake", "--build", tmp_path)
    assert "T hey_nova_push" in run("arm-none-eabi-nm", tmp_path / f"lib{NAME}.a")


def sketch(folder: Path, name: str, objects: Path) -> Path:
    """A sketch as the IDE compiles it: C++11 behind Arduino.h."""
    text = (folder / "examples" / name / f"{name}.ino").read_text()
    (objects / f"{name}.cpp").write_text(f"#include <Arduino.h>\n{text}")
    command = ("g++", "-std=gnu++11", "-O2", "-Wall", "-Wextra", "-Werror", "-c", f"{name}.cpp", "-o", f"{name}.ino.o")
    run(*command, f"-I{STAND_INS / 'arduino'}", f"-I{folder / 'src'}", cwd=objects)
    return objects / f"{name}.ino.o"


def test_arduino_compiles_and_its_selftest_passes(packages: Packages, tmp_path: Path) -> None:
    folder = packages("arduino")
    for name in ("PdmMicrophone", "I2sMicrophone"):
        sketch(folder, name, tmp_path)
    main = '#include "Arduino.h"\nint main() { setup(); loop(); return 0; }\n'
    program = (tmp_path / "selftest.cpp").write_text(main) and sketch(folder, "Selftest", tmp_path)
    made = compiled(folder, tmp_path / "library")
    run("g++", "-o", "selftest", f"-I{STAND_INS / 'arduino'}", "selftest.cpp", program, *made, cwd=tmp_path)
    assert run(tmp_path / "selftest").startswith("selftest passed: ")


def test_arduino_properties_follow_the_library_specification(packages: Packages) -> None:
    lines = (packages("arduino") / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert required <= set(fields) and fields["includes"] == f"{NAME}.h"
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}", fields["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert fields["category"] in {
        *("Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing", "Data Storage"),
        *("Data Processing", "Other"),
    }
    words = (packages("arduino") / "keywords.txt").read_text().splitlines()
    assert all(re.fullmatch(r"\w+\t(KEYWORD[12]|LITERAL1)", line) for line in words if not line.startswith("#"))


def test_platformio_accepts_its_manifest(packages: Packages, monkeypatch: pytest.MonkeyPatch) -> None:
    parser = pytest.importorskip("platformio.package.manifest.parser", reason="pip install platformio")
    from platformio.package.manifest.schema import ManifestSchema

    known = {"licenses": [{"licenseId": "Apache-2.0"}]}  # it would fetch the list from the net
    monkeypatch.setattr(ManifestSchema, "load_spdx_licenses", staticmethod(lambda: known))
    for path in (packages("platformio") / "library.json", packages("arduino") / "library.properties"):
        manifest = ManifestSchema().load_manifest(parser.ManifestParserFactory.new_from_file(str(path)).as_dict())
        assert (manifest["name"], manifest["headers"]) == (NAME, [f"{NAME}.h"])
    for example in ManifestSchema().load_manifest(
        parser.ManifestParserFactory.new_from_file(str(packages("platformio") / "library.json")).as_dict()
    )["examples"]:
        assert all((packages("platformio") / example["base"] / file).is_file() for file in example["files"])


def test_platformio_projects_compile(packages: Packages, tmp_path: Path) -> None:
    folder = packages("platformio")
    made = compiled(folder, tmp_path / "library")
    run(
        "gcc",
        "-O2",
        f"-I{folder / 'src'}",
        "-o",
        "selftest",
        folder / "examples/selftest/src/main.c",
        *made,
        cwd=tmp_path,
    )
    assert run(tmp_path / "selftest").startswith("selftest passed: ")
    for name in ("pdm_microphone", "i2s_microphone"):
        main = folder / "examples" / name / "src" / "main.cpp"
        run("g++", "-std=gnu++11", "-Wall", "-fsyntax-only", f"-I{STAND_INS / 'arduino'}", f"-I{folder / 'src'}", main)


def test_zephyr_module_has_known_keys_and_files(packages: Packages) -> None:
    """The keys are those of the schema in Zephyr's ``scripts/zephyr_module.py``."""
    folder = packages("zephyr")
    module = yaml.safe_load((folder / "zephyr" / "module.yml").read_text())
    assert set(module) <= {"name", "build", "tests", "samples", "boards", "blobs", "security", "package-managers"}
    assert set(module["build"]) <= {
        "cmake",
        "kconfig",
        "cmake-ext",
        "kconfig-ext",
        "sysbuild-cmake",
        "depends",
        "settings",
    }
    assert (folder / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (folder / module["build"]["kconfig"]).is_file()
    assert all((folder / sample).is_dir() for sample in module["samples"])
    sample = yaml.safe_load((folder / "samples/selftest/sample.yaml").read_text())
    assert set(sample["tests"]) == {f"sample.{NAME}.selftest"}


def test_zephyr_kconfig_is_understood(packages: Packages) -> None:
    kconfiglib = pytest.importorskip("kconfiglib", reason="pip install kconfiglib")
    kconfig = kconfiglib.Kconfig(str(packages("zephyr") / "Kconfig"), warn_to_stderr=False)
    assert kconfig.warnings == [] and set(kconfig.syms) >= {f"KWS_{NAME.upper()}"}
    settings = (packages("zephyr") / "samples/selftest/prj.conf").read_text()
    assert f"CONFIG_KWS_{NAME.upper()}=y" in settings.splitlines()


@cmake
@pytest.mark.device
@pytest.mark.parametrize("chosen", [True, False])
def test_zephyr_compiles_what_kconfig_chose(packages: Packages, tmp_path: Path, chosen: bool) -> None:
    folder, build = packages("zephyr"), tmp_path / "build"
    lists = f"""cmake_minimum_required(VERSION 3.20)
project(app C)
include("{STAND_INS / "zephyr" / "functions.cmake"}")
set(CONFIG_KWS_{NAME.upper()} {"y" if chosen else "n"})
add_subdirectory("{folder}" module)
"""
    (tmp_path / "CMakeLists.txt").write_text(lists)
    flags = f"-DCMAKE_C_FLAGS={' '.join(ARM[1:])}"
    options = ("-DCMAKE_SYSTEM_NAME=Generic", f"-DCMAKE_C_COMPILER={ARM[0]}", flags)
    run("cmake", "-S", tmp_path, "-B", build, *options, "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY")
    run("cmake", "--build", build)
    assert [path.name for path in build.rglob("*.a")] == ([f"lib{NAME}.a"] if chosen else [])


def test_zephyr_samples_compile(packages: Packages, tmp_path: Path) -> None:
    folder = packages("zephyr")
    source = folder / "samples/microphone/src/main.c"
    run(
        "gcc",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsyntax-only",
        f"-I{STAND_INS / 'zephyr'}",
        f"-I{folder / 'src'}",
        source,
    )
    made = compiled(folder, tmp_path / "library")
    main = folder / "samples/selftest/src/main.c"
    run("gcc", f"-I{folder / 'src'}", "-o", "selftest", main, *made, cwd=tmp_path)
    assert run(tmp_path / "selftest").startswith("selftest passed: ")


def test_esp_idf_manifests_are_accepted(packages: Packages) -> None:
    manager = pytest.importorskip("idf_component_tools.manager", reason="pip install idf-component-manager")
    folder = packages("esp-idf")
    for path in (folder, *folder.glob("examples/*/main")):
        assert manager.ManifestManager(str(path), NAME).validation_errors == []
    listed = yaml.safe_load((folder / "idf_component.yml").read_text())["examples"]
    assert all((folder / each["path"] / "main" / "main.c").is_file() for each in listed)
    needed = yaml.safe_load((folder / "examples/selftest/main/idf_component.yml").read_text())["dependencies"]
    path = folder / "examples/selftest/main" / needed[NAME]["override_path"]
    assert (path.resolve() / "idf_component.yml").is_file()


@cmake
def test_esp_idf_component_builds(packages: Packages, tmp_path: Path) -> None:
    folder = packages("esp-idf")
    lists = f"""cmake_minimum_required(VERSION 3.16)
project(app C)
include("{STAND_INS / "esp" / "functions.cmake"}")
add_subdirectory("{folder}" component)
add_executable(selftest main.c)
target_link_libraries(selftest {NAME})
"""
    (tmp_path / "CMakeLists.txt").write_text(lists)
    (tmp_path / "main.c").write_text("void app_main(void);\nint main(void) { app_main(); return 0; }\n")
    shutil.copy(folder / "examples/selftest/main/main.c", tmp_path / "app.c")
    (tmp_path / "CMakeLists.txt").write_text(lists.replace("main.c)", "main.c app.c)"))
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build")
    run("cmake", "--build", tmp_path / "build")
    assert run(tmp_path / "build" / "selftest").startswith("selftest passed: ")
    microphone = folder / "examples/microphone/main/main.c"
    run("gcc", "-Wall", "-Werror", "-fsyntax-only", f"-I{STAND_INS / 'esp'}", f"-I{folder / 'src'}", microphone)


def test_esp_idf_sources_compile_for_riscv(packages: Packages, tmp_path: Path) -> None:
    """The core of ESP32-C3, C6 and H2, by Clang from the ziglang wheel."""
    pytest.importorskip("ziglang", reason="pip install ziglang")
    compiler = (sys.executable, "-m", "ziglang", "cc", "-target", "riscv32-linux-musl", "-mcpu=generic_rv32+m+a+c")
    made = compiled(packages("esp-idf"), tmp_path, compiler)
    assert all(path.read_bytes().startswith(b"\x7fELF\x01") for path in made) and made  # of 32 bits


def test_cmsis_description_names_every_file(packages: Packages) -> None:
    folder = packages("cmsis-pack")
    root = ElementTree.parse(next(folder.glob("*.pdsc"))).getroot()
    named = [file.attrib["name"] for file in root.iter("file")]
    assert len(named) == len(set(named)) and all((folder / name).exists() for name in named)
    assert {name for name in named if name.startswith("src/") and name.endswith(".c")} == {
        f"src/{path.name}" for path in (folder / "src").glob("*.c")
    }
    vendor, name = root.findtext("vendor"), root.findtext("name")
    assert next(folder.glob("*.pdsc")).name == f"{vendor}.{name}.pdsc"
    conditions = {condition.attrib["id"] for condition in root.iter("condition")}
    assert {part.attrib["condition"] for part in root.iter("component")} <= conditions
    version = root.find("releases/release").attrib["version"]
    assert next(folder.glob("*.pack")).name == f"{vendor}.{name}.{version}.pack"


def test_arms_schema_accepts_the_description(packages: Packages) -> None:
    schema = os.environ.get("KWS_PACK_XSD")
    if not schema or shutil.which("xmllint") is None:
        pytest.skip("give Arm's schema/PACK.xsd (Open-CMSIS-Pack-Spec) as KWS_PACK_XSD, and apt install libxml2-utils")
    run("xmllint", "--noout", "--schema", schema, next(packages("cmsis-pack").glob("*.pdsc")))


@pytest.mark.device
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4", "cortex-m55"])
def test_cmsis_component_compiles_for_the_cores(packages: Packages, tmp_path: Path, core: str) -> None:
    folder = packages("cmsis-pack")
    assert compiled(folder, tmp_path, (ARM[0], f"-mcpu={core}", "-mthumb"))
    templates = [folder / "examples" / name for name in ("selftest.c", "listen_main.c")]
    run(ARM[0], f"-mcpu={core}", "-mthumb", "-Wall", "-Werror", "-fsyntax-only", f"-I{folder / 'src'}", *templates)


def test_a_wav_of_another_kind_is_refused(packages: Packages, tmp_path: Path) -> None:
    folder = packages("cmake")
    made = compiled(folder, tmp_path / "library")
    run("gcc", f"-I{folder / 'src'}", "-o", "listen", folder / "examples/listen_file.c", *made, cwd=tmp_path)
    for name, rate, channels, subtype in (
        ("rate", 8000, 1, "PCM_16"),
        ("two", 16000, 2, "PCM_16"),
        ("wide", 16000, 1, "PCM_24"),
    ):
        samples = np.zeros((1600, channels), np.int16)
        soundfile.write(tmp_path / f"{name}.wav", samples, rate, subtype=subtype)
        with pytest.raises(AssertionError, match="expected a WAV file"):
            run(tmp_path / "listen", tmp_path / f"{name}.wav")


SELFTEST_ON_A_BOARD = """#include "board.h"
#include "hey_nova_selftest.h"
static hey_nova tested;
static int16_t hop[HEY_NOVA_KWS_FRONTEND_HOP_SAMPLES];
int main(void) {
    uint32_t checksum;
    const int same = hey_nova_selftest(&tested, hop, &checksum) == HEY_NOVA_LISTENING;
    board_print(same ? "passed" : "FAILED");
    return 0;
}
"""


@pytest.mark.device
@pytest.mark.parametrize("board", ["microbit", "mps2-an386", "mps3-an547"])
def test_the_selftest_passes_on_emulated_boards(packages: Packages, tmp_path: Path, board: str) -> None:
    sources = (packages("cmsis-pack") / "src").iterdir()
    files = {path.name: path.read_text(encoding="utf-8") for path in sources} | {"main.c": SELFTEST_ON_A_BOARD}
    elf = build_firmware(BOARDS[board], files, "main.c", tmp_path)
    assert run_firmware(BOARDS[board], elf).output.strip() == "passed"
