"""One place that opens interpreters."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from tflite_builders import build, operator, tensor

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite import interpreter as interpreters
from kws_tfmot.tflite import isolated
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.interpreter import KINDS, available_kinds, open_interpreter, outputs_equal, random_inputs
from kws_tfmot.tflite.schema import SparsityParametersT

REQUIRED = {"tflm", "builtin", "reference", "xnnpack"}


def test_what_is_installed():
    assert set(available_kinds()) >= REQUIRED


@pytest.mark.parametrize("kind", available_kinds())
def test_runs_samples_one_by_one(model, kind):
    interpreter = open_interpreter(model, kind)
    batch = random_inputs(interpreter.graph, 7, seed=0)
    outputs = interpreter.run(batch)
    assert outputs.shape == (7, 5) and outputs.dtype == np.int8
    assert np.array_equal(interpreter.run(batch[3:4])[0], outputs[3])
    assert interpreter.run(batch[:0]).shape == (0, 5)
    assert interpreter.input.scale == 1 / 16 and interpreter.input.zero_point == 0
    assert interpreter.output.scale == 1 / 256 and interpreter.output.zero_point == -128


def test_names_say_package_version_and_kernels(model):
    assert open_interpreter(model, "tflm").name.startswith("tflite-micro 0.dev")
    assert open_interpreter(model, "builtin").name.endswith(" BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    assert open_interpreter(model, "reference").name.endswith(" BUILTIN_REF")
    assert len({open_interpreter(model, kind).name for kind in available_kinds()}) == len(available_kinds())


@pytest.mark.parametrize("kind", [kind for kind in available_kinds() if kind != "xnnpack"])
def test_intermediates_end_in_the_output(model, kind):
    interpreter = open_interpreter(model, kind)
    sample = random_inputs(interpreter.graph, 1, seed=5)
    inside = interpreter.intermediates(sample[0])
    assert set(inside) == {index for each in interpreter.graph.operators for index in each.outputs}
    assert np.array_equal(inside[interpreter.graph.outputs[0]], interpreter.run(sample))
    for index, array in inside.items():
        assert array.shape == interpreter.graph.tensor(index).shape


def test_models_with_large_outputs_are_compared_piece_by_piece(model, monkeypatch):
    asked = []
    sample = interpreters.random_samples
    monkeypatch.setattr(interpreters, "random_samples", lambda one, n, seed: asked.append(n) or sample(one, n, seed))
    monkeypatch.setattr(interpreters, "_AT_ONCE", 3 * (20 * 10 + 2 * 5) + 1)
    assert outputs_equal(model, model, count=7)
    assert asked == [3, 3, 1]


def test_outputs_that_memory_cannot_hold_are_an_error_of_the_model(model, monkeypatch):
    def no_room(self, inputs, restart):
        raise MemoryError

    opened = open_interpreter(model)
    monkeypatch.setattr(isolated.IsolatedModel, "run", no_room)
    with pytest.raises(ModelError, match=r"outputs of the model .* take 5 bytes, those of 7 inferences"):
        opened.run(random_inputs(opened.graph, 7, seed=0))


def test_xnnpack_keeps_no_intermediates(model):
    with pytest.raises(ModelError, match="keeps no intermediate"):
        open_interpreter(model, "xnnpack").intermediates(np.zeros((20, 10, 1), np.int8))


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 20, 10, 1), np.float32), np.zeros((2, 10, 20, 1), np.int8), np.zeros(7, np.int8)]
)
def test_wrong_inputs_are_refused(model, wrong):
    with pytest.raises(ModelError, match=r"expected samples of int8\[N, 20, 10, 1\]"):
        open_interpreter(model, "builtin").run(wrong)


def test_unknown_kind(model):
    with pytest.raises(ModelError, match="Did you mean 'xnnpack'"):
        open_interpreter(model, "xnnpak")


def test_sparse_models_are_refused_for_tflm(model):
    root = unpack(model)
    root.subgraphs[0].tensors[1].sparsity = SparsityParametersT(np.arange(4, dtype=np.int32))
    with pytest.raises(ModelError, match="ignores SparsityParameters"):
        open_interpreter(pack(root), "tflm")


def test_two_inputs_are_refused():
    tensors = [tensor((1, 2), "float32"), tensor((1, 2), "float32"), tensor((1, 2), "float32")]
    model = build(tensors, [operator("ADD", [0, 1], [2], ("AddOptions", {}))], [0, 1], [2])
    with pytest.raises(ModelError, match="one input"):
        open_interpreter(model, "builtin")


@pytest.mark.parametrize("kind", sorted(REQUIRED))
def test_a_model_that_cannot_run_is_a_model_error(kind):
    tensors = [tensor((1, 2), "int8", 1.0), tensor((1, 3), "int8", 1.0)]
    model = build(
        tensors,
        [operator("RESHAPE", [0], [1], ("ReshapeOptions", {"new_shape": np.array([1, 3], np.int32)}))],
        [0],
        [1],
    )
    with pytest.raises(ModelError):
        open_interpreter(model, kind).run(np.zeros((1, 2), np.int8))


def test_a_batch_is_one_message_to_and_fro(model, monkeypatch):
    interpreter, sent = open_interpreter(model, "tflm"), []
    send = isolated.worker.send
    monkeypatch.setattr(isolated.worker, "send", lambda *message: (sent.append(message), send(*message)))
    interpreter.run(random_inputs(interpreter.graph, 300, seed=0))
    assert len(sent) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(["tflm", "builtin", "tflite_runtime"]))[::2])
def test_packages_load_in_any_order(model, order, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(model)
    kinds = [kind for kind in order if kind in available_kinds()]
    program = (
        "import sys, numpy as np\n"
        "from kws_tfmot.tflite.interpreter import open_interpreter\n"
        f"runs = [open_interpreter({str(path)!r}, kind).run(np.zeros((2, 20, 10, 1), np.int8)) for kind in {kinds!r}]\n"
        "assert all((each == runs[0]).all() for each in runs)\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600)


def test_all_kinds_are_known():
    assert set(available_kinds()) <= set(KINDS)
