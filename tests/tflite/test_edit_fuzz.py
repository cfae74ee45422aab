"""Whatever edits or counts a corrupt model refuses it with a ModelError, or leaves a readable one."""

from __future__ import annotations

import numpy as np
import pytest
from tflite_builders import ds_cnn
from tflite_fuzz import mutations

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.consistency import check_operators
from kws_tfmot.tflite.edit import cut, finish, open_for_edit
from kws_tfmot.tflite.inspect import inspect, inspect_table
from kws_tfmot.tflite.metadata import read_settings, write_settings
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.rewrite import clamp_linear_layers, drop_softmax, lift_logits, set_input_quantization
from kws_tfmot.tflite.slim import slim
from kws_tfmot.tflite.sparse import sparse_weights


def rewritten(model: bytes) -> bytes:
    check_operators(read_model(model))
    root = open_for_edit(model)
    set_input_quantization(root, 0.5, 3)
    drop_softmax(root)
    lift_logits(root)
    clamp_linear_layers(root)
    return finish(root)


TOOLS = {
    "slim": slim,
    "slim for TFLM": lambda model: slim(model, "tflm"),
    "write settings": lambda model: write_settings(model, {"labels": ["x"]}),
    "read settings": read_settings,
    "inspect": lambda model: inspect_table(inspect(model)),
    "sparse": sparse_weights,
    "cut": lambda model: cut(model, [3]),
    "rewrite": rewritten,
    "check": lambda model: check_operators(read_model(model)),
}


def survives(model: bytes, count: int, seed: int) -> int:
    finished = 0
    for changed in mutations(model, count, seed):
        for tool in TOOLS.values():
            try:
                result = tool(changed)
                if isinstance(result, bytes):
                    read_model(result)
                finished += 1
            except ModelError:
                pass
    return finished


def test_mutated_models(model):
    small = write_settings(ds_cnn(np.random.default_rng(0), width=2, blocks=1), {"labels": list("abcde")})
    assert survives(small, 500, 11) > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_mutated_models_thousands(seed):
    small = write_settings(ds_cnn(np.random.default_rng(seed), width=2, blocks=1), {"labels": list("abcde")})
    survives(small, 3000, 50 + seed)
