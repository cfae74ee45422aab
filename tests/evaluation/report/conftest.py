"""A finished run without a training: a tiny model with figures beside it, in which every text is hostile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_export.emulation.device_report import device_figures
from firmware_export.graphs.graph_writer import GraphWriter
from kws_tfmot.evaluation.accuracy import Accuracy
from kws_tfmot.evaluation.report import ReportInput, read_run
from kws_tfmot.files import sha256_bytes

HOSTILE = '<script>alert("x")</script>|a_b*&\n"quoted"'
LABELS = (HOSTILE, "up", "_unknown_", "_silence_")


def tiny_model() -> bytes:
    """One matrix of 4 x 490 weights, three quarters of them zero."""
    rng = np.random.default_rng(3)
    w = GraphWriter()
    x = w.activation((1, 490), 2.0**-5, 0)
    logits = w.activation((1, 4), 0.1, 0)
    weights = rng.integers(-127, 128, (4, 490)) * (rng.random((4, 490)) > 0.75)
    w.operator("FULLY_CONNECTED", [x, w.weights(weights, np.array([0.002], np.float32), 0), -1], [logits])
    return w.finish([x], [logits])


def accuracy_figures() -> dict[str, Any]:
    """Of 40 clips, 3 of them wrong."""
    table = np.diag([10, 10, 9, 8])
    table[2, 0], table[3, 1] = 1, 2
    common = {"split": "test", "split_sha256": "5" * 64, "interpreter": HOSTILE}
    agreement = {
        "builtin": {"interpreters": [HOSTILE, "b"], "differing_values": 0, "values": 160, "samples": 40},
        "xnnpack": {
            **{"interpreters": ["a", "c"], "differing_values": 7, "values": 160, "samples": 40},
            **{"max_difference": 2.0, "differing_argmax": 1},
        },
    }
    return Accuracy(LABELS, table).to_dict() | common | {"agreement": agreement}


def metrics_of(model: bytes) -> dict[str, Any]:
    """The figures of a build in which every text is hostile."""
    counts = dict.fromkeys(LABELS, 10)
    zeros = [{"layer": HOSTILE, "operator": 0, "weights": 1960, "zeros": 1470, "keras_zeros": 1470}]
    pruned = {HOSTILE: {"weights": 1960, "zeros": 1470, "not_pruned": HOSTILE, "note": HOSTILE}}
    shrunk = {"layer": HOSTILE, "units": "8 -> 4", "weights": "80 -> 40", "sparsity": 0.5, "stays": HOSTILE}
    return {
        "schema_version": 1,
        "recipe": HOSTILE,
        "seed": 7,
        "data": {
            "source": HOSTILE,
            "sha256": "d" * 64,
            "labels": list(LABELS),
            "splits": {name: {"sha256": "5" * 64, "clips": counts} for name in ("train", "validation", "test")},
            "notes": [HOSTILE],
            "corrupt": [{"path": HOSTILE, "reason": HOSTILE}],
        },
        "model": {"parameters": 1964, "macs": 1960},
        "sparsity": {
            **{"method": HOSTILE, "target": 0.75, "pattern": HOSTILE, "layers": pruned},
            "shrunk": {"layers": [shrunk], "parameters": 900, "macs": 800},
        },
        "quantization": {"mode": HOSTILE},
        "accuracy": {"model_int8.tflite": accuracy_figures()},
        "tflite": {"model_int8.tflite": {"bytes": {"raw": len(model), "slim": len(model)}, "zeros": zeros}},
        "export": {},
        "files": {
            "model_int8.tflite": {"bytes": len(model), "sha256": sha256_bytes(model)},
            HOSTILE: {"bytes": 1, "sha256": "0" * 64},
        },
        "seconds": {HOSTILE: 1.5},
        "versions": {"kws-tfmot": HOSTILE, HOSTILE: HOSTILE},
    }  # fmt: skip


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """The run."""
    model = tiny_model()
    (tmp_path / "model_int8.tflite").write_bytes(model)
    (tmp_path / "recipe.yaml").write_text(HOSTILE)
    (tmp_path / "metrics.json").write_text(json.dumps(metrics_of(model)))
    return tmp_path


def det_figures(model_sha256: str, target: float = 0.5) -> dict[str, Any]:
    """Figures of `kws det`, as far as a report reads them."""
    accepts = [120.0, 10.0, 1.0, 0.0]
    point = {
        **{"thresholds": {"up": 0.5, "down": 0.7}, "false_accepts_per_hour": 1.25, "false_accepts_per_hour_95": None},
        **{"false_reject_rate": 0.1, "false_reject_rate_95": [0.05, 0.15], "n": 20},
        "latency_s": {"median": 0.3, "p90": 0.5},
    }
    return {
        "det": [
            {"threshold": i / 4, "false_accepts_per_hour": x, "false_reject_rate": i / 4} for i, x in enumerate(accepts)
        ],
        **{"own": point, "chosen": None, "model_sha256": model_sha256, "hours_without_keywords": 2.0},
        **{"keywords": 20, "speakers": 6, "target_false_accepts_per_hour": target, "source": HOSTILE},
        **{"stream_sha256": "e" * 64, "interpreter": HOSTILE, "notes": [HOSTILE]},
    }


@pytest.fixture
def report_input(run_folder: Path) -> ReportInput:
    """The run with no board, no stream and no clips."""
    facts = read_run(run_folder)
    return ReportInput(facts, device_figures(facts.model, []))
