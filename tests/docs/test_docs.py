"""The documentation: every command runs, every option exists, every link leads somewhere."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.zoo import find_shipped
from pipelines.kws import COMMANDS
from pipelines.openers import opener_of
from pipelines.stream import hear
from tests.docs.blocks import (
    DOCS,
    ROOT,
    Command,
    code_blocks,
    commands,
    document,
    indented_commands,
    inline_options,
)
from tests.pipelines.conftest import run

pytestmark = pytest.mark.xdist_group("docs")
PAGES = [ROOT / "README.md", *(document(name) for name in DOCS)]
DEVICE_TOOLS = ("arm-none-eabi-gcc", "qemu-system-arm")
NEEDS_DEVICE = ("emulate", "choose")
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def click_command(name: str) -> Any:
    """A command of `kws` as click knows it."""
    assert name in COMMANDS, f"kws has no command {name!r}"
    module = importlib.import_module(f"pipelines.{name}")
    if hasattr(module, "group"):
        return typer.main.get_command(module.group)
    app = typer.Typer()
    app.command()(module.command)
    return typer.main.get_command(app)


def check(command: Command) -> None:
    """Parse a command without running it."""
    program, *rest = command.words
    if program == "kws":
        found = click_command(rest[0])
        if (subcommands := getattr(found, "commands", None)) and rest[1:]:
            found, rest = subcommands[rest[1]], rest[1:]
        try:
            found.make_context(rest[0], rest[1:])
        except Exception as error:  # typer's own copy of click raises its own classes
            raise AssertionError(f"line {command.line}: {command.text}: {error}") from error
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text()
        for target in (word for word in rest if "=" not in word):
            assert re.search(rf"^{target}:", makefile, re.M), f"make has no target {target}"


def perform(command: Command, folder: Path) -> Path:
    """Run a command in ``folder``; return the folder in which the next one runs."""
    words = command.words
    if words[0] == "cd":
        return folder / words[1]
    if words[0] == "kws":
        if hasattr(importlib.import_module(f"pipelines.{words[1]}"), "group"):
            result = CliRunner().invoke(importlib.import_module(f"pipelines.{words[1]}").group, words[2:])
        else:
            result = run(words[1], *words[2:])
        assert result.exit_code == 0, f"line {command.line}: {command.text}\n{result.output}"
    else:
        done = subprocess.run(["bash", "-ec", command.text], cwd=folder, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"line {command.line}: {command.text}\n{done.stdout}{done.stderr}"
    return folder


def follow(name: str, folder: Path) -> None:
    """Run the commands of a page one after the other, as a reader does."""
    without_device = any(shutil.which(tool) is None for tool in DEVICE_TOOLS)
    here = folder
    for command in commands(document(name).read_text(encoding="utf-8")):
        on_device = command.kind == "device" or command.words[1:2] in [[each] for each in NEEDS_DEVICE]
        if command.kind == "not run" or (without_device and (on_device or "--board" in command.text)):
            check(command)
        else:
            here = perform(command, here)
    assert here.resolve() == folder.resolve()


@pytest.fixture(scope="module")
def after_tutorial(workspace: Path) -> Path:
    """The reader's folder once the tutorial has been followed: the other pages go on from there."""
    follow("tutorial", workspace)
    return workspace


def test_the_tutorial_ends_with_what_it_promises(after_tutorial: Path) -> None:
    run_folder = after_tutorial / "runs" / "first"
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert metrics["accuracy"]["model_int8.tflite"]["accuracy"] > 0.4  # of four classes: the small recipe does learn
    for name in ("report.html", "model_card.md", "tuned.tflite", "det.png", "confusion.png", "recipe.yaml"):
        assert (run_folder / name).stat().st_size > 0
    assert (after_tutorial / "firmware" / "spotter.c").is_file()
    if shutil.which(DEVICE_TOOLS[0]):
        assert (after_tutorial / "firmware" / "firmware.elf").is_file()


def test_the_first_model_hears_voices_that_trained_nothing(after_tutorial: Path) -> None:
    """Six words of the recording that ships."""
    model = StreamModel.open(after_tutorial / "runs" / "first" / "model_int8.tflite", opener_of("fast"))
    assert sum(each.word in ("left", "right") for each in hear(model, find_shipped("tiny").sample).heard) >= 3


@pytest.mark.recordings
def test_the_first_model_hears_people(after_tutorial: Path, recordings: Path) -> None:
    rng = np.random.default_rng(0)
    clips = [path for word in ("left", "right") for path in sorted((recordings / word).glob("*.flac"))[3::100][:6]]
    parts = [soundfile.read(path, dtype="int16")[0] for path in clips[:11]]
    noise = rng.normal(0, 4, 11200).astype(np.int16)
    soundfile.write("people.wav", np.concatenate([noise, *(part for clip in parts for part in (clip, noise))]), 16000)
    model = StreamModel.open(after_tutorial / "runs" / "first" / "model_int8.tflite", opener_of("fast"))
    assert len(hear(model, Path("people.wav")).heard) >= 5


@pytest.mark.parametrize("name", [name for name in DOCS if name != "tutorial"])
def test_the_commands_of_the_page_run(after_tutorial: Path, name: str) -> None:
    follow(name, after_tutorial)


def test_custom_keywords_say_what_they_can_be_trusted_with(after_tutorial: Path) -> None:
    folder = after_tutorial / "runs" / "small"
    if not folder.is_dir():
        follow("custom_keywords", after_tutorial)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["data"]["speech"]["train"]["recorded"] == 6  # two files of three utterances
    assert any("synthesised voices only" in sentence for sentence in metrics["trust"])
    for readme in (folder / "firmware" / "README.md", folder / "firmware" / "engine" / "README.md"):
        text = readme.read_text(encoding="utf-8")
        assert all(sentence in text for sentence in metrics["trust"])


@pages
def test_every_option_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for command in [*commands(text), *indented_commands(text)]:
        check(command)
    for name, options in inline_options(text):
        found = click_command(name)
        known = {
            option for one in [found, *getattr(found, "commands", {}).values()] for p in one.params for option in p.opts
        }
        assert set(options) <= known | {"--help"}, f"kws {name} has no {set(options) - known}"


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pages
def test_what_is_not_run_says_why(page: Path) -> None:
    for command in commands(page.read_text(encoding="utf-8")):
        assert command.kind == "run" or len(command.reason) > 10


def test_the_integration_example_compiles(after_tutorial: Path, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    blocks = code_blocks(document("device").read_text(encoding="utf-8"), "c")
    assert blocks
    for number, _, _, text in blocks:
        source = tmp_path / f"line{number}.c"
        source.write_text(text)
        options = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", str(after_tutorial / "firmware")]
        done = subprocess.run([compiler, *options, str(source)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_a_wrong_option_is_seen() -> None:
    """Without this the tests above could not fail."""
    for text in ("```bash\nkws build --keyword x\n```", "```bash\nkws bild x\n```", "```bash\nmake demos\n```"):
        with pytest.raises(AssertionError):
            check(commands(text)[0])
    assert inline_options("Say `kws build R --bord x`.") == [("build", ["--bord"])]
