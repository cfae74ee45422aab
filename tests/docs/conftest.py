"""A folder of a reader: clips, recordings of a few keywords, and a day's recording, all spoken here."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws_tfmot.data.espeak_library import SpokenText, speak_all
from kws_tfmot.files import cache_root

RATE = 22050
VOICES = ("en+m1", "en-us+f2", "en-gb-scotland+m3", "en-us+m4", "en+f3", "en-gb-x-rp+m5", "en-us+f4", "en+m7")


def _write(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.astype(np.int16), RATE)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The reader's folder; caches lie in it too."""
    if importlib.util.find_spec("espeakng_loader") is None:
        pytest.skip("pip install espeakng-loader (extra tts)")
    root = tmp_path_factory.mktemp("reader")
    rng = np.random.default_rng(0)
    words = ("left", "right", "house", "hey nova", "lights on")
    said = speak_all([SpokenText(word, voice) for voice in VOICES for word in words])[0]
    spoken = {(voice, word): said[i * len(words) + j] for i, voice in enumerate(VOICES) for j, word in enumerate(words)}
    pause = np.zeros(RATE // 2)
    for i, voice in enumerate(VOICES):
        for word in words[:3]:
            clip = np.concatenate([pause / 2, spoken[voice, word], pause / 2])
            _write(root / "clips" / word / f"speaker{i}_nohash_0.wav", clip + rng.normal(0, 10, len(clip)))
    _write(root / "clips" / "_background_noise_" / "room.wav", rng.normal(0, 300, 20 * RATE))
    for word in words[3:]:
        long = np.concatenate([pause, *(part for voice in VOICES[:3] for part in (spoken[voice, word], pause))])
        _write(root / "recordings" / word / "take.wav", long + rng.normal(0, 10, len(long)))
    day = np.concatenate([pause, *(part for voice in VOICES for part in (spoken[voice, "left"], pause, pause))])
    _write(root / "day.wav", day + rng.normal(0, 10, len(day)))
    (root / "day.csv").write_text("start,end,word\n0.5,1.0,left\n")
    patch = pytest.MonkeyPatch()
    compiled = cache_root()
    (root / ".cache").mkdir()
    for kind in ("objects", "qemu", "zig"):  # what was compiled is named by its content
        (compiled / kind).mkdir(parents=True, exist_ok=True)
        (root / ".cache" / kind).symlink_to(compiled / kind, target_is_directory=True)
    patch.setenv("KWS_CACHE", str(root / ".cache"))
    patch.chdir(root)
    yield root
    patch.undo()
