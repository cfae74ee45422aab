"""What `pip wheel .` makes works in a fresh environment without the clone: recipes, C sources, templates, boards."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("kws_tfmot", "firmware_export", "pipelines")
pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("setuptools", "wheel", "pip"))), reason="pip install setuptools wheel"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy of the sources: a build leaves files in the tree."""
    base = tmp_path_factory.mktemp("wheel")
    skip = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in (*PACKAGES, "recipes"):
        shutil.copytree(ROOT / name, base / "tree" / name, ignore=skip)
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "requirements.txt", "README.md", "MANIFEST.in"):
        shutil.copy(ROOT / name, base / "tree")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", base]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, base / "tree"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(base.glob("*.whl")))


def test_every_file_of_the_packages_and_every_recipe_is_in_it(wheel: zipfile.ZipFile) -> None:
    inside = set(wheel.namelist())
    files = [path for name in (*PACKAGES, "recipes") for path in (ROOT / name).rglob("*") if path.is_file()]
    relative = [path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts]
    named = [f"kws_tfmot/{name}" if name.startswith("recipes/") else name for name in relative]
    forgotten = [name for name in named if name not in inside and not name.endswith(".md") and "/." not in name]
    assert forgotten == []
    assert {name.split("/")[0] for name in inside if ".dist-info" not in name} == set(PACKAGES)


@pytest.fixture(scope="module")
def installed(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it; what that depends on is this environment's, but not its kws_tfmot."""
    folder = tmp_path_factory.mktemp("installed")
    builder = venv.EnvBuilder(symlinks=True)
    builder.create(folder)
    options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", *options, wheel.filename]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # A folder named here is searched, but the .pth files in it are not read: no editable install comes along.
    (packages,) = folder.glob("lib/python*/site-packages")
    here = dict.fromkeys(map(sysconfig.get_path, ("purelib", "platlib")))
    (packages / "dependencies.pth").write_text("\n".join(here))
    return folder


def kws(installed: Path, here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    names = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment["KWS_CACHE"] = str(here / "cache")
    command = [installed / "bin" / "kws", *arguments]
    return subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)


def test_the_command_is_that_of_the_wheel(installed: Path, tmp_path: Path) -> None:
    say = f"import {', '.join(PACKAGES)}; print({', '.join(f'{name}.__file__' for name in PACKAGES)})"
    run = [installed / "bin" / "python", "-I", "-c", say]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.count(str(installed)) == 3 and str(ROOT) not in done.stdout, done.stderr
    assert "build" in kws(installed, tmp_path, "--help").stdout


def test_recipes_are_found_by_name(installed: Path, tmp_path: Path) -> None:
    listed = kws(installed, tmp_path, "recipes", "list")
    assert listed.returncode == 0, listed.stderr
    assert "ds_cnn_sparse_int8" in listed.stdout and "wake_word" in listed.stdout


SMALL = (
    "data.synthetic.speakers=10", "data.synthetic.clips_per_word=20", "data.synthetic.clips_per_unknown_word=3",
    "data.synthetic.engines=[espeak]", "data.synthetic.noise_seconds=10", "model.width=8", "convert.also=[]",
)  # fmt: skip
CLIPS = ("augment.epoch_clips=200", "train.epochs=1", "sparsity.epochs=1", "quantization.mode=ptq")
STREAMS = (
    "data.synthetic.near_words=1", "data.synthetic.unknown_words=[house,water,seven]", "streams.epochs=3",
    "streams.teachers=1", "streams.fresh=32", "streams.batch_size=32", "streams.replayed=32", "streams.validation=100",
    "streams.threshold_stretches=100", "streams.processes=1", "streams.speech.engines=[espeak]",
    "streams.speech.espeak=[40,20,20]",
)  # fmt: skip


@pytest.mark.slow
def test_models_are_built_and_exported_without_the_clone(installed: Path, tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")

    def build(*arguments: str, changes: tuple[str, ...]) -> None:
        options = [part for change in changes for part in ("--set", change)]
        done = kws(installed, tmp_path, "build", *arguments, *options)
        assert done.returncode == 0, done.stdout + done.stderr

    build("ds_cnn_sparse_int8", changes=(*SMALL, *CLIPS))
    build("--keywords", "hey nova", changes=(*SMALL, *STREAMS))
    run = tmp_path / "runs" / "ds_cnn_sparse_int8"
    assert set(json.loads((run / "metrics.json").read_text())["commits"].values()) == {""}  # no clone, no commit
    assert (tmp_path / "runs" / "wake_word-hey_nova" / "model_int8.tflite").is_file()
    done = kws(installed, tmp_path, "export", str(run / "model_int8.tflite"), "--target", "engine", "--out", "c")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "c" / "kws_engine.h").is_file()
