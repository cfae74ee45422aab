"""What is written is whole or not there, and what the system refuses is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kws_tfmot.data import DataSettings, prepare
from kws_tfmot.errors import KwsError
from kws_tfmot.files import cache_root, remove_partial, replacing, require_place, user_path, write_files


def test_a_new_folder_holds_all_or_nothing(tmp_path: Path) -> None:
    with pytest.raises(KwsError, match="cannot be written"):
        write_files({"a.c": "text", "x" * 300: "text"}, tmp_path / "new")
    assert not list(tmp_path.iterdir())
    write_files({"a.c": "text", "b.bin": b"\0"}, tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.c", "b.bin"]


def test_an_old_folder_keeps_the_old_export_where_the_new_one_fails(tmp_path: Path) -> None:
    write_files({"a.c": "old", "gone.c": "old"}, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(KwsError):
        write_files({"a.c": "new", "x" * 300: "text"}, tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.c": "old", "gone.c": "old", "notes.txt": "mine"}  # fmt: skip
    write_files({"a.c": "new"}, tmp_path, stale=["gone.c"])
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.c": "new", "notes.txt": "mine"}


def test_outputs_may_lie_in_the_home_folder_and_not_in_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert require_place("~/runs/x", folder=True) == tmp_path / "runs" / "x"
    for address in ("s3://bucket/x", "https://host/x", "file:///x"):
        with pytest.raises(KwsError, match=f"a path of this computer. Received: '{address}'"):
            require_place(address, folder=True)


def test_a_home_folder_that_nobody_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/of/someone")
    assert user_path("~/x") == Path("/of/someone/x")
    with pytest.raises(KwsError, match="no home folder for the path '~nobody_of_this_name/x'"):
        prepare("folder:~nobody_of_this_name/x", DataSettings(keywords=("go",)), "/nowhere")
    monkeypatch.delenv("HOME")
    for name in ("KWS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)  # a container's user, of whom the system knows nothing
    with pytest.raises(KwsError, match="let the environment variable HOME"):
        cache_root()


@pytest.mark.parametrize("place", ["file", "file/below", "y" * 300, "nul\0"])
def test_places_that_cannot_be_written_are_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(KwsError):
        write_files({"a.c": "text"}, tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("how", ["cleaned", "written to"])
def test_only_the_dead_lose_what_they_were_writing(tmp_path: Path, how: str) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    with replacing(tmp_path / "model.h5") as temporary:
        living = temporary.name
        temporary.touch()
    (tmp_path / "model.h5").unlink()
    mark = living.split(f".{os.getpid()}-")[1]
    left = tmp_path / f".model.{int(dead.stdout)}-{mark}"
    folder = tmp_path / f".out.{int(dead.stdout)}-{mark.removesuffix('.h5')}"
    there = left.with_name(left.name.replace(".partial", "0.partial"))  # on another computer the process may live
    mine = tmp_path / "notes.partial"
    folder.mkdir()
    for path in (left, tmp_path / living, there, mine, folder / "a.c"):
        path.write_text("half")
    if how == "cleaned":
        remove_partial(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living, there.name, mine.name])
    else:  # the first file that a process writes to a folder
        script = "from kws_tfmot.files import write_text; import sys; write_text(sys.argv[1], 'whole')"
        subprocess.run([sys.executable, "-c", script, str(tmp_path / "page.html")], check=True)
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living, there.name, mine.name, "page.html"])


KILLED = """
import os, sys
from kws_tfmot import files
left = int(sys.argv[2])
def counted(step):
    def one(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
        return step(*arguments, **named)
    return one
for name in ("mkdir", "replace", "rename", "write_bytes", "unlink"):
    setattr(files.Path, name, counted(getattr(files.Path, name)))
files.write_files({"a.c": "new", "sub/b.c": "new", "c.c": "new"}, sys.argv[1], stale=["old.c"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="folders are exchanged at once on Linux only")
def test_a_kill_at_any_moment_leaves_the_old_export_or_the_new_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    old = {"a.c": "old", "sub/b.c": "old", "old.c": "old", "notes/mine.txt": "mine"}
    new = {"a.c": "new", "sub/b.c": "new", "c.c": "new", "notes/mine.txt": "mine"}
    seen = set()
    for steps in range(40):
        write_files(old, out)
        (out / "c.c").unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-c", KILLED, str(out), str(steps)], check=False)
        found = {p.relative_to(out).as_posix(): p.read_text() for p in out.rglob("*") if p.is_file()}
        assert found in (old, new), steps
        seen.add(found == new)
        if done.returncode == 0:
            break
    assert done.returncode == 0
    assert seen == {False, True}
    write_files(new, out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
