"""The packages that interpret a ``.tflite``, behind one small interface. Only :mod:`kws_tfmot.tflite.worker` runs them.

A runtime takes one sample of every input and gives one of every output. The parent process has read the model; here
nothing is parsed, so that the worker loads no more than NumPy and the package itself.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

RESOLVERS = {
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
    "xnnpack": "AUTO",
    "tflite_runtime": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
}
_MICRO = "tflite_micro.python.tflite_micro.runtime"


@dataclass(frozen=True)
class OpenOptions:
    """How a model is opened.

    Attributes:
        kind: One of :data:`kws_tfmot.tflite.interpreter.KINDS`.
        inputs: Indices of the input tensors.
        outputs: Indices of the output tensors.
        threads: Threads of a single inference, where the runtime has any.
        keep_tensors: Keep the tensors between the operators, for :meth:`Runtime.tensor`.
        arena_bytes: Of TFLM's arena.
        memory_bytes: What the worker may take on top of the loaded package.
        reopens: The runtime's own reset is not enough: open the model again instead.
    """

    kind: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    threads: int = 1
    keep_tensors: bool = False
    arena_bytes: int = 1 << 20
    memory_bytes: int = 1 << 30
    reopens: bool = False


class Runtime(Protocol):
    """An opened model in one package's interpreter."""

    name: str

    def invoke(self, samples: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One inference: an array for each output from an array for each input."""

    def tensor(self, index: int) -> np.ndarray:
        """A tensor after the last inference."""

    def reset(self) -> None:
        """Bring all state back to where it was when the model was opened."""

    def write_allocations(self) -> None:
        """Write the account of the memory to standard error, where the package keeps one."""


class _LiteRuntime:
    """ai-edge-litert, tflite-runtime or tf.lite: the same interface under three names."""

    def __init__(self, model: bytes, options: OpenOptions) -> None:
        package, module = lite_module(options.kind)
        resolver = RESOLVERS[options.kind]
        self._options = options
        self._open = functools.partial(
            module.Interpreter,
            model_content=model,
            num_threads=options.threads,
            experimental_op_resolver_type=module.OpResolverType[resolver],
            experimental_preserve_all_tensors=options.keep_tensors,
        )
        self.name = f"{package} {importlib.metadata.version(package)} {resolver}"
        self._start()

    def _start(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow announces the deletion of its interpreter
            self._interpreter = self._open()
        self._interpreter.allocate_tensors()

    def invoke(self, samples: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for one sample of each input, shapes as in the file."""
        for index, sample in zip(self._options.inputs, samples, strict=True):
            self._interpreter.set_tensor(index, sample)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._options.outputs]

    def tensor(self, index: int) -> np.ndarray:
        """The values of a tensor after the last invocation."""
        return self._interpreter.get_tensor(index)

    def reset(self) -> None:
        """Bring variables back to their first values."""
        if self._options.reopens:
            self._start()
        else:
            self._interpreter.reset_all_variables()

    def write_allocations(self) -> None:
        """LiteRT has no arena to account for: ``ValueError``."""
        raise ValueError("it keeps no account of an arena")


def lite_module(kind: str) -> tuple[str, Any]:
    """Name of the package and the module with ``Interpreter`` and ``OpResolverType``."""
    if kind == "tflite_runtime":
        return "tflite-runtime", importlib.import_module("tflite_runtime.interpreter")
    if importlib.util.find_spec("ai_edge_litert"):
        return "ai-edge-litert", importlib.import_module("ai_edge_litert.interpreter")
    return "tensorflow", importlib.import_module("tensorflow.lite.python.interpreter")


class _MicroRuntime:
    """tflite-micro, with an arena of a given size."""

    def __init__(self, model: bytes, options: OpenOptions) -> None:
        runtime = importlib.import_module(_MICRO)
        config = runtime.InterpreterConfig
        mode = config.kPreserveAllTensors if options.keep_tensors else config.kAllocationRecording
        self._options = options
        self._open = functools.partial(
            runtime.Interpreter.from_bytes, model, arena_size=options.arena_bytes, intrepreter_config=mode
        )
        self.name = f"tflite-micro {importlib.metadata.version('tflite-micro')} TFLM kernels"
        self._interpreter = self._open()

    def invoke(self, samples: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for one sample of each input, shapes as in the file."""
        for place, sample in enumerate(samples):
            self._interpreter.set_input(sample, place)
        self._interpreter.invoke()
        return [self._interpreter.get_output(place) for place in range(len(self._options.outputs))]

    def tensor(self, index: int) -> np.ndarray:
        """The values of a tensor after the last invocation."""
        return self._interpreter.GetTensor(index, 0)["tensor_data"]

    def reset(self) -> None:
        """Bring variables back to their first values."""
        if self._options.reopens:
            self._interpreter = self._open()
        else:
            self._interpreter.reset()

    def write_allocations(self) -> None:
        """Write the arena's account, in bytes, to stderr."""
        self._interpreter.print_allocations()


def open_runtime(model: bytes, options: OpenOptions) -> Runtime:
    """Open ``model``; whatever the package raises goes through."""
    return _MicroRuntime(model, options) if options.kind == "tflm" else _LiteRuntime(model, options)


def preload(kind: str) -> None:
    """Import the package of ``kind``, if it is light: its threads would not survive a fork where it is TensorFlow."""
    if kind == "tflm":
        importlib.import_module(_MICRO)
    elif kind == "tflite_runtime" or importlib.util.find_spec("ai_edge_litert"):
        lite_module(kind)
