"""The processes that compose stretches."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_SCRIPT = """
import numpy as np
from kws_tfmot.data.stretch_features import StretchFeatures, StretchJob
from kws_tfmot.data.stretch_settings import StretchSettings
from kws_tfmot.data.stretches import Speech
from kws_tfmot.frontend.settings import FrontendSettings

if __name__ == "__main__":
    word = np.random.default_rng(0).integers(-3000, 3000, 8000).astype(np.int16)
    frontend = FrontendSettings(kind="microfrontend", clip_ms=700, mels=8)
    job = StretchJob(StretchSettings(seconds=3.0), frontend, 3, 3, (20, 280), 120)
    with StretchFeatures(Speech(((word,),), (word,), (word,)), job, 1) as maker:
        maker.draw([1], 1)
        print(*maker._pool._processes, flush=True)
        maker.draw([1], 10**6)
"""


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
