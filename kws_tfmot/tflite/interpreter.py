"""The one place that opens a TFLite interpreter, and says which one it is.

=================  =============================================================================================
``"tflm"``         TensorFlow Lite Micro's own kernels (PyPI tflite-micro): what a device with TFLM computes
``"builtin"``      LiteRT's optimised kernels without delegates
``"reference"``    LiteRT's reference kernels: slow, plain
``"xnnpack"``      LiteRT's default, XNNPACK: fast on the desktop, not what a device computes
``"tflite_runtime"``  the same as ``"builtin"`` from the older package tflite-runtime
=================  =============================================================================================

LiteRT comes from ai-edge-litert where it is installed, else from TensorFlow. The packages can be loaded into one
process in any order.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kws_tfmot.errors import ModelError, ToolchainError, did_you_mean
from kws_tfmot.tflite.consistency import check_operators
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.graph import Graph, Tensor
from kws_tfmot.tflite.native_log import captured_stderr
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.tensors import NUMPY_TYPES
from kws_tfmot.tflite.variables import starts_at_zero_point

KINDS = ("tflm", "builtin", "reference", "xnnpack", "tflite_runtime")
_RESOLVERS = {
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
    "xnnpack": "AUTO",
    "tflite_runtime": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
}
_MAX_ARENA = 1 << 28


@dataclass(frozen=True)
class TensorSpec:
    """What goes in or comes out: ``real = scale * (q - zero_point)``; scale 1, zero point 0 where not quantised."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    scale: float
    zero_point: int


class _Session(Protocol):
    """One sample at a time, through one package's interpreter."""

    def invoke(self, sample: np.ndarray) -> np.ndarray: ...

    def tensor(self, index: int) -> np.ndarray: ...

    def reset(self) -> None: ...


class Interpreter:
    """An opened model. Get one from :func:`open_interpreter`.

    Attributes:
        name: Package, version and resolver.
        kind: One of :data:`KINDS`.
        graph: The model as read.
        input: Type, shape and quantisation of the input.
        output: The same of the output.
    """

    def __init__(self, model: bytes, graph: Graph, kind: str, threads: int) -> None:
        self.kind = kind
        self.graph = graph
        self.input = _spec(_only(graph, graph.inputs, "input"))
        self.output = _spec(_only(graph, graph.outputs, "output"))
        self._model = model
        self._threads = threads
        self._observed: _Session | None = None
        self.name, self._session = _open_session(model, graph, kind, threads, keep_tensors=False)

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Outputs ``[N, ...]`` of the samples ``batch[N, ...]``, one inference each.

        A model with state starts from its initial state at every sample; :meth:`run_steps` lets it go on.

        Raises:
            ModelError: If type or shape of ``batch`` is not the model's, or an operator fails.
        """
        return self._run(batch, restart=self.graph.stateful)

    def run_steps(self, steps: np.ndarray) -> np.ndarray:
        """Outputs ``[N, ...]`` of inferences one after another: a model with state goes on from the step before.

        Raises:
            ModelError: As :meth:`run`.
        """
        return self._run(steps, restart=False)

    def reset(self) -> None:
        """Bring every variable of the model back to its initial value."""
        self._session.reset()

    def _run(self, batch: np.ndarray, *, restart: bool) -> np.ndarray:
        samples = self._checked(batch)
        outputs = np.empty((len(samples), *self.output.shape[1:]), self.output.dtype)
        for number, sample in enumerate(samples[:, None]):
            if restart:
                self._session.reset()
            outputs[number] = self._session.invoke(sample)[0]
        return outputs

    def intermediates(self, sample: np.ndarray) -> dict[int, np.ndarray]:
        """Every tensor that an operator writes, by index, for one sample ``[...]`` or ``[1, ...]`` after a reset.

        Raises:
            ModelError: For ``"xnnpack"``, which keeps no intermediate tensors, or a wrong sample.
        """
        if self.kind == "xnnpack":
            raise ModelError("xnnpack keeps no intermediate tensors.", "Use the kind 'builtin' or 'tflm'.")
        if self._observed is None:
            self._observed = _open_session(self._model, self.graph, self.kind, self._threads, keep_tensors=True)[1]
        whole = sample if sample.ndim == len(self.input.shape) else sample[None]
        self._observed.reset()
        self._observed.invoke(self._checked(whole))
        written = [index for operator in self.graph.operators for index in operator.outputs]
        return {index: self._observed.tensor(index) for index in written}

    def print_allocations(self) -> None:
        """Let TFLM's recorder write its account of the arena to the process's standard error.

        Raises:
            ModelError: For any other kind.
        """
        if not isinstance(self._session, _MicroSession):
            raise ModelError(f"{self.kind} records no arena.", "Use the kind 'tflm'.")
        self._session.print_allocations()

    def _checked(self, batch: np.ndarray) -> np.ndarray:
        expected = self.input.shape[1:]
        if batch.dtype != self.input.dtype or batch.shape[1:] != expected:
            raise ModelError(
                f"expected samples of {self.input.dtype}[N, {', '.join(map(str, expected))}]. "
                f"Received: {batch.dtype}{list(batch.shape)}",
                f"The input is quantised as real = {self.input.scale} * (q - {self.input.zero_point}).",
            )
        return np.ascontiguousarray(batch)


def open_interpreter(model: str | Path | bytes, kind: str = "builtin", threads: int = 1) -> Interpreter:
    """Open ``model``, which must have one input and one output of batch 1.

    Args:
        model: Path or bytes of a ``.tflite``.
        kind: One of :data:`KINDS`.
        threads: Threads a single inference may use; ``"tflm"`` always uses one.

    Raises:
        ModelError: If the kind is unknown, the model is corrupt or the interpreter cannot run it. A model with
            SparsityParameters is refused for ``"tflm"``, which ignores them and computes garbage.
        ToolchainError: If the package is not installed.
    """
    if kind not in KINDS:
        raise ModelError(f"unknown interpreter {kind!r}.{did_you_mean(kind, KINDS)} Allowed: {', '.join(KINDS)}.")
    data = read_source(model)
    graph = read_model(data)
    sparse = [tensor.name or str(tensor.index) for tensor in graph.tensors if tensor.sparse]
    if sparse and kind == "tflm":
        raise ModelError(
            f"TFLM ignores SparsityParameters without an error and computes garbage; {len(sparse)} tensors have them, "
            f"the first is {sparse[0]!r}.",
            "Convert with kind 'int8' instead of 'sparse_int8'.",
        )
    if kind != "tflm":
        _refuse_narrow_states(graph, kind)
    else:
        check_operators(graph)  # TFLM takes the file's word for shapes, and would read beyond its tensors
    return Interpreter(data, graph, kind, threads)


def _refuse_narrow_states(graph: Graph, kind: str) -> None:
    """LiteRT takes the int8 state of an SVDF for int16, and writes beyond its end."""
    for operator in graph.operators:
        if operator.code == "SVDF" and len(operator.inputs) > 4 and graph.tensor(operator.inputs[4]).dtype == "int8":
            raise ModelError(
                f"operator {operator.index} (SVDF) has an int8 state; {kind} would write beyond it.",
                "Use the kind 'tflm', which has this kernel.",
            )


def input_spec(graph: Graph) -> TensorSpec:
    """Type, shape and quantisation of a model's one input.

    Raises:
        ModelError: If it has none or several.
    """
    return _spec(_only(graph, graph.inputs, "input"))


def random_inputs(graph: Graph, count: int, seed: int) -> np.ndarray:
    """``[count, ...]`` random inputs of a model: the whole range of integers, floats from -1 to 1."""
    spec = input_spec(graph)
    rng = np.random.default_rng(seed)
    shape = (count, *spec.shape[1:])
    if spec.dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(spec.dtype)
    limits = np.iinfo(spec.dtype)
    return rng.integers(limits.min, limits.max, shape, spec.dtype, endpoint=True)


def outputs_equal(first: str | Path | bytes, second: str | Path | bytes, kind: str = "tflm", count: int = 64) -> bool:
    """Whether two models give the same bytes on ``count`` random inputs, one after another."""
    one, other = open_interpreter(first, kind), open_interpreter(second, kind)
    if one.input.shape != other.input.shape or one.input.dtype != other.input.dtype:
        return False
    batch = random_inputs(one.graph, count, seed=count)
    return one.run_steps(batch).tobytes() == other.run_steps(batch).tobytes()


def available_kinds() -> tuple[str, ...]:
    """The kinds whose package is installed here."""
    found = {
        "tflm": bool(importlib.util.find_spec("tflite_micro")),
        "tflite_runtime": bool(importlib.util.find_spec("tflite_runtime")),
    }
    litert = bool(importlib.util.find_spec("ai_edge_litert") or importlib.util.find_spec("tensorflow"))
    return tuple(kind for kind in KINDS if found.get(kind, litert))


def _only(graph: Graph, indices: tuple[int, ...], what: str) -> Tensor:
    if len(indices) != 1:
        raise ModelError(f"expected a model with one {what}. Received: {len(indices)}.")
    tensor = graph.tensor(indices[0])
    if not tensor.shape or tensor.shape[0] != 1 or tensor.dtype not in NUMPY_TYPES:
        raise ModelError(f"expected a numeric {what} of batch 1. Received: {tensor.dtype}{list(tensor.shape)}")
    return tensor


def _spec(tensor: Tensor) -> TensorSpec:
    quantization = tensor.quantization
    scale, zero_point = (quantization.scales[0], quantization.zero_points[0]) if quantization else (1.0, 0)
    return TensorSpec(np.dtype(NUMPY_TYPES[tensor.dtype]), tensor.shape, scale, zero_point)


def _open_session(model: bytes, graph: Graph, kind: str, threads: int, *, keep_tensors: bool) -> tuple[str, _Session]:
    opener = _MicroSession if kind == "tflm" else _LiteSession
    with captured_stderr() as written:  # XNNPACK and Abseil announce themselves; TFLM says there what went wrong
        try:
            session = opener(model, graph, kind, threads, keep_tensors)
        except ImportError as err:
            raise ToolchainError(f"the interpreter {kind!r} is not installed: {err}.", _INSTALL) from err
        except (RuntimeError, ValueError) as err:
            reason = " ".join(f"{err} {written()}".split())
            raise ModelError(f"{kind} cannot open the model: {reason}") from err
    return session.name, session


_INSTALL = "Run `pip install -r requirements.txt`; tflite-runtime has wheels for CPython 3.10 and 3.11 only."


class _LiteSession:
    """ai-edge-litert, tflite-runtime or tf.lite: the same interface under three names."""

    def __init__(self, model: bytes, graph: Graph, kind: str, threads: int, keep_tensors: bool) -> None:
        package, module = _lite_module(kind)
        resolver = _RESOLVERS[kind]
        self._open = functools.partial(
            module.Interpreter,
            model_content=model,
            num_threads=threads,
            experimental_op_resolver_type=module.OpResolverType[resolver],
            experimental_preserve_all_tensors=keep_tensors,
        )
        self._start()
        self._input, self._output = graph.inputs[0], graph.outputs[0]
        self._reopens = bool(graph.variables)  # LiteRT's reset leaves resource variables as they are
        self.name = f"{package} {importlib.metadata.version(package)} {resolver}"

    def _start(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow announces the deletion of its interpreter
            self._interpreter = self._open()
        self._interpreter.allocate_tensors()

    def reset(self) -> None:
        if self._reopens:
            with captured_stderr():
                self._start()
        else:
            self._interpreter.reset_all_variables()

    def invoke(self, sample: np.ndarray) -> np.ndarray:
        try:
            self._interpreter.set_tensor(self._input, sample)
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output)
        except (RuntimeError, ValueError) as err:
            raise ModelError(f"{self.name} failed: {err}") from err

    def tensor(self, index: int) -> np.ndarray:
        return self._interpreter.get_tensor(index)


def _lite_module(kind: str) -> tuple[str, Any]:
    """Name of the package and the module with ``Interpreter`` and ``OpResolverType``."""
    if kind == "tflite_runtime":
        return "tflite-runtime", importlib.import_module("tflite_runtime.interpreter")
    if importlib.util.find_spec("ai_edge_litert"):
        return "ai-edge-litert", importlib.import_module("ai_edge_litert.interpreter")
    return "tensorflow", importlib.import_module("tensorflow.lite.python.interpreter")


class _MicroSession:
    """tflite-micro. The arena grows until the model fits."""

    def __init__(self, model: bytes, graph: Graph, kind: str, threads: int, keep_tensors: bool) -> None:
        runtime = importlib.import_module("tflite_micro.python.tflite_micro.runtime")
        mode = (
            runtime.InterpreterConfig.kPreserveAllTensors
            if keep_tensors
            else (runtime.InterpreterConfig.kAllocationRecording)
        )
        activations = sum(int(np.prod(t.shape, dtype=np.int64)) * 8 for t in graph.tensors if t.data is None)
        arena = min(max(10 * len(model), 2 * activations) + (1 << 18), _MAX_ARENA)
        self._open = functools.partial(runtime.Interpreter.from_bytes, model, arena_size=arena, intrepreter_config=mode)
        self._interpreter = self._open()
        # TFLM's reset sets variables to their zero points, and does not call their initialiser again
        self._reopens = not all(starts_at_zero_point(variable) for variable in graph.variables)
        self.name = f"tflite-micro {importlib.metadata.version('tflite-micro')} TFLM kernels"

    def invoke(self, sample: np.ndarray) -> np.ndarray:
        try:
            self._interpreter.set_input(sample, 0)
            self._interpreter.invoke()
            return self._interpreter.get_output(0)
        except (RuntimeError, ValueError) as err:
            raise ModelError(f"{self.name} failed: {err}") from err

    def reset(self) -> None:
        if self._reopens:
            self._interpreter = self._open()
        else:
            self._interpreter.reset()

    def tensor(self, index: int) -> np.ndarray:
        return self._interpreter.GetTensor(index, 0)["tensor_data"]

    def print_allocations(self) -> None:
        """Let TFLM's recorder write its account to the process's standard error."""
        self._interpreter.print_allocations()
