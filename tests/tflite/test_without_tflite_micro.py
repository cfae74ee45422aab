"""Platforms without a wheel of tflite-micro: other kernels that say so, and refusals where only TFLM can answer."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from firmware_export.tflm.tflm_export import export_tflm
from kws_tfmot.errors import ToolchainError
from kws_tfmot.tflite import interpreter
from kws_tfmot.tflite.interpreter import available_kinds, open_interpreter, random_inputs


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        interpreter.importlib.util, "find_spec", lambda name: None if name == "tflite_micro" else found(name)
    )


def test_reference_kernels_stand_in_and_say_so(without: None) -> None:
    assert "tflm" not in available_kinds()
    model = ds_cnn(0.75)
    opened, baseline = open_interpreter(model, "tflm"), open_interpreter(model, "reference")
    assert opened.name == f"{baseline.name} in place of tflite-micro, which is not installed"
    inputs = random_inputs(baseline.graph, 3, seed=1)
    assert (opened.run(inputs) == baseline.run(inputs)).all()


def test_only_tflm_knows_its_arena(without: None, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="tflite-micro") as caught:
        export_tflm(ds_cnn(), tmp_path / "out")
    assert "--target engine" in caught.value.hint and not (tmp_path / "out").exists()


def test_with_it_nothing_stands_in() -> None:
    pytest.importorskip("tflite_micro", reason="tflite-micro has no wheel for this platform")
    assert "TFLM kernels" in open_interpreter(ds_cnn(), "tflm").name
