"""SVDF: fully connected layers whose filters remember; Nakkiran et al. 2015, "Compressing Deep Neural Networks ..."."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_export.codegen.layer_writer import LayerWriter
from firmware_export.ir import Operation
from firmware_export.operators.registry import Registration
from firmware_export.operators.shared.context import Context, Unsupported
from firmware_export.operators.shared.own_state import scale_of, state_of
from firmware_export.operators.shared.tflite_arithmetic import quantize_multiplier
from kws_tfmot.tflite.graph import Operator


@dataclass(frozen=True)
class Svdf(Operation):
    """``y = W_t . memory`` summed over ``rank`` filters, the newest of a filter's memory being ``W_f x``."""

    feature: np.ndarray  # int8 [filters, inputs]
    time: np.ndarray  # int8 or int16 [filters, memory]
    offset: np.ndarray  # int32 [filters]
    bias: np.ndarray  # int32 [units]
    feature_scale: tuple[int, int]  # multiplier and shift
    time_scale: tuple[int, int]
    state_zero: int
    zero_point: int
    rank: int

    def emit(self, writer: LayerWriter) -> str:
        """The call of ``kws_svdf_step``."""
        wide = self.time.dtype == np.int16
        kind, item = ("int16_t", 2) if wide else ("int8_t", 1)
        members: list[object] = [
            writer.array("int8_t", "feature", self.feature.reshape(-1)),
            writer.array(kind, "time", self.time.reshape(-1), item),
            writer.array("int32_t", "offset", self.offset, 4),
            writer.array("int32_t", "bias", self.bias, 4),
            *(self.feature_scale[0], self.time_scale[0], self.feature_scale[1], self.time_scale[1]),
            *(self.state_zero, self.zero_point, *self.feature.shape, self.time.shape[1], self.rank, int(wide)),
        ]
        return writer.call(
            "kws_svdf_step", writer.struct("kws_svdf", members), writer.input(), writer.input(1), writer.output
        )


def lower(context: Context, operator: Operator) -> None:
    """SVDF with int8 inputs and outputs, its memory of int8 or int16."""
    source = context.input_value(operator)
    feature, features = context.constant(operator, 1, "the features' weights")
    time, times = context.constant(operator, 2, "the weights in time")
    state, kept = state_of(context, operator, 4, "the state")
    target = context.output_value(operator)
    value, out = context.program.values[source], context.program.values[target]
    rank = int(operator.options.get("rank", 1))
    filters, units = features.shape[0], out.layout.elements
    if feature.dtype != "int8" or time.dtype != state.dtype or value.layout.pixels != 1 or out.layout.pixels != 1:
        raise Unsupported(f"expected int8 features, and times as the state. Received: {feature.dtype}, {time.dtype}")
    if rank < 1 or filters != rank * units or features.shape[1] != value.layout.elements or times.shape[0] != filters:
        raise Unsupported(f"{filters} filters of rank {rank} do not give {units} outputs of {value.layout.elements}")
    bias = np.zeros(units, np.int64)
    if len(operator.inputs) > 3 and operator.inputs[3] >= 0:
        bias = np.asarray(context.constant(operator, 3, "the biases")[1], np.int64).reshape(-1)
    scales = [np.float32(each) for each in (value.scale, scale_of(feature, "features")[0])]
    kept_scale = np.float32(scale_of(state, "the state")[0])
    seen = quantize_multiplier(float(np.float32(scales[0] * scales[1]) / kept_scale))
    given = quantize_multiplier(
        float(np.float32(kept_scale * np.float32(scale_of(time, "times")[0])) / np.float32(out.scale))
    )
    offset = -value.zero_point * features.astype(np.int64).sum(axis=1)
    wide = state.dtype == "int16"
    operation = Svdf(
        features.astype(np.int8),
        times.astype(np.int16 if wide else np.int8),
        *(offset, bias, seen, given, scale_of(state, "the state")[1], out.zero_point, rank),
    )
    context.add(context.label(operator), operation, (source, kept), target)


OPERATORS = (Registration("SVDF", lower, "SVDFOptions"),)
