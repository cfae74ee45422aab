"""What `kws train` says of a training."""

from __future__ import annotations

import pytest

from pipelines.train import summary

_SIZE = {"parameters": 1000, "macs": 20_000}


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"epochs": 9, "selected_epoch": 7, "validation_accuracy": 0.9312}, "validation 93.12 % (epoch 7)"),
        (
            {
                "epochs": 3, "selected_epoch": 2, "validation_missed": 0.25, "validation_keywords": 1037,
                "validation_hours": 1.34, "threshold": 0.9512,
            },
            "25.0 % missed of 1,037 keywords in 1.3 h of validation streams, threshold 0.951 (epoch 2)",
        ),
        ({"epochs": 0}, "not trained"),
    ],
)  # fmt: skip
def test_a_training_on_streams_tells_its_misses(figures: dict[str, float], said: str) -> None:
    assert summary(_SIZE | figures) == f"1,000 parameters, 20,000 MACs, {said}"
