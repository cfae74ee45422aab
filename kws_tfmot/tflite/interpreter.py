"""The one place that opens a TFLite interpreter, and says which one it is.

Each opened model lives in a process of its own (:mod:`kws_tfmot.tflite.isolated`): these packages take a file's word
for much, and a file that kills them must not kill the caller.

=================  =============================================================================================
``"tflm"``         TensorFlow Lite Micro's own kernels (PyPI tflite-micro): what a device with TFLM computes
``"builtin"``      LiteRT's optimised kernels without delegates
``"reference"``    LiteRT's reference kernels: slow, straightforward
``"xnnpack"``      LiteRT's default, XNNPACK: fast on the desktop, not what a device computes
``"tflite_runtime"``  the same as ``"builtin"`` from the older package tflite-runtime
=================  =============================================================================================

LiteRT comes from ai-edge-litert where it is installed, else from TensorFlow. Where tflite-micro is not installed,
``"tflm"`` is LiteRT's reference kernels, which differ by 1 in few outputs of fully connected layers; the name says so.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws_tfmot.errors import ModelError, ToolchainError, did_you_mean
from kws_tfmot.files import sha256_bytes
from kws_tfmot.tflite.consistency import check_operators
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.folding import folded
from kws_tfmot.tflite.graph import Graph, Tensor
from kws_tfmot.tflite.isolated import IsolatedModel
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.resource_variables import starts_at_zero_point
from kws_tfmot.tflite.runtimes import OpenOptions
from kws_tfmot.tflite.tensors import NUMPY_TYPES
from kws_tfmot.tflite.worker import CPU_SECONDS

KINDS = ("tflm", "builtin", "reference", "xnnpack", "tflite_runtime")
STAND_IN = "reference"
"""What runs in place of ``"tflm"`` where tflite-micro has no wheel: not on Linux on x86-64."""

_MAX_ARENA = 1 << 28
_MEMORY = 512 << 20  # that a worker may take for a small model
_MAX_MEMORY = 3 << 30
_AT_ONCE = 1 << 26  # bytes of inputs and outputs held to compare two models


@dataclass(frozen=True)
class TensorSpec:
    """What goes in or comes out: ``real = scale * (q - zero_point)``; scale 1, zero point 0 where not quantised."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    scale: float
    zero_point: int


class Interpreter:
    """An opened model. Get one from :func:`open_interpreter`.

    Attributes:
        name: Package, version and resolver.
        kind: One of :data:`KINDS`.
        graph: The model as read.
        inputs: Type, shape and quantisation of every input.
        outputs: The same of every output.
    """

    def __init__(self, model: bytes, graph: Graph, kind: str, threads: int, label: str) -> None:
        self.kind = kind
        self.graph = graph
        self.inputs = tuple(_spec(_numeric(graph.tensor(index), "input")) for index in graph.inputs)
        self.outputs = tuple(_spec(_numeric(graph.tensor(index), "output")) for index in graph.outputs)
        self._model = model
        self._threads = threads
        self._label = label
        self._observed: IsolatedModel | None = None
        self._session = self._open(keep_tensors=False)
        self.name = self._session.name

    @property
    def input(self) -> TensorSpec:
        """Of the one input."""
        return self.inputs[0]

    @property
    def output(self) -> TensorSpec:
        """Of the one output."""
        return self.outputs[0]

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Outputs ``[N, ...]`` of the samples ``batch[N, ...]``, one inference each.

        A model with state starts from its initial state at every sample; :meth:`run_steps` lets it go on.

        Raises:
            ModelError: If type or shape of ``batch`` is not the model's, an operator fails, or the interpreter dies.
        """
        return self.run_all([self._checked(batch)[:, None]], restart=self.graph.stateful)[0][:, 0]

    def run_steps(self, steps: np.ndarray) -> np.ndarray:
        """Outputs ``[N, ...]`` of inferences one after another: a model with state goes on from the step before.

        Raises:
            ModelError: As :meth:`run`.
        """
        return self.run_all([self._checked(steps)[:, None]])[0][:, 0]

    def reset(self) -> None:
        """Bring every variable of the model back to its initial value."""
        self._session.reset()

    def run_all(self, batches: Sequence[np.ndarray], *, restart: bool = False) -> list[np.ndarray]:
        """``[N, *shape]`` of every output from ``[N, *shape]`` of every input, one inference each.

        Args:
            batches: One array for each input of the model.
            restart: Bring the state back to its initial value before every inference.

        Raises:
            ModelError: As :meth:`run`.
        """
        for batch, spec in zip(batches, self.inputs, strict=True):
            if batch.dtype != spec.dtype or batch.shape[1:] != spec.shape or len(batch) != len(batches[0]):
                raise ModelError(f"expected {spec.dtype}[N, {spec.shape}]. Received: {batch.dtype}{list(batch.shape)}")
        count = len(batches[0])
        if not count:
            return [np.empty((0, *spec.shape), spec.dtype) for spec in self.outputs]
        try:
            results = self._session.run(batches, restart=restart)
        except MemoryError:
            each = sum(math.prod(spec.shape) * spec.dtype.itemsize for spec in self.outputs)
            raise ModelError(
                f"the outputs of the model ({self._label}) take {each:,} bytes, those of {count} inferences more than "
                "the memory holds.",
                "Run fewer at a time.",
            ) from None
        for result, spec in zip(results, self.outputs, strict=True):
            if (result.dtype, result.shape) != (spec.dtype, (count, *spec.shape)):
                raise ModelError(
                    f"{self.name} gives {result.dtype}{list(result.shape[1:])} where the model ({self._label}) says "
                    f"{spec.dtype}{list(spec.shape)}.",
                    "Open it by another interpreter, or convert it again with shapes that are fixed.",
                )
        return results

    def time(self, sample: np.ndarray, count: int) -> np.ndarray:
        """Seconds of each of ``count`` inferences on ``sample[1, ...]``, measured beside the interpreter.

        Raises:
            ModelError: As :meth:`run`.
        """
        return self._session.time([self._checked(sample)], count)

    def intermediates(self, sample: np.ndarray) -> dict[int, np.ndarray]:
        """Every tensor that an operator writes, by index, for one sample ``[...]`` or ``[1, ...]`` after a reset.

        Raises:
            ModelError: For ``"xnnpack"``, which keeps no intermediate tensors, or a wrong sample.
        """
        if self.kind == "xnnpack":
            raise ModelError("xnnpack keeps no intermediate tensors.", "Use the kind 'builtin' or 'tflm'.")
        if self._observed is None:
            self._observed = self._open(keep_tensors=True)
        whole = sample if sample.ndim == len(self.input.shape) else sample[None]
        self._observed.run([self._checked(whole)[:, None]], restart=self.graph.stateful)
        written = [index for operator in self.graph.operators for index in operator.outputs]
        return dict(zip(written, self._observed.tensors(written), strict=True))

    def allocations(self) -> str:
        """TFLM's recorder's account of the arena.

        Raises:
            ModelError: For any other kind.
        """
        if self.kind != "tflm":
            raise ModelError(f"{self.kind} records no arena.", "Use the kind 'tflm'.")
        return self._session.allocations()

    def _open(self, *, keep_tensors: bool) -> IsolatedModel:
        # LiteRT's reset leaves resource variables as they are, TFLM's sets them to their zero points
        kept = [
            variable for variable in self.graph.variables if self.kind != "tflm" or not starts_at_zero_point(variable)
        ]
        activations = sum(math.prod(t.shape) * 8 for t in self.graph.tensors if t.data is None)
        options = OpenOptions(
            kind=self.kind,
            inputs=self.graph.inputs,
            outputs=self.graph.outputs,
            threads=self._threads,
            keep_tensors=keep_tensors,
            arena_bytes=min(max(10 * len(self._model), 2 * activations) + (1 << 18), _MAX_ARENA),
            memory_bytes=min(_MEMORY + 4 * (len(self._model) + activations), _MAX_MEMORY),
            reopens=bool(kept),
        )
        return IsolatedModel(self._model, options, self._label, CPU_SECONDS)

    def _checked(self, batch: np.ndarray) -> np.ndarray:
        expected = self.input.shape[1:]
        if batch.dtype != self.input.dtype or batch.shape[1:] != expected:
            raise ModelError(
                f"expected samples of {self.input.dtype}[N, {', '.join(map(str, expected))}]. "
                f"Received: {batch.dtype}{list(batch.shape)}",
                f"The input is quantised as real = {self.input.scale} * (q - {self.input.zero_point}).",
            )
        return np.ascontiguousarray(batch)


def open_interpreter(
    model: str | Path | bytes, kind: str = "builtin", threads: int = 1, *, several: bool = False
) -> Interpreter:
    """Open ``model``, which must have one input and one output of batch 1.

    Args:
        model: Path or bytes of a ``.tflite``.
        kind: One of :data:`KINDS`; ``"tflm"`` is :data:`STAND_IN` where tflite-micro is not installed.
        threads: Threads a single inference may use; ``"tflm"`` always uses one.
        several: Take models with several inputs or outputs too, of any batch; they run by :meth:`Interpreter.run_all`.

    Raises:
        ModelError: If the kind is unknown, the model is corrupt or the interpreter cannot run it, or dies of it. A
            model with SparsityParameters is refused for ``"tflm"``, which ignores them and computes garbage.
        ToolchainError: If the package is not installed.
    """
    if kind not in KINDS:
        raise ModelError(f"unknown interpreter {kind!r}.{did_you_mean(kind, KINDS)} Allowed: {', '.join(KINDS)}.")
    data = folded(model) if kind == "tflm" else read_source(model)
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
    if not several:
        for indices, what in ((graph.inputs, "input"), (graph.outputs, "output")):
            _spec(_only(graph, indices, what))
    label = f"{len(data)} bytes, SHA-256 {sha256_bytes(data)[:12]}"
    standing_in = kind == "tflm" and "tflm" not in available_kinds()
    opened = Interpreter(
        data,
        graph,
        STAND_IN if standing_in else kind,
        threads,
        label if isinstance(model, (bytes, bytearray)) else str(model),
    )
    if standing_in:
        opened.name += " in place of tflite-micro, which is not installed"
    return opened


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
    return _random(spec, (count, *spec.shape[1:]), np.random.default_rng(seed))


def random_samples(interpreter: Interpreter, count: int, seed: int) -> list[np.ndarray]:
    """``[count, *shape]`` random values for every input of a model, as :func:`random_inputs`."""
    rng = np.random.default_rng(seed)
    return [_random(spec, (count, *spec.shape), rng) for spec in interpreter.inputs]


def _random(spec: TensorSpec, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if spec.dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(spec.dtype)
    if spec.dtype.kind not in "iu":
        return rng.integers(0, 2, shape).astype(spec.dtype)
    limits = np.iinfo(spec.dtype)
    return rng.integers(limits.min, limits.max, shape, spec.dtype, endpoint=True)


def outputs_equal(first: str | Path | bytes, second: str | Path | bytes, kind: str = "tflm", count: int = 64) -> bool:
    """Whether two models give the same bytes on ``count`` random inputs, one after another.

    As many at a time as :data:`_AT_ONCE` bytes of inputs and outputs allow.
    """
    one, other = (open_interpreter(model, kind, several=True) for model in (first, second))
    if [(spec.dtype, spec.shape) for spec in one.inputs] != [(spec.dtype, spec.shape) for spec in other.inputs]:
        return False
    each = sum(math.prod(spec.shape) * spec.dtype.itemsize for spec in (*one.inputs, *one.outputs, *other.outputs))
    step = max(1, min(count, _AT_ONCE // max(each, 1)))
    for done in range(0, count, step):
        batches = random_samples(one, min(step, count - done), seed=count + done)
        pairs = zip(one.run_all(batches), other.run_all(batches), strict=True)
        if not all(left.tobytes() == right.tobytes() for left, right in pairs):
            return False
    return True


def available_kinds() -> tuple[str, ...]:
    """The kinds whose package is installed here."""
    found = {
        "tflm": bool(importlib.util.find_spec("tflite_micro")),
        "tflite_runtime": bool(importlib.util.find_spec("tflite_runtime")),
    }
    litert = bool(importlib.util.find_spec("ai_edge_litert") or importlib.util.find_spec("tensorflow"))
    return tuple(kind for kind in KINDS if found.get(kind, litert))


def require_tflm() -> None:
    """Refuse what only TFLM itself can answer where tflite-micro is not installed.

    Raises:
        ToolchainError: With the way out.
    """
    if "tflm" not in available_kinds():
        raise ToolchainError(
            "this needs TFLM's own kernels, the package tflite-micro, which is not installed (PyPI has it for Linux on "
            "x86-64 alone).",
            "Do it there, or export with --target engine.",
        )


def _only(graph: Graph, indices: tuple[int, ...], what: str) -> Tensor:
    if len(indices) != 1:
        raise ModelError(f"expected a model with one {what}. Received: {len(indices)}.")
    tensor = _numeric(graph.tensor(indices[0]), what)
    if not tensor.shape or tensor.shape[0] != 1:
        raise ModelError(
            f"expected a numeric {what} of batch 1. Received: {tensor.dtype}{list(tensor.shape)}",
            "Convert the model with a first size of 1; what it holds can be seen with `kws inspect`.",
        )
    return tensor


def _numeric(tensor: Tensor, what: str) -> Tensor:
    if tensor.dtype not in NUMPY_TYPES:
        raise ModelError(f"expected a numeric {what} of batch 1. Received: {tensor.dtype}{list(tensor.shape)}")
    return tensor


def _spec(tensor: Tensor) -> TensorSpec:
    quantization = tensor.quantization
    scale, zero_point = (quantization.scales[0], quantization.zero_points[0]) if quantization else (1.0, 0)
    return TensorSpec(np.dtype(NUMPY_TYPES[tensor.dtype]), tensor.shape, scale, zero_point)
