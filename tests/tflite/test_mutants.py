"""Mutants of small models through readers, exports and other people's interpreters: only a KwsError comes of them.

The interpreters run in their workers, and the whole run in this process: an error of another kind, a crash or a hang
would end the test.
"""

from __future__ import annotations

import numpy as np
import pytest
from mutant_trial import run_mutants
from tflite_builders import build, ds_cnn, operator, tensor
from tflite_fuzz import mutations

from kws_tfmot.errors import KwsError, ModelError
from kws_tfmot.evaluation.latency import measure_latency
from kws_tfmot.tflite.consistency import check_operators
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.inspect import inspect, inspect_table
from kws_tfmot.tflite.interpreter import open_interpreter, random_samples
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.slim import slim

ESCAPED = (683, 1863, 22_165)


def moving() -> bytes:
    """SLICE, TRANSPOSE, ARG_MAX and others that a spotter has seldom."""
    whole = tensor((1, 4, 3, 2), "int8", 0.5)
    numbers = [np.array(values, np.int32) for values in ([0, 1, 0, 0], [1, 2, 3, 2], [0, 2, 1, 3], [3])]
    constants = [tensor(each.shape, "int32", data=each) for each in numbers]
    tensors = [whole, *constants, tensor((1, 2, 3, 2), "int8", 0.5), tensor((1, 3, 2, 2), "int8", 0.5)]
    tensors.append(tensor((1, 3, 2), "int32"))
    layers = [
        operator("SLICE", [0, 1, 2], [5]),
        operator("TRANSPOSE", [5, 3], [6]),
        operator("ARG_MAX", [6, 4], [7], ("ArgMaxOptions", {"output_type": 2})),
    ]
    return build(tensors, layers, [0], [7])


def models() -> list[bytes]:
    return [ds_cnn(np.random.default_rng(0), width=2, blocks=1), moving()]


def endure(changed: bytes, kinds: tuple[str, ...]) -> int:
    """Do all that commands do with a model; how many of them went well."""
    done = 0
    for step in (lambda: inspect_table(inspect(changed)), lambda: slim(changed, "tflm"), lambda: _checked(changed)):
        try:
            step()
            done += 1
        except KwsError:
            pass
    for kind in kinds if done else ():
        try:
            interpreter = open_interpreter(changed, kind, several=True)
            interpreter.run_all(random_samples(interpreter, 1, seed=0))
            done += 1
        except KwsError as err:
            assert len(str(err)) > 20
    return done


def _checked(changed: bytes) -> None:
    check_operators(read_model(changed))


@pytest.mark.parametrize("number", range(2))
def test_hundreds_of_mutants(number):
    model = models()[number]
    assert endure(model, ("tflm", "builtin")) == 5
    assert sum(endure(changed, ("tflm",)) for changed in mutations(model, 100, seed=number)) > 5


def test_a_model_that_nothing_runs_is_no_table_of_remarks():
    root = unpack(moving())
    argmax = root.subgraphs[0].operators[2]
    argmax.inputs = argmax.inputs[:1]
    with pytest.raises(ModelError, match=r"nothing here runs mutant: .*ARG_MAX"):
        measure_latency({"mutant": pack(root)}, kinds=("tflm", "reference"))


def test_fields_of_every_operator_in_a_child():
    """Of 100,000 (the slow test), those that once escaped."""
    for number in ESCAPED:
        assert run_mutants(number, number + 1)[1] == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(200))
def test_a_hundred_thousand_mutants(part):
    """Through every reader, editor, export and interpreter, in children with limits of memory and time."""
    lively, escaped = run_mutants(500 * part, 500 * (part + 1))
    assert escaped == {}
    assert lively > 100
