"""Which commit and environment a figure says it comes from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kws_tfmot import provenance


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", "-C", folder, *names, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_a_commit_is_named_and_changes_to_it_are_not_hidden(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert provenance.commit_of(repository) == head and len(head) == 40
    (repository / "notes.txt").write_text("beside the sources")
    assert provenance.commit_of(repository) == head
    (repository / "a.py").write_text("2")
    assert provenance.commit_of(repository) == f"{head}+changes"
    git(repository, "add", "a.py")
    assert provenance.commit_of(repository) == f"{head}+changes"


def test_outside_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit_of(tmp_path) == ""


def test_a_package_installed_inside_a_foreign_repository_has_no_commit(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "env").mkdir()
    installed = repository / "env" / "provenance.py"
    installed.write_text("")
    monkeypatch.setattr(provenance, "__file__", str(installed))
    provenance.own_commit.cache_clear()
    assert provenance.own_commit() == ""
    git(repository, "add", "env")
    provenance.own_commit.cache_clear()
    assert provenance.own_commit() == git(repository, "rev-parse", "HEAD") + "+changes"
    provenance.own_commit.cache_clear()


def test_threads_are_part_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert provenance.environment()["threads"] == "3"
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    assert int(provenance.environment()["threads"]) >= 1
    assert {"python", "tensorflow", "tflite-micro", "numpy"} <= provenance.environment().keys()
