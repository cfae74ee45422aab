"""What every package promises: one name in front, licence and version in every file, the same bytes, all or nothing."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from package_support import NAME, compiled, package, run

from firmware_export.codegen.rename import renamed
from firmware_export.codegen.stamp import head_text
from firmware_export.graphs.wake_words import wake_word_model
from firmware_export.packages.package_export import RECORD, TARGETS, export_package
from kws_tfmot import __version__
from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import KwsError, RecipeError
from kws_tfmot.files import sha256_bytes, sha256_file
from kws_tfmot.manifest import Manifest
from kws_tfmot.tflite.reader import read_model
from tests.firmware_export.test_engine_example import CONTRACT, listener

Packages = Callable[[str], Path]
ROOT = Path(__file__).resolve().parents[3]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_package_that_takes_steps_passes_its_selftest(tmp_path: Path) -> None:
    """Every row once, a decision at every step, and of a file with state its own steps."""
    state = wake_word_model(seed=5)
    manifest = Manifest.model_validate(
        {"type": "micro", "wake_word": "nova", "micro": {"probability_cutoff": 0.5, "sliding_window_size": 3}}
    )
    own = ModelContract.of_manifest(manifest, read_model(state))
    cases = {"steps": (listener(), CONTRACT, {"stream": True, "hop": 2}), "state": (state, own, {})}
    for name, (model, contract, options) in cases.items():
        folder = tmp_path / name
        export_package(model, folder, contract, "zephyr", name=NAME, **options)
        assert f"define HEY_NOVA_MODEL_STEP_ROWS {2 if name == 'steps' else 3} " in "".join(
            path.read_text() for path in (folder / "src").glob("*_model.h")
        )
        made = compiled(folder, folder / "objects")
        main = folder / "samples/selftest/src/main.c"
        run("gcc", f"-I{folder / 'src'}", "-o", "selftest", main, *made, cwd=folder)
        assert run(folder / "selftest").startswith("selftest passed: ")


@pytest.mark.parametrize("target", TARGETS)
def test_the_record_lists_every_file(packages: Packages, target: str) -> None:
    record = json.loads((packages(target) / RECORD).read_text())
    files = files_of(packages(target))
    assert record["files"] == {name: sha256_bytes(data) for name, data in files.items() if name != RECORD}
    assert (record["target"], record["name"], record["version"]) == (target, NAME, __version__)
    assert record["labels"] == list(CONTRACT.labels)


@pytest.mark.parametrize("target", TARGETS)
def test_licence_and_version_stand_in_every_file(packages: Packages, target: str) -> None:
    for name, data in files_of(packages(target)).items():
        if name.endswith(".pack") or name == "LICENSE":
            continue
        text = data.decode()
        if name.endswith(".json"):
            assert "Apache-2.0" in text and __version__ in text, name
        else:
            assert head_text() in text, name
    assert (packages(target) / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("target", TARGETS)
def test_the_readme_says_how_to_build_and_what_was_tested(packages: Packages, target: str) -> None:
    text = (packages(target) / "README.md").read_text()
    assert not re.search(r"@\w+@", text)
    assert "Tested:" in text and "## Licence" in text and f"packed for {target}" in text


@pytest.mark.parametrize("target", TARGETS)
def test_the_sources_are_the_same_in_every_target(packages: Packages, target: str) -> None:
    assert files_of(packages(target) / "src") == files_of(packages("cmake") / "src")


def test_every_global_name_begins_with_the_package(packages: Packages, tmp_path: Path) -> None:
    sources = sorted((packages("cmake") / "src").glob("*.c"))
    run("gcc", "-c", "-O0", *sources, cwd=tmp_path)
    symbols = run("nm", "--defined-only", "-g", *sorted(tmp_path.glob("*.o")))
    names = re.findall(r"^[0-9a-f]+ [A-Z] (\S+)$", symbols, re.MULTILINE)
    assert len(names) > 20 and [name for name in names if not name.startswith(NAME)] == []
    macros = [m for path in sources for m in re.findall(r"^#define (\w+)", path.read_text(), re.MULTILINE)]
    headers = [p.read_text() for p in (packages("cmake") / "src").glob("*.h")]
    macros += [m for text in headers for m in re.findall(r"^#define (\w+)", text, re.MULTILINE)]
    assert [macro for macro in macros if not macro.lower().startswith(NAME)] == []


def test_two_packages_link_into_one_program(packages: Packages, tmp_path: Path) -> None:
    other = package(tmp_path / "other", "cmake", "lights_on")
    main = """#include <stdio.h>
#include "hey_nova_selftest.h"
#include "lights_on_selftest.h"
static hey_nova a; static lights_on b; static int16_t hop[HEY_NOVA_KWS_FRONTEND_HOP_SAMPLES];
int main(void) { uint32_t x, y; int first = hey_nova_selftest(&a, hop, &x), second = lights_on_selftest(&b, hop, &y);
  printf("%d %d %d\\n", first, second, x == y); return 0; }
"""
    (tmp_path / "main.c").write_text(main)
    folders = [packages("cmake") / "src", other / "src"]
    sources = [path for folder in folders for path in sorted(folder.glob("*.c"))]
    run("gcc", "-o", "program", "main.c", *(f"-I{folder}" for folder in folders), *sources, cwd=tmp_path)
    assert run(tmp_path / "program") == "0 0 1\n"


def test_the_selftest_fails_where_a_number_is_another(packages: Packages, tmp_path: Path) -> None:
    folder = packages("cmake") / "src"
    for path in folder.iterdir():
        text = path.read_text()
        if path.name == f"{NAME}_kws_detector_posteriors.c":
            assert "<< 15" in text
            text = text.replace("<< 15", "<< 14")
        (tmp_path / path.name).write_text(text)
    selftest = packages("cmake") / "examples" / "selftest.c"
    run("gcc", "-o", "selftest", "-I.", selftest, *sorted(tmp_path.glob("*.c")), cwd=tmp_path)
    with pytest.raises(AssertionError, match="selftest FAILED"):
        run(tmp_path / "selftest")


def test_the_same_model_gives_the_same_bytes(packages: Packages, tmp_path: Path) -> None:
    for target in ("cmsis-pack", "arduino"):
        assert files_of(package(tmp_path / target, target)) == files_of(packages(target))


def test_another_target_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    package(tmp_path / "out", "zephyr")
    (tmp_path / "out" / "mine.txt").write_text("kept")
    package(tmp_path / "out", "cmake")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("CMakeLists.txt", "LICENSE", "README.md", RECORD, "mine.txt", "src", "examples")
    }


def test_nothing_is_written_where_something_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="unknown target 'ardiuno'"):
        export_package(listener(), tmp_path / "out", CONTRACT, "ardiuno")
    with pytest.raises(RecipeError, match="keyword of C"):
        export_package(listener(), tmp_path / "out", CONTRACT, "cmake", name="double")
    with pytest.raises(KwsError):
        export_package(listener(), tmp_path / "out", replace(CONTRACT, labels=("a", "b")), "cmake")
    assert list(tmp_path.iterdir()) == []


def test_names_of_the_models_labels_stay(tmp_path: Path) -> None:
    labels = ("_silence_", "kws_model_", "hello", "KWS_")
    contract = replace(CONTRACT, labels=labels, detection=CONTRACT.detection)
    export_package(listener(), tmp_path, contract, "cmake", name="own")
    assert '{ "_silence_", "kws_model_", "hello", "KWS_" }' in (tmp_path / "src" / "own_model.h").read_text()


def test_the_digest_of_the_tables_is_that_of_what_follows(packages: Packages) -> None:
    text = (packages("cmake") / "src" / f"{NAME}_kws_frontend_tables.c").read_text()
    digest, rest = re.search(r"SHA-256 of what follows: ([0-9a-f]{64}) \*/\n(.*)", text, re.DOTALL).groups()
    assert sha256_bytes(rest.encode()) == digest
    assert "hey_nova_kws_frontend" in renamed('#include "kws_frontend.h"', NAME)


def test_the_pack_holds_the_folder(packages: Packages) -> None:
    folder = packages("cmsis-pack")
    with zipfile.ZipFile(next(folder.glob("*.pack"))) as pack:
        assert pack.testzip() is None
        inside = {name: sha256_bytes(pack.read(name)) for name in pack.namelist()}
    beside = {name: sha256_file(folder / name) for name in files_of(folder)}
    assert inside == {name: digest for name, digest in beside.items() if not name.endswith((".pack", RECORD))}
