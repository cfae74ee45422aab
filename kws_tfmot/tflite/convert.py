"""From a Keras model to a ``.tflite`` whose input, output and arithmetic are what the firmware expects."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kws_tfmot.errors import ModelError, did_you_mean
from kws_tfmot.tflite.convert_apart import configure, convert_apart, is_tried
from kws_tfmot.tflite.edit import finish, open_for_edit
from kws_tfmot.tflite.fixed_kernels import check_kernels, install_kernels
from kws_tfmot.tflite.interpreter import open_interpreter, random_inputs
from kws_tfmot.tflite.native_log import captured_stderr
from kws_tfmot.tflite.reader import read_model
from kws_tfmot.tflite.rewrite import (
    clamp_linear_layers,
    drop_softmax,
    lift_logits,
    revive_dead_channels,
    set_input_quantization,
)
from kws_tfmot.tflite.slim import slim
from kws_tfmot.tflite.sparse import check_against_dense

if TYPE_CHECKING:
    from kws_tfmot.keras import keras
    from kws_tfmot.quantization.integer_kernels import IntegerKernel

KINDS = ("float32", "int8", "int16x8", "sparse_int8", "sparse_float32")
Representative = Iterable[np.ndarray] | np.ndarray | Callable[[], Iterable[np.ndarray]]


def convert(
    model: keras.Model,
    kind: str = "int8",
    representative: Representative | None = None,
    *,
    input_quantization: tuple[float, int] | None = None,
    softmax: str = "drop",
    exact_logits: bool = True,
    exact_linear: bool = False,
    dense_per_channel: bool = True,
    kernels: Sequence[IntegerKernel] = (),
) -> bytes:
    """Convert a Keras 2 model with one input and one output.

    ==================  ================================================================================
    ``"float32"``       float weights and arithmetic
    ``"int8"``          int8 in, out and throughout; quantised here, or as quantisation-aware training says
    ``"int16x8"``       int16 activations, int8 weights; after training only
    ``"sparse_int8"``, ``"sparse_float32"``  with TFLite's sparse encoding, for desktops only
    ==================  ================================================================================

    Args:
        model: The model. Layers of quantisation-aware training make it an int8 model with the learned ranges.
        kind: One of :data:`KINDS`.
        representative: Inputs ``[N, ...]`` (an array, an iterable of samples, or a function that returns one) that
            activations are calibrated with; needed for int8 kinds after training and int16x8.
        input_quantization: ``(scale, zero_point)`` that the int8 input must have, being the front end's. After
            training it is installed whatever the representative set is; a quantisation-aware model must have it.
        softmax: ``"drop"`` ends the graph at the logits, where TFLM and LiteRT's builtin kernels agree on every byte
            (their int8 softmax differ on about 1 byte in 40,000); ``"keep"`` leaves it in.
        exact_logits: Give int8 logits the zero point -128, see :func:`kws_tfmot.tflite.rewrite.lift_logits`: the
            builtin kernels and TFLM round negative results differently.
        exact_linear: Do the like for layers without activation inside the model (a residual branch, a low-rank
            layer), see :func:`kws_tfmot.tflite.rewrite.clamp_linear_layers`; each costs a copy of its output.
        dense_per_channel: Per-channel scales in fully connected layers. Sparse kinds never have them, since
            tflite-runtime computes them wrongly.
        kernels: The integers that the weights of an ``"int8"`` file shall be, where the model's weights lie on grids
            of few bits; see :func:`kws_tfmot.tflite.fixed_kernels.install_kernels`.

    Raises:
        ModelError: If an argument is wrong, the converter fails, an operator stays in float, the input is not
            quantised as asked, or a sparse file does not decode to the dense model's weights.
    """
    _check_arguments(model, kind, representative, input_quantization, softmax)
    if kernels and (kind != "int8" or is_quantization_aware(model)):
        trained_so = ", trained for int8" if is_quantization_aware(model) else ""
        raise ModelError(
            "expected kind 'int8' and a model that was not trained for int8, since weights of few bits are calibrated "
            f"after training. Received: {kind!r}{trained_so}"
        )
    trained = is_quantization_aware(model)
    fixed = None if trained else input_quantization
    per_channel = dense_per_channel and not kind.startswith("sparse")
    raw = _run_converter(model, kind, None if trained else representative, per_channel, sparse=False)
    dense = _rewritten(raw, kind, fixed, softmax, (exact_logits, exact_linear), kernels)
    result = dense
    if kind.startswith("sparse"):
        raw = _run_converter(model, kind, None if trained else representative, per_channel, sparse=True)
        result = _rewritten(raw, kind, fixed, softmax, (exact_logits, exact_linear), ())
        check_against_dense(result, dense)
        _check_same_outputs(result, dense)
    if kind.endswith("int8"):
        _check_integer(result, input_quantization)
    if kernels:
        check_kernels(result, kernels)
    return result


def sizes(model: bytes) -> dict[str, int]:
    """Bytes of a model: ``raw``, ``slim`` (portable), ``gzip`` of the raw file and ``slim_gzip``."""
    slimmed = slim(model)
    return {
        "raw": len(model),
        "slim": len(slimmed),
        "gzip": len(gzip.compress(model, 9, mtime=0)),
        "slim_gzip": len(gzip.compress(slimmed, 9, mtime=0)),
    }


def is_quantization_aware(model: keras.Model) -> bool:
    """Whether TFMOT's quantisation wrappers are in the model."""
    return any(type(layer).__name__.startswith("Quantize") for layer in model.layers)


def _check_arguments(
    model: keras.Model,
    kind: str,
    representative: Representative | None,
    input_quantization: tuple[float, int] | None,
    softmax: str,
) -> None:
    if kind not in KINDS:
        raise ModelError(f"unknown kind {kind!r}.{did_you_mean(kind, KINDS)} Allowed: {', '.join(KINDS)}.")
    if softmax not in ("drop", "keep"):
        raise ModelError(f"softmax: expected 'drop' or 'keep'. Received: {softmax!r}")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ModelError(f"expected one input and one output. Received: {len(model.inputs)} and {len(model.outputs)}.")
    if any(size is None for size in model.inputs[0].shape[1:]):
        raise ModelError(f"expected a fixed input shape. Received: {tuple(model.inputs[0].shape)}")
    trained = is_quantization_aware(model)
    if trained and not kind.endswith("int8"):
        raise ModelError(
            f"a model of quantisation-aware training converts to int8 only. Received: kind={kind!r}",
            "Convert the float model it was made from.",
        )
    if representative is None and not trained and "int" in kind:
        raise ModelError(f"kind {kind!r} needs a representative set of inputs.", "Pass a few hundred training samples.")
    if input_quantization is not None and not (
        input_quantization[0] > 0 and float(input_quantization[1]).is_integer() and -128 <= input_quantization[1] <= 127
    ):
        raise ModelError(f"expected a scale above 0 and a zero point from -128 to 127. Received: {input_quantization}")


def _run_converter(
    model: keras.Model, kind: str, representative: Representative | None, per_channel: bool, *, sparse: bool
) -> bytes:
    """TensorFlow's converter with the batch fixed to 1, so that no shape arithmetic enters the graph."""
    from kws_tfmot.keras import tf

    spec = tf.TensorSpec((1, *model.inputs[0].shape[1:]), model.inputs[0].dtype, name="features")
    function = tf.function(lambda features: model(features, training=False)).get_concrete_function(spec)
    samples = representative if "int" in kind else None
    calibrated = samples is not None
    settings = {"kind": kind, "calibrated": calibrated, "per_channel": per_channel, "sparse": sparse}
    shape = tuple(spec.shape)
    if not is_tried(model):
        stored = None if samples is None else [sample for (sample,) in _samples(samples, shape)]
        return convert_apart(function, model, settings, stored)
    # The converter saves what holds the variables. A model would have every call of every layer traced for nothing:
    # four fifths of the time of a conversion, and the same bytes.
    holder = tf.Module()
    holder.held = list(model.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], holder)
    configure(converter, tf, settings)
    if samples is not None:
        converter.representative_dataset = lambda: _samples(samples, shape)
    with captured_stderr() as log:
        try:
            return converter.convert()
        except Exception as err:  # the converter raises anything from ValueError to ConverterError
            raise ModelError(
                f"the TFLite converter failed: {_last_line(err, log())}", "Use layers that docs/own_network.md lists."
            ) from err


def _samples(representative: Representative, shape: tuple[int, ...]) -> Iterator[list[np.ndarray]]:
    values = representative() if callable(representative) else representative
    for number, sample in enumerate(values):
        array = np.asarray(sample, np.float32)
        if array.size != np.prod(shape):
            raise ModelError(f"representative sample {number}: expected shape {shape[1:]}. Received: {array.shape}")
        yield [array.reshape(shape)]


def _last_line(err: Exception, log: str) -> str:
    lines = [line.strip() for line in f"{log}\n{err}".splitlines() if line.strip()]
    return lines[-1] if lines else type(err).__name__


def _rewritten(
    model: bytes,
    kind: str,
    input_quantization: tuple[float, int] | None,
    softmax: str,
    exact: tuple[bool, bool],
    kernels: Sequence[IntegerKernel],
) -> bytes:
    """``exact``: logits, inner layers without activation."""
    root = open_for_edit(model)
    if kind.endswith("int8") and input_quantization is not None:
        set_input_quantization(root, *input_quantization)
    if kernels:
        install_kernels(root, kernels)
    if kind.endswith("int8"):
        revive_dead_channels(root)
    if softmax == "drop":
        drop_softmax(root)
    if kind.endswith("int8") and exact[0]:
        lift_logits(root)
    if kind.endswith("int8") and exact[1]:
        clamp_linear_layers(root)
    return finish(root)


def _check_same_outputs(sparse: bytes, dense: bytes) -> None:
    """Run both with LiteRT's builtin kernels (XNNPACK miscomputes or refuses sparse layers) on random inputs."""
    first, second = open_interpreter(sparse, "builtin"), open_interpreter(dense, "builtin")
    batch = random_inputs(first.graph, 64, seed=0)
    got, expected = first.run(batch), second.run(batch)
    same = np.allclose(got, expected, atol=1e-4) if got.dtype.kind == "f" else np.array_equal(got, expected)
    if not same:
        raise ModelError(
            "the sparse-encoded model computes other outputs than the dense one (a converter or kernel bug).",
            "Convert without sparse encoding.",
        )


def _check_integer(model: bytes, input_quantization: tuple[float, int] | None) -> None:
    graph = read_model(model)
    inside = {index for operator in graph.operators for index in (*operator.inputs, *operator.outputs) if index >= 0}
    real = sorted(index for index in inside if graph.tensor(index).dtype.startswith("float"))
    if real:
        codes = sorted({o.code for o in graph.operators if set(real) & {*o.inputs, *o.outputs}})
        raise ModelError(
            f"the converted model still computes in float, in {', '.join(codes)} (tensors {real[:8]}).",
            "Every layer needs an int8 kernel; with quantisation-aware training, look for layers without quantiser.",
        )
    entry = graph.tensor(graph.inputs[0])
    found = entry.quantization and (entry.quantization.scales[0], entry.quantization.zero_points[0])
    wanted = input_quantization and (float(np.float32(input_quantization[0])), int(input_quantization[1]))
    if entry.dtype != "int8" or (wanted and found != wanted):
        raise ModelError(
            f"expected an int8 input quantised by (scale, zero point) = {wanted}. Received: {entry.dtype} {found}",
            "Fix the model's input quantiser to the range scale * (-128 - zero_point) to scale * (127 - zero_point).",
        )
