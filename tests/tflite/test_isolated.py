"""Interpreters of others run in processes of their own: whatever kills one there is an error here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from tflite_builders import build, ds_cnn, operator, tensor

from kws_tfmot.errors import ModelError, ToolchainError
from kws_tfmot.tflite import interpreter as interpreters
from kws_tfmot.tflite import isolated
from kws_tfmot.tflite.interpreter import available_kinds, open_interpreter, random_inputs
from kws_tfmot.tflite.isolated import IsolatedModel
from kws_tfmot.tflite.runtimes import OpenOptions

WINDOW = {"padding": 0, "stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}


def deadly() -> bytes:
    """MEAN without its axes, which TFLM reads all the same."""
    tensors = [tensor((1, 4), "int8", 1.0), tensor((1, 4), "int8", 1.0)]
    return build(tensors, [operator("MEAN", [0], [1], ("ReducerOptions", {}))], [0], [1])


def laborious() -> bytes:
    """A convolution of 34 G multiplications."""
    shape = (1, 256, 256, 64)
    weights = tensor((64, 11, 11, 64), "int8", 1.0, data=np.ones((64, 11, 11, 64), np.int8))
    bias = tensor((64,), "int32", 1.0, data=np.zeros(64, np.int32))
    layer = operator("CONV_2D", [0, 1, 3], [2], ("Conv2DOptions", WINDOW))
    return build([tensor(shape, "int8", 1.0), weights, tensor(shape, "int8", 1e6), bias], [layer], [0], [2])


def opened(model: bytes, kind: str = "tflm", **options) -> IsolatedModel:
    seconds = options.pop("cpu_seconds", 30.0)
    return IsolatedModel(model, OpenOptions(kind, (0,), (2,), **options), "a model", seconds)


def test_a_crash_names_signal_interpreter_and_model():
    with pytest.raises(ModelError, match=r"tflm died \(SIG[A-Z]+\) as it opened the model \(a model\)"):
        opened(deadly())


def test_the_next_model_runs_after_a_crash(model):
    for kind in available_kinds():
        with pytest.raises(ModelError):
            opened(deadly())
        interpreter = open_interpreter(model, kind)
        assert len(interpreter.run(random_inputs(interpreter.graph, 3, seed=0))) == 3


def test_a_step_that_never_ends_is_stopped():
    session = opened(laborious(), "reference", cpu_seconds=0.2)
    with pytest.raises(ModelError, match=r"more than 0\.2 s of processor time as it ran the model"):
        session.run([np.zeros((1, 1, 256, 256, 64), np.int8)], restart=False)


def test_time_is_counted_for_each_inference(model):
    interpreter = open_interpreter(model, "reference")
    session = IsolatedModel(
        model, OpenOptions("reference", interpreter.graph.inputs, interpreter.graph.outputs), "a model", 0.1
    )
    batch = random_inputs(interpreter.graph, 1500, seed=0)  # far more than a tenth of a second in all
    assert session.run([batch[:, None]], restart=False)[0][:, 0].tobytes() == interpreter.run(batch).tobytes()


@pytest.mark.parametrize("kind", ["tflm", "builtin"])
def test_memory_has_a_limit(kind):
    with pytest.raises(ModelError, match=r"memory|died|RuntimeError|ValueError"):
        opened(laborious(), kind, memory_bytes=8 << 20, arena_bytes=64 << 20)


def test_a_killed_worker_is_an_error(model):
    interpreter = open_interpreter(model, "builtin")
    os.kill(interpreter._session._pid, signal.SIGKILL)
    with pytest.raises(ModelError, match=r"died \(SIGKILL\)"):
        interpreter.run(random_inputs(interpreter.graph, 1, seed=0))


def test_a_killed_server_is_started_again(model):
    open_interpreter(model, "builtin")
    server = isolated._server()._process
    server.kill()
    server.wait()
    interpreter = open_interpreter(model, "builtin")
    assert len(interpreter.run(random_inputs(interpreter.graph, 2, seed=0))) == 2


def test_a_package_that_is_missing(model, monkeypatch):
    monkeypatch.setattr(isolated, "_servers", {})
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])
    with pytest.raises(ToolchainError):
        open_interpreter(model, "tflm")


def test_workers_end_with_their_models(model):
    interpreter = open_interpreter(model, "tflm")
    pid = interpreter._session._pid
    del interpreter
    assert isolated._server().fate(pid, kill=False) == 0


def test_an_interrupted_question_closes_the_worker(model, monkeypatch):
    interpreter = open_interpreter(model, "tflm")
    batch = random_inputs(interpreter.graph, 1, seed=0)

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(isolated.worker, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            interpreter.run(batch)
    with pytest.raises(ModelError):
        interpreter.run(batch)


def test_large_batches_go_in_parts(model, monkeypatch):
    interpreter = open_interpreter(model, "tflm")
    batch = random_inputs(interpreter.graph, 17, seed=0)
    whole = interpreter.run(batch)
    monkeypatch.setattr(isolated, "MAX_BATCH_BYTES", 5 * batch[0].nbytes)
    assert np.array_equal(interpreter.run(batch), whole)


def test_times_are_measured_beside_the_interpreter(model):
    interpreter = open_interpreter(model, "builtin")
    seconds = interpreter.time(random_inputs(interpreter.graph, 1, seed=0), 7)
    assert seconds.shape == (7,) and (seconds > 0).all()


def test_a_script_without_a_main_guard_can_open_models(tmp_path):
    """Nothing of the calling program is imported by the worker."""
    (tmp_path / "model.tflite").write_bytes(ds_cnn(np.random.default_rng(0), width=2, blocks=1))
    (tmp_path / "inspect.py").write_text("raise SystemExit('imported')")
    script = tmp_path / "script.py"
    script.write_text(
        "from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs\n"
        "interpreter = open_interpreter('model.tflite', 'tflm')\n"
        "print(interpreter.run(random_inputs(interpreter.graph, 2, 0)).shape)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-P", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("(2, 5)\n", 0), done.stderr


def test_models_with_several_inputs_run_all(model):
    tensors = [tensor((1, 2), "float32"), tensor((1, 2), "float32"), tensor((1, 2), "float32")]
    two = build(tensors, [operator("ADD", [0, 1], [2], ("AddOptions", {}))], [0, 1], [2])
    for kind in available_kinds():
        interpreter = open_interpreter(two, kind, several=True)
        one, other = interpreters.random_samples(interpreter, 4, seed=1)
        assert np.array_equal(interpreter.run_all([one, other])[0], one + other)
