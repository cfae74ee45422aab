"""The figures the engine must keep: instructions, flash and RAM of the benchmark models and of the front end."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_export.engine import build
from firmware_export.graphs.ds_cnn_benchmark import BLOCKS, WIDTH, ds_cnn
from firmware_export.operators.kernels.convolution import Convolution
from kws_tfmot.tflite.reader import read_model
from pipelines.experiments.bench import MODELS, goals


@pytest.mark.device
def test_every_goal_is_reached_with_exact_results() -> None:
    rows = goals(lambda text: None, inputs=1)
    missed = [(row.title, row.core, row.instructions, row.flash, row.ram) for row in rows if not row.reached]
    assert missed == []
    assert len(rows) == len(MODELS) + 1


@pytest.mark.parametrize("sparsity", [0.0, 0.75, 0.9])
def test_the_benchmark_model_is_the_architecture_it_names(sparsity: float) -> None:
    model = ds_cnn(sparsity)
    engine = build(model)
    macs = [engine.work(n)[0] for n in range(len(engine.program.layers))]
    assert sum(macs) == 2_656_768
    operations = [layer.operation for layer in engine.program.layers if isinstance(layer.operation, Convolution)]
    assert [op.weights.size for op in operations] == [40 * WIDTH, *[WIDTH * WIDTH] * BLOCKS, 12 * WIDTH]
    graph = read_model(model)
    stored = [graph.tensor(op.inputs[1]).data for op in graph.operators if op.code == "CONV_2D"]
    assert len(stored) == len(operations) - 1
    for weights, op in zip(stored, operations, strict=False):
        assert weights is not None
        assert np.count_nonzero(weights == 0) / weights.size == pytest.approx(sparsity, abs=0.001)
        # rows of constant output may become zeros as well, no weight the other way round
        assert np.count_nonzero(op.weights) <= np.count_nonzero(weights)
