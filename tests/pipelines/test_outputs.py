"""Where commands write: every option of every command is refused a place that will not do, before any work.

A command that is added is taken up from the registry; an option that takes a path must be one that only reads (READS),
or be declared with `pipelines.outputs`.
"""

from __future__ import annotations

import inspect
import os
import resource
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from kws_tfmot.zoo import shipped_models
from pipelines import kws
from pipelines.outputs import file_to_write, folder_to_write

READS = {
    "against", "clips", "comparison", "det", "features", "log", "model", "models", "negatives", "paths", "positives",
    "recipe", "recordings", "run", "sound", "verifier",
}  # fmt: skip
WRITERS = {folder_to_write: "folder", file_to_write: "file"}


class Parameter(NamedTuple):
    """An argument or an option of a command, as its function declares it."""

    command: tuple[str, ...]
    name: str
    kind: Any  # its type
    info: Any  # typer's
    required: bool

    @property
    def words(self) -> list[str]:
        """What stands before its value on the command line."""
        if isinstance(self.info, typer.models.ArgumentInfo):
            return []
        declared = (self.info.default, *(self.info.param_decls or ()))  # within Annotated the first stands as default
        named = [each for each in declared if str(each).startswith("--")]
        return [named[0] if named else "--" + self.name.replace("_", "-")]

    @property
    def writes(self) -> str:
        return WRITERS.get(self.info.parser, "")


def functions(app: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Callable[..., Any]]]:
    for command in app.registered_commands:
        if command.callback is not None:
            yield (*path, command.name or command.callback.__name__), command.callback
    for group in app.registered_groups:
        yield from functions(group.typer_instance, (*path, group.name))


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    for name in kws.COMMANDS:
        kws._register(name)
    return kws.app


@pytest.fixture(scope="module")
def parameters(app) -> dict[tuple[str, ...], list[Parameter]]:
    """Those of every command."""
    found = {}
    for path, function in functions(app):
        hints = typing.get_type_hints(function, include_extras=True)
        found[path] = [
            Parameter(path, name, *typing.get_args(hints[name])[:2], parameter.default is parameter.empty)
            for name, parameter in inspect.signature(function).parameters.items()
            if hasattr(hints[name], "__metadata__")
        ]
    return found


def test_every_path_is_read_or_checked_before_it_is_written(parameters) -> None:
    every = [each for own in parameters.values() for each in own]
    paths = [each for each in every if "Path" in str(each.kind)]
    assert [(each.command, each.name) for each in paths if not each.writes and each.name not in READS] == []
    found = {(" ".join(each.command), each.name) for each in paths if each.writes}
    assert {
        ("build", "out_dir"),
        ("export", "out_dir"),
        ("report", "out"),
        ("det", "save"),
        ("sweep", "results"),
    } < found
    assert {command for command, _ in found} > {"zoo copy", "omni search", "bench write", "evaluate", "prepare"}


def hostile(tmp_path: Path, kind: str) -> dict[str, Path]:
    """Places that nothing can be written to, whoever runs the test."""
    (tmp_path / "file").write_text("kept")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    places = {
        "below a file": tmp_path / "file" / "inside",
        "a loop of links": tmp_path / "loop",
        "below a loop": tmp_path / "loop" / "inside",
        "too long a name": tmp_path / ("x" * 300),
        "too long while it is written": tmp_path / ("y" * 250),
        "too long a path": tmp_path.joinpath(*["z" * 100] * 60),
        "of the system": Path("/proc/kws/out"),
        "a device": Path("/dev/null"),
    }
    return places | ({"a file": tmp_path / "file"} if kind == "folder" else {"a folder": tmp_path})


def test_a_place_that_will_not_do_is_refused_by_every_command(app, parameters, tmp_path) -> None:
    turn = 0
    for kind in WRITERS.values():
        (tmp_path / kind).mkdir()
        places = list(hostile(tmp_path / kind, kind).items())
        before = sorted(tmp_path.rglob("*"))
        for path, own in parameters.items():
            needed = [word for each in own if each.required and not each.writes for word in (*each.words, "x")]
            for option in own:
                if option.writes == kind:
                    what, place = places[(turn := turn + 1) % len(places)]
                    said = [*path, *needed, *option.words, str(place)]
                    result = CliRunner().invoke(app, said)
                    assert result.exit_code == 2, (said, what, result.output, result.exception)
                    assert result.output.startswith("error "), (said, what, result.output)
                    assert str(place)[:40] in result.output, (said, what, result.output)
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("check", WRITERS, ids=WRITERS.values())
def test_every_such_place_is_refused(tmp_path, check, capsys) -> None:
    places = hostile(tmp_path, WRITERS[check])
    before = sorted(tmp_path.rglob("*"))
    for what, place in places.items():
        with pytest.raises(SystemExit) as ended:
            check(str(place))
        said = capsys.readouterr().err
        assert ended.value.code == 2
        assert said.startswith("error ") and str(place)[:40] in said, (what, said)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "head"), [("left.wav", b"RIFF----WAVE"), ("mine.yaml", b"seed: 3"), ("float.h5", b"\x89HDF\r\n\x1a\n")]
)
def test_a_file_of_the_users_is_not_written_over(tmp_path, name: str, head: bytes, capsys) -> None:
    (tmp_path / name).write_bytes(head)
    with pytest.raises(SystemExit):
        file_to_write(str(tmp_path / name))
    assert "which would be lost" in " ".join(capsys.readouterr().err.split())
    assert (tmp_path / name).read_bytes() == head
    (tmp_path / "old.tflite").write_bytes(b"\x1c\0\0\0TFL3")
    assert file_to_write(str(tmp_path / "old.tflite")) == tmp_path / "old.tflite"


def test_a_place_that_will_do_is_left_as_it_was(tmp_path) -> None:
    (tmp_path / "old.txt").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path)
    assert folder_to_write(str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    assert folder_to_write(str(tmp_path / "link" / "c")) == tmp_path / "link" / "c"
    assert file_to_write(str(tmp_path / "old.txt")) == tmp_path / "old.txt"
    assert {path.name for path in tmp_path.iterdir()} == {"old.txt", "link"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(SystemExit):
        folder_to_write(str(tmp_path / "locked" / "out"))


def write_commands() -> dict[str, list[str]]:
    """Commands that write and need no training."""
    model = str(shipped_models()[0].model)
    return {
        "zoo copy": ["zoo", "copy", shipped_models()[0].name, "--out", "OUT"],
        "export tflm": ["export", model, "--out", "OUT"],
        "export engine": ["export", model, "--target", "engine", "--out", "OUT"],
        "export arduino": ["export", model, "--target", "arduino", "--out", "OUT"],
        "bench write": ["bench", "write", model, "--core", "m4", "--out", "OUT"],
    }


def test_a_full_disk_leaves_nothing_behind(app, tmp_path) -> None:
    """No file may grow beyond a kilobyte: what a full disk does to a command, at the first larger file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    said = write_commands()
    before = sorted(tmp_path.rglob("*"))
    for what, arguments in said.items():
        words = [str(tmp_path / "out") if word == "OUT" else word for word in arguments]
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            result = CliRunner().invoke(app, words)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert result.exit_code == 2, (what, result.output, result.exception)
        assert result.output.startswith("error ") and "Traceback" not in result.output, (what, result.output)
        assert sorted(tmp_path.rglob("*")) == before, what
