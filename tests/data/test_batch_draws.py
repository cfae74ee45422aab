"""What C draws for a training batch is what Python draws."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kws_tfmot.data import AugmentSettings, ClipIndex, NoiseBank, TrainingBatches

RATE = 16000
OFTEN = {"speed_probability": 1.0, "reverb_probability": 1.0, "noise_probability": 1.0, "tilt_probability": 1.0}
DRAWS = {
    "defaults": {},
    "everything": OFTEN | {"cut_unknown": 0.5, "spliced_unknown": 0.2, "reversed_unknown": 0.2, "silence_share": 2.0},
    "recorded alone": OFTEN | {"generated_noise_share": 0.0, "shift_ms": 0.0},
    "made alone": OFTEN | {"generated_noise_share": 1.0, "speed_percent": 30.0},
}


def _equal_clips(index: ClipIndex, noise: NoiseBank, settings: AugmentSettings, seed: int) -> None:
    """One epoch drawn in C and in Python."""
    clips = []
    for native in (True, False):
        batches = TrainingBatches(index.audio("train"), noise, index.labels, settings, 16, seed)
        batches.native = native
        clips.append(np.concatenate([batch for batch, _ in batches.epoch(1)]))
    np.testing.assert_array_equal(*clips)


@pytest.mark.parametrize("recorded", [True, False], ids=["noise", "no noise"])
@pytest.mark.parametrize("name", DRAWS)
def test_c_draws_what_python_draws(index: ClipIndex, name: str, recorded: bool) -> None:
    settings = AugmentSettings(epoch_clips=150, **DRAWS[name])
    noise = index.noise if recorded else dataclasses.replace(index.noise, samples=0 * index.noise.samples)
    _equal_clips(index, noise, settings, 3)


def test_without_recordings_of_noise_c_draws_what_python_draws(index: ClipIndex) -> None:
    nothing = NoiseBank(np.zeros(0, np.int16), (), RATE, RATE)
    _equal_clips(index, nothing, AugmentSettings(), 2**31)
