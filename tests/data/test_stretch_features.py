"""The processes that compose stretches."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.data import stretch_features
from kws_tfmot.data.stretch_features import StretchJob, _begin, _make
from kws_tfmot.data.stretch_settings import StretchSettings
from kws_tfmot.data.stretches import Speech
from kws_tfmot.frontend.frontend_settings import FrontendSettings

_SCRIPT = """
import numpy as np
from kws_tfmot.data.stretch_features import StretchFeatures, StretchJob
from kws_tfmot.data.stretch_settings import StretchSettings
from kws_tfmot.data.stretches import Speech
from kws_tfmot.frontend.frontend_settings import FrontendSettings

if __name__ == "__main__":
    word = np.random.default_rng(0).integers(-3000, 3000, 8000).astype(np.int16)
    frontend = FrontendSettings(kind="microfrontend", clip_ms=700, mels=8)
    job = StretchJob(StretchSettings(seconds=3.0), frontend, 3, 3, (20, 280), 120)
    with StretchFeatures(Speech(((word,),), (word,), (word,)), job, 1) as maker:
        maker.draw([1], 1)
        print(*maker._pool._processes, flush=True)
        maker.draw([1], 10**6)
"""


def test_a_frequency_warp_moves_what_sounds_a_little_up_and_down_and_no_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretch_features, "_made", None)
    tone = (8000 * np.sin(2 * np.pi * 1000 / 16000 * np.arange(16000))).astype(np.int16)
    clean = {"noise_probability": 0.0, "room_probability": 0.0, "equaliser_probability": 0.0, "silent_share": 0.0}
    settings = StretchSettings.model_validate(
        clean | {"seconds": 3.0, "shares": (1.0, 0.0, 0.0, 0.0), "vocal_tract": (1.0, 1.0), "level_db": (0.0, 0.0)}
    )
    job = StretchJob(settings, FrontendSettings(kind="microfrontend", clip_ms=700), 3, 3, (20, 280), 120)
    _begin(Speech(((tone,),), (tone,), (tone,)), job)
    baseline = _make(((5,), 0, 4))
    composer, _, frontend = stretch_features._made or pytest.fail("not begun")
    warping = job._replace(stretch=settings.model_copy(update={"frequency_warp": 2.0}))
    monkeypatch.setattr(stretch_features, "_made", (composer, warping, frontend))
    warped = _make(((5,), 0, 4))
    sounds = baseline.features.max(axis=2) > baseline.features.max() - 10
    moved = (warped.features.argmax(axis=2) - baseline.features.argmax(axis=2))[sounds]
    assert np.array_equal(baseline.targets, warped.targets)
    assert abs(moved.mean()) < 1.5 and 0.7 < moved.std() < 2.5 and np.abs(moved).max() < 9


def test_classes_of_words_are_those_of_what_is_heard_and_scrambled_stretches_have_none() -> None:
    word = np.random.default_rng(0).integers(-3000, 3000, 8000).astype(np.int16)
    speech = Speech(((word,),), (word,), (word,), near_texts=("over",))
    frontend = FrontendSettings(kind="microfrontend", clip_ms=700, mels=8)
    settings = StretchSettings(seconds=3.0, shares=(0.5, 0.0, 0.5, 0.0), time_warp=0.3)
    job = StretchJob(settings, frontend, 3, 3, (20, 280), 120)
    found = []
    for scrambled_share in (0.0, 0.5):
        changed = settings.model_copy(update={"scrambled_share": scrambled_share})
        _begin(speech, job._replace(stretch=changed))
        found.append(_make(((5,), 0, 12)))
    whole, mixed = found
    assert np.array_equal(whole.words == 1, whole.targets == 0) and (whole.words == 0).any()
    scrambled = (mixed.targets == 1).all(axis=1)
    assert scrambled.any() and (mixed.words[scrambled] == -1).all()
    assert np.array_equal(mixed.words[~scrambled], whole.words[~scrambled])


@pytest.mark.parametrize(("kind", "kept"), [("microfrontend", True), ("log_mel", False)])
def test_a_frequency_warp_keeps_what_the_front_end_makes_of_even_and_odd_channels(
    monkeypatch: pytest.MonkeyPatch, kind: str, kept: bool
) -> None:
    """The microfrontend's noise estimate rises faster in odd channels, so that a word after quiet is weaker there."""
    hiss = (3000 * np.random.default_rng(2).standard_normal(9600)).astype(np.int16)
    clean = {"noise_probability": 0.0, "room_probability": 0.0, "equaliser_probability": 0.0, "silent_share": 0.0}
    frontend = FrontendSettings(kind=kind, clip_ms=700, mels=40, hop_ms=10)

    def combs(warp: float) -> float:
        monkeypatch.setattr(stretch_features, "_made", None)
        settings = StretchSettings.model_validate(
            clean
            | {"shares": (1.0, 0.0, 0.0, 0.0), "level_db": (0.0, 0.0), "quiet_before": 1.0, "tilt": 0.0}
            | {"frequency_warp": warp}
        )
        _begin(Speech(((hiss,),), (hiss,), (hiss,)), StretchJob(settings, frontend, 3, 3, (20, 280), 120))
        rows = _make(((5,), 0, 6)).features.reshape(-1, 40).astype(int)
        sounding = rows[rows.mean(axis=1) > np.percentile(rows.mean(axis=1), 80)]
        return float(sounding[:, ::2].mean() - sounding[:, 1::2].mean())

    plain, warped = combs(0.0), combs(1.0)
    if kept:
        assert plain > 10 and abs(warped - plain) < 0.15 * plain
    else:
        assert abs(plain) < 10 and abs(warped) < 10


@pytest.mark.slow
def test_they_end_with_a_process_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "draw.py"
    script.write_text(_SCRIPT)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        (worker,) = map(int, parent.stdout.readline().split())
        os.kill(worker, 0)  # it is there
        parent.send_signal(signal.SIGKILL)
    for _ in range(600):
        if not Path(f"/proc/{worker}").exists() or "Z" in Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2]:
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker went on")
