"""What `kws evaluate` prints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kws_tfmot.evaluation.accuracy import Accuracy
from kws_tfmot.evaluation.model_accuracy import ModelAccuracy
from pipelines.evaluate import show

LABELS = ("alexa", "_unknown_", "_silence_")
SCORES = np.eye(3)[[0, 1, 1, 1]]
FOUND = ModelAccuracy(
    Accuracy.of(LABELS, np.array([0, 0, 1, 2]), SCORES), "tflm", "5" * 64, "synthetic", "test", "7" * 64
)
DETECTOR = {
    "keywords": {"alexa": {"n": 18, "heard": 17}}, "others": {"_unknown_": {"n": 16, "heard": 3}},
    "thresholds": {"alexa": 0.5}, "accuracy": 30 / 34, "n": 34, "interval_95": [0.71, 0.95], "breadth": {},
}  # fmt: skip


def printed(found: ModelAccuracy, capsys: pytest.CaptureFixture[str]) -> str:
    show(found)
    return " ".join(capsys.readouterr().out.split())


def test_classes_and_accuracy_of_a_network_for_clips(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(FOUND, capsys)
    assert "class N recall precision" in text and "alexa 2 50.00 % 100.00 %" in text
    assert "accuracy 50.00 %" in text and "N = 4" in text and "detector" not in text


def test_what_the_detector_hears_comes_before_the_scores_of_single_windows(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(replace(FOUND, detector=DETECTOR), capsys)
    assert "alexa 18 17" in text and "_unknown_ 16 3" in text and "recall" not in text
    first, second = text.index("right 88.24 % (95 %: 71.00 to 95.00), N = 34"), text.index("right 50.00 %")
    assert first < second and "one window a clip" in text[first:second]
