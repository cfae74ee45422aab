"""`kws build` of a network that the user brings."""

from __future__ import annotations

import json

import pytest

from tests.pipelines.conftest import RECIPE, run

BUILDER = """
from kws_tfmot.keras import keras

L = keras.layers

def lstm(input_shape, classes):
    return keras.Sequential([L.Input(input_shape), L.AveragePooling1D(8), L.LSTM(12), L.Dense(classes)])

def gelu(input_shape, classes):
    return keras.Sequential([L.Input(input_shape), L.Flatten(), L.Dense(8, activation="gelu"), L.Dense(classes)])

def softplus(input_shape, classes):
    return keras.Sequential([L.Input(input_shape), L.Flatten(), L.Dense(8, activation="softplus"), L.Dense(classes)])
"""
RECURRENT = (
    RECIPE.replace("name: ds_cnn, width: 8, blocks: 1", "builder: 'tiny_networks:lstm'")
    .replace("epochs: 6, ", "epochs: 1, ")
    .replace("epoch_clips: 300", "epoch_clips: 100")
    .replace(
        "target: 0.75, epochs: 3, end: 0.5, frequency: 4",
        "target: 0.75, method: tfmot_magnitude, epochs: 1, end: 0.5, frequency: 1",
    )
    .replace("mode: qat, epochs: 1, ", "mode: ptq, ")
    .replace("{also: [float32, sparse_int8]}", "{also: []}")
    + "export: {targets: [tflm, engine]}\n"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_networks.py").write_text(BUILDER)
    return tmp_path


@pytest.mark.slow
def test_an_lstm_of_mine_is_pruned_and_becomes_int8(folder, tone_folder) -> None:
    (folder / "mine.yaml").write_text(RECURRENT)
    result = run("build", "mine.yaml", "--data", f"folder:{tone_folder}", "--out", "run")
    assert result.exit_code == 0, result.output
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    layers = metrics["sparsity"]["layers"]
    for kernel in ("lstm/kernel", "lstm/recurrent_kernel"):
        assert layers[kernel]["zeros"] == pytest.approx(0.75 * layers[kernel]["weights"], abs=2)
    assert metrics["export"]["engine"]["differing_bytes"] == 0
    rows = metrics["tflite"]["model_int8.tflite"]["zeros"]
    assert sum(row["layer"].startswith("lstm/") for row in rows) == 8
    assert all(row["zeros"] >= row["keras_zeros"] for row in rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["quantization.mode=qat"], "lstm: TFMOT has no int8 scheme"),
        (["model.builder=tiny_networks:gelu"], "engine: "),
        (["model.builder=tiny_networks:softplus", "quantization.mode=qat"], "activation softplus"),
        (["model.builder=tiny_networks:nothing"], "has no function 'nothing'"),
    ],
)
def test_what_would_fail_after_training_is_refused_before(folder, tone_folder, changes, message) -> None:
    (folder / "mine.yaml").write_text(RECURRENT)
    options = [part for change in changes for part in ("--set", change)]
    result = run("build", "mine.yaml", "--data", f"folder:{tone_folder}", "--out", "run", *options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (folder / "run" / "float.keras").exists()
