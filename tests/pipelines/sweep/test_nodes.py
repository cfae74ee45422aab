"""A node that lacks what the work needs is named at once, in one sentence."""

from __future__ import annotations

import os

import pytest

from kws_tfmot.data.shards import Shard, decode_shard
from kws_tfmot.errors import DataError, RecipeError
from kws_tfmot.progress import SILENT
from pipelines.stages.sweep import cluster, nodes
from pipelines.stages.sweep.nodes import local_paths, missing, signature
from pipelines.stages.sweep.tuning import _why_lost


def test_a_node_says_what_it_lacks(tmp_path) -> None:
    clips, shared = tmp_path / "clips", tmp_path / "shared"
    for folder in (clips / "go", clips / "stop", shared):
        folder.mkdir(parents=True)
    read = local_paths(f"folder:{clips}")
    there = {"recordings": signature(clips)}
    mark = shared / ".seen-1"
    mark.touch()
    assert missing(read, {"sweep's folder": mark}, there) == []
    mark.unlink()
    (clips / "stop").rmdir()
    assert missing(read, {"sweep's folder": mark}, there) == [
        f"has other recordings in {clips}",
        f"does not see the sweep's folder {shared}: it must lie on storage that all nodes share",
    ]
    assert missing({"recordings": tmp_path / "none"}, {}, there) == [
        f"lacks the recordings: there is no {tmp_path / 'none'} on it"
    ]


def test_a_node_that_came_later_says_it_too(tmp_path) -> None:
    shard = Shard(tmp_path / "none", ("go/1.wav",), 16000, 16000, tmp_path / "0.npz")
    with pytest.raises(DataError, match=f"the node {os.uname().nodename} lacks the recordings") as caught:
        decode_shard(shard, SILENT)
    lost = RuntimeError("thirty-five lines")
    lost.cause = caught.value  # type: ignore[attr-defined]
    assert _why_lost(lost) == str(caught.value)
    assert "lost 4 times" in _why_lost(RuntimeError("x"))
    assert not (tmp_path / "0.npz").exists()


def test_a_refusal_leaves_no_folder_that_was_not_there(tmp_path, monkeypatch) -> None:
    kept, new = tmp_path / "kept", tmp_path / "run" / "features"
    kept.mkdir()
    new.parent.mkdir()
    asked = []

    def ask(read, marks, here):
        asked.append([mark.is_file() for mark in marks.values()])
        return [("far (10.0.0.2)", ["lacks the recordings"])]

    monkeypatch.setattr(nodes, "_ask", ask)
    with pytest.raises(RecipeError, match=r"the node far \(10.0.0.2\) lacks the recordings"):
        nodes.require_shared({}, {"run": kept, "epochs": new})
    assert asked == [[True, True]]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["kept", "run"]


@pytest.mark.parametrize(("usual", "place"), [("/scratch", "/scratch"), ("/var/folders/xy/0123456789abcdef/T", "/tmp")])
def test_the_sockets_of_ray_have_short_paths(monkeypatch, usual: str, place: str) -> None:
    """Of 107 bytes at most: a long TMPDIR, as batch systems give, is no reason not to start."""
    monkeypatch.setattr("tempfile.tempdir", usual)
    assert str(cluster._place()) == place
