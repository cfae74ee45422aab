"""Do operators with a memory of their own, SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM, fit their tensors?"""

from __future__ import annotations

from kws_tfmot.tflite.graph import Operator, Tensor
from kws_tfmot.tflite.moving_checks import Misfit, demand, expect

# Places of an LSTM's inputs: weights of input, forget, cell and output gate, and so on in this order.
LSTM_INPUT, LSTM_WEIGHTS, LSTM_RECURRENT, LSTM_PEEPHOLE, LSTM_BIAS = (
    0,
    (1, 2, 3, 4),
    (5, 6, 7, 8),
    (9, 10, 11),
    (12, 13, 14, 15),
)
LSTM_PROJECTION, LSTM_HIDDEN, LSTM_CELL, LSTM_NORMS = (16, 17), 18, 19, (20, 21, 22, 23)


def present(inputs: list[Tensor | None], place: int, what: str) -> Tensor:
    """The input at ``place``.

    Raises:
        Misfit: Where it is absent.
    """
    tensor = inputs[place] if place < len(inputs) else None
    if tensor is None:
        raise Misfit(f"{what} is missing")
    return tensor


def check_svdf(operator: Operator, inputs: list[Tensor | None], outputs: list[Tensor]) -> None:
    """SVDF: filters of ``rank`` by ``units``, each a vector over features and one over ``memory`` steps."""
    source, feature, time = (present(inputs, n, what) for n, what in enumerate(("input", "features", "times")))
    state, rank = present(inputs, 4, "the state"), int(operator.options.get("rank", 1))
    demand(len(source.shape) == 2 and len(feature.shape) == 2 and len(time.shape) == 2, "expected matrices")
    batch, filters, memory = source.shape[0], feature.shape[0], time.shape[1]
    demand(rank >= 1 and filters % rank == 0, f"{filters} filters are no multiple of the rank {rank}")
    expect((feature.shape[1], time.shape[0]), (source.shape[1], filters), "(features, filters)")
    expect(state.shape, (batch, memory * filters), "the state's shape")
    demand(state.is_variable, "the state is no variable")
    expect(outputs[0].shape, (batch, filters // rank), "the output shape")
    if len(inputs) > 3 and inputs[3] is not None:
        expect(inputs[3].shape, (filters // rank,), "the biases' shape")
        expect(inputs[3].dtype, "int32" if source.dtype == "int8" else "float32", "the biases' type")
    demand(all(each.data is not None for each in (feature, time)), "expected constant weights")
    if source.dtype == "int8":
        expect(feature.dtype, "int8", "the type of the features' weights")
        demand(
            (time.dtype, state.dtype) in (("int16", "int16"), ("int8", "int8")), "expected times and state of one type"
        )
        demand(
            all(each.quantization is not None for each in (source, feature, time, state, outputs[0])),
            "a scale is missing",
        )


def check_lstm(operator: Operator, inputs: list[Tensor | None], outputs: list[Tensor]) -> None:
    """UNIDIRECTIONAL_SEQUENCE_LSTM without peephole, projection and normalisation, as TFLM has it."""
    demand(len(inputs) in (20, 24), f"expected 20 or 24 inputs. Received: {len(inputs)}")
    extra = [n for n in (*LSTM_PEEPHOLE, *LSTM_PROJECTION, *LSTM_NORMS) if n < len(inputs) and inputs[n] is not None]
    demand(not extra, f"peephole, projection and layer normalisation are not supported (inputs {extra})")
    source = present(inputs, LSTM_INPUT, "the input")
    demand(len(source.shape) == 3, f"expected an input of rank 3. Received: {source.shape}")
    hidden, cell = present(inputs, LSTM_HIDDEN, "the hidden state"), present(inputs, LSTM_CELL, "the cell state")
    units = present(inputs, LSTM_WEIGHTS[0], "weights").shape[0]
    batch = source.shape[1 if operator.options.get("time_major") else 0]
    for places, shape, what in (
        (LSTM_WEIGHTS, (units, source.shape[2]), "input weights"),
        (LSTM_RECURRENT, (units, units), "recurrent weights"),
        (LSTM_BIAS, (units,), "biases"),
    ):
        for place in places:
            tensor = present(inputs, place, what)
            expect(tensor.shape, shape, f"{what} of shape")
            demand(tensor.data is not None, f"expected constant {what}")
            demand(
                len(shape) == 1 or tensor.dtype != "int8" or tensor.quantization is not None, f"{what} have no scale"
            )
    for state in (hidden, cell):
        expect(state.shape, (batch, units), "a state's shape")
        demand(state.is_variable, "a state is no variable")
        demand(state.dtype == "float32" or state.quantization is not None, "a state has no scale")
    expect(outputs[0].shape, (*source.shape[:2], units), "the output shape")


RECURRENT_CHECKS = {"SVDF": check_svdf, "UNIDIRECTIONAL_SEQUENCE_LSTM": check_lstm}
