"""The contract of every operator in the registry: its random samples, alone in a model, equal TFLM byte for byte."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from engine_support import reference
from many_models import assert_on_host

from firmware_export.engine import build
from firmware_export.graphs.graph_writer import GraphWriter
from firmware_export.graphs.random_graphs import SeededChooser
from firmware_export.operators.registry import operators
from firmware_export.operators.shared.random_model import RandomModel
from kws_tfmot.errors import ModelError

Sample = Callable[[RandomModel], None]
SAMPLES = [(code, sample) for code, each in operators().items() for sample in dict.fromkeys(each.samples)]
ENDS_OF_A_GRAPH = {"DEQUANTIZE", "FULLY_CONNECTED", "SOFTMAX"}  # random_model puts them there
STATES = {"ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"}  # test_stateful.py
STATES |= {"SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM"}  # test_recurrent.py
TWINS = {
    "MAX_POOL_2D",
    "PADV2",
    "RELU6",
    "SQUEEZE",
    "EXPAND_DIMS",
    "UNPACK",
}  # reached by another's sample or by fixed models


def model_of(sample: Sample, seed: int) -> bytes:
    """A model of one sample on a small random image."""
    choose = SeededChooser(seed)
    m = RandomModel(choose, GraphWriter())
    shape = (1, choose.integer(1, 9), choose.integer(1, 7), choose.integer(1, 7))
    first = m.activation(shape, choose.pick((0.05, 0.003, 0.9)), m.zero_point())
    sample(m)
    return m.writer.finish([first], [m.last])


def compare(code: str, sample: Sample, seeds: range) -> int:
    """How many models TFLM ran; each must give its bytes."""
    engines, expected = {}, {}
    for seed in seeds:
        model = model_of(sample, seed)
        known = reference(model, seed)
        if known is None:
            continue
        name = f"{code}, seed {seed}"
        try:
            engines[name] = build(model, name=f"m{seed}")
        except ModelError as err:
            assert "does nothing" in str(err), name  # a reshape to the same shape
            continue
        expected[name] = known
    with tempfile.TemporaryDirectory() as folder:
        assert_on_host(engines, expected, Path(folder))
    return len(engines)


@pytest.mark.parametrize(("code", "sample"), SAMPLES, ids=[f"{code}-{sample.__name__}" for code, sample in SAMPLES])
def test_samples_equal_tflm(code: str, sample: Sample) -> None:
    assert compare(code, sample, range(5)) >= 3


@pytest.mark.slow
@pytest.mark.parametrize(("code", "sample"), SAMPLES, ids=[f"{code}-{sample.__name__}" for code, sample in SAMPLES])
def test_many_samples_equal_tflm(code: str, sample: Sample) -> None:
    assert compare(code, sample, range(1000, 1150)) >= 100


def test_every_operator_has_samples() -> None:
    missing = {code for code, each in operators().items() if not each.samples}
    assert missing == ENDS_OF_A_GRAPH | TWINS | STATES


def test_the_documentation_lists_the_operators() -> None:
    text = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
    listed = text.split("operators ", 1)[1].split(", with limits", 1)[0]
    assert re.split(r",\s+", listed) == list(operators())
