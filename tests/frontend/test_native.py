"""The cache of the compiled library: keyed by content, safe under concurrent builds, clear when it fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot import host_library
from kws_tfmot.errors import ToolchainError
from kws_tfmot.frontend import Frontend, FrontendSettings, native

BUILD = (
    "import sys; from pathlib import Path; from kws_tfmot.host_library import build_library; "
    "print(build_library('one', Path(sys.argv[1])))"
)


def test_built_once_and_named_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWS_CACHE", str(tmp_path / "cache"))
    flags = [flag for flag in native.FLAGS if flag != "-O3"]  # all other tests use what is optimised
    first = native.build_library(flags)
    stamp = first.stat().st_mtime_ns
    assert native.build_library(flags) == first
    assert first.stat().st_mtime_ns == stamp
    other = native.build_library((*flags, "-DOTHER"))
    assert other != first
    assert sorted((tmp_path / "cache").iterdir()) == sorted([first, other])


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_concurrent_builds_agree(tmp_path: Path) -> None:
    """Three at once: each compiler waits until the others have been called too."""
    cache, called, sources = (tmp_path / name for name in ("cache", "called", "sources"))
    for folder in (cache, called, sources):
        folder.mkdir()
    (sources / "one.c").write_text("int one(void) { return 1; }\n")
    compiler = tmp_path / "waiting-cc"
    compiler.write_text(
        f'#!/bin/sh\ntouch {called}/$$\nwhile [ $(ls {called} | wc -l) -lt 3 ]; do sleep 0.05; done\nexec cc "$@"\n'
    )
    compiler.chmod(0o755)
    environment = {**os.environ, "KWS_CACHE": str(cache), "CC": str(compiler)}
    processes = [
        subprocess.Popen([sys.executable, "-c", BUILD, sources], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    results = {process.communicate(timeout=600)[0].strip() for process in processes}
    assert all(process.returncode == 0 for process in processes)
    assert len(results) == 1 and len(list(called.iterdir())) == 3
    assert [str(path) for path in cache.iterdir()] == [*results]


def test_a_failure_names_the_command_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWS_CACHE", str(tmp_path))
    with pytest.raises(ToolchainError, match="-fno-such-flag"):
        native.build_library((*native.FLAGS, "-fno-such-flag"))
    assert list(tmp_path.iterdir()) == []


def test_compiler_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "gcc -m64")
    assert host_library.find_compiler() == ["gcc", "-m64"]
    monkeypatch.setenv("CC", "no-such-compiler")
    assert host_library.find_compiler()[0] in ("cc", "gcc", "clang")


@pytest.mark.parametrize("frames", [7, 8, 10, 11, 17])
@pytest.mark.parametrize(
    "chosen",
    [
        {"kind": "mfcc", "window_ms": 30, "hop_ms": 20},
        {"kind": "log_mel", "window_ms": 25, "hop_ms": 10},
        {"kind": "mfcc", "window_ms": 64, "hop_ms": 32},
        {"kind": "log_mel", "sample_rate": 8000, "high_hz": 3800, "window_ms": 16, "hop_ms": 8},
    ],
)
def test_several_frames_at_once_are_the_frames_of_the_stream(chosen: dict, frames: int) -> None:
    settings = FrontendSettings(**chosen)
    rng = np.random.default_rng(frames)
    samples = settings.window_samples + (frames - 1) * settings.hop_samples + 3
    clips = np.clip(rng.standard_normal((3, samples)) * [[30], [3000], [60000]], -32768, 32767).astype(np.int16)
    clips[0, ::7] = -32768
    frontend = Frontend(settings, backend="c")
    found = frontend.features(clips)
    assert found.shape[1] == frames
    for clip, own in zip(clips, found, strict=True):
        np.testing.assert_array_equal(frontend.stream().push(clip), own)
