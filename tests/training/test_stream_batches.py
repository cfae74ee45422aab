"""What a step on streams sees: windows drawn from stretches, keywords evenly, and what was wrongly accepted again."""

from __future__ import annotations

import numpy as np

from kws_tfmot.data.stretch_features import Stretches, StretchJob
from kws_tfmot.data.stretch_settings import StretchSettings
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.training.stream_batches import SingleWindows
from kws_tfmot.training.stream_settings import WindowSettings

_JOB = StretchJob(StretchSettings(seconds=3.0), FrontendSettings(kind="microfrontend", clip_ms=700, mels=8), 3, 4,
                  (20, 280), 120)  # fmt: skip
_KEYWORDS, _RARE, _OTHER = 2, 1, 2


def _pool() -> Stretches:
    """Every frame says which one it is, and every stretch has the first keyword in it; one has the second."""
    frames = np.arange(_JOB.frames, dtype=np.int16)[:, None] // 3 - 100
    features = np.broadcast_to(frames, (20, _JOB.frames, 8)).astype(np.int8)
    targets = np.full((20, _JOB.decisions), _OTHER, np.int8)
    targets[:, 5:9] = 0
    targets[:, 9:12] = -1
    targets[7, 20:22] = _RARE
    return Stretches(features, targets, np.full_like(targets, -1, np.int16))


def _epoch(settings: WindowSettings, memory: np.ndarray | None = None, job: StretchJob = _JOB) -> Stretches:
    windows, pool, seen = SingleWindows(settings, job), _pool(), []

    def train(batch: Stretches) -> tuple[float, np.ndarray]:
        seen.append(batch)
        return 0.0, np.zeros(0, np.float32)

    memory = windows.unheard(20) if memory is None else memory
    windows.run(train, pool, memory, 0, np.random.default_rng(1))
    return Stretches.joined(seen)


def test_keywords_come_equally_often_and_open_decisions_never() -> None:
    seen = _epoch(WindowSettings(steps=20, batch_size=40, keywords=0.5))
    counts = np.bincount(seen.targets[:, 0].astype(int), minlength=4)
    assert seen.targets.min() >= 0 and counts[_OTHER] == 400
    assert 150 < counts[0] < 250 and 150 < counts[_RARE] < 250


def test_a_window_is_what_its_decision_hears() -> None:
    seen = _epoch(WindowSettings(steps=5, batch_size=40))
    first = (
        (seen.features[:, 0, 0].astype(int) + 100) * 3 // _JOB.stride
    )  # the decision, as frames go up by one each stride
    held = seen.targets[:, 0] == 0
    assert seen.features.shape[1:] == (_JOB.frontend.frames, 8)
    assert set(first[held]) == {5, 6, 7, 8} and set(first[seen.targets[:, 0] == _RARE]) == {20, 21}


def test_what_was_wrongly_accepted_is_heard_again() -> None:
    windows, pool = SingleWindows(WindowSettings(remembered=3), _JOB), _pool()
    memory = windows.unheard(20)

    def listen(features: np.ndarray) -> np.ndarray:
        found = np.full((len(features), _JOB.decisions, 4), 0.01, np.float32)
        found[:, 5, 0] = 1.0  # a keyword where one is
        found[:, [2, 30], 1] = 0.9
        return found

    windows.listen(listen, pool, memory, np.random.default_rng(1))
    assert memory[:, 5].max() == 0 and np.allclose(memory[:, [2, 30]], 0.9)
    always = WindowSettings(steps=5, batch_size=40, keywords=0.1, hard=1.0, remembered=40)
    seen = _epoch(always, memory)
    first = (seen.features[:, 0, 0].astype(int) + 100) * 3 // _JOB.stride
    assert set(first[seen.targets[:, 0] == _OTHER]) == {2, 30}


def test_each_window_is_masked_anew() -> None:
    masked = _epoch(WindowSettings(steps=5, batch_size=40), job=_JOB._replace(frequency_masks=2))
    baseline = _epoch(WindowSettings(steps=5, batch_size=40))
    assert (masked.features.std(axis=2) > 0).any() and not (baseline.features.std(axis=2) > 0).any()
