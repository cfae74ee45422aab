"""Any Keras 2 network in the layers that counting, pruning, quantisation and conversion know.

==============================================  =====================================================================
nested models                                   their layers
``Conv1D``, ``DepthwiseConv1D``, 1-D pooling    the same over images of width 1
``SeparableConv1D``, ``SeparableConv2D``        a depthwise convolution and a 1x1 convolution
``Dense`` over images and sequences             a 1x1 convolution
``BatchNormalization`` behind anything          behind a depthwise convolution of ones, which training leaves alone
ReLU right behind a linear layer                within it, or behind a batch norm that changes nothing
``swish``                                       ``sigmoid`` and ``Multiply``
==============================================  =====================================================================

The outputs are those of the original; so are the weights, in other shapes.
"""

from __future__ import annotations

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.models.own.forms import NewValue
from kws_tfmot.models.own.layer_graph import graph_of
from kws_tfmot.models.own.rewrite_rules import rule_of
from kws_tfmot.models.own.writer import Writer


def canonical(model: keras.Model, feature_shape: tuple[int, int], classes: int) -> keras.Model:
    """``model`` as a flat functional network from the front end's features to class probabilities.

    Args:
        model: A Keras 2 model over ``[frames, coefficients]``, ``[frames, coefficients, 1]`` or flat features; it is
            left as it is. If it ends at logits, a softmax is added.
        feature_shape: (frames, coefficients) of the recipe's front end.
        classes: Number of labels.

    Returns:
        A model from ``float32 [batch, frames, coefficients, 1]`` to probabilities ``[batch, classes]``.

    Raises:
        ModelError: If input or output do not fit, or the model is no graph of layers.
    """
    graph = graph_of(model)
    _check_input(model, feature_shape)
    writer = Writer(graph)
    inputs = keras.Input((*feature_shape, 1), name="features")
    values = {0: NewValue(tuple(model.inputs[0].shape[1:]), inputs)}
    for step in graph.steps:
        _check_step(step.layer, step.arguments, "/".join(step.path))
        (values[step.outputs[0]],) = [rule_of(step.layer)(writer, step, [values[number] for number in step.inputs])]
    result = values[graph.result]
    last = graph.steps[-1] if graph.steps else None
    if last is None or result.shape != (classes,):
        raise ModelError(
            f"expected a model of {classes} outputs, one for each label. Received: {result.shape}",
            "Labels are the keywords, _unknown_ and _silence_: change data.keywords, or the model's last layer.",
        )
    tensor = result.native(writer.namer(last))
    if not _gives_probabilities(tensor):
        tensor = keras.layers.Softmax(name="softmax")(tensor)
    return keras.Model(inputs, tensor, name=model.name)


def _check_input(model: keras.Model, feature_shape: tuple[int, int]) -> None:
    shape = tuple(model.inputs[0].shape[1:])
    allowed = [(*feature_shape, 1), feature_shape, (feature_shape[0] * feature_shape[1],)]
    if shape not in allowed:
        raise ModelError(
            f"expected a model over features of shape {allowed[0]}, {allowed[1]} or {allowed[2]}. Received: {shape}",
            "Change the recipe's frontend (coefficients, window_ms, hop_ms, clip_ms) or the model's input.",
        )


def _check_step(layer: keras.layers.Layer, arguments: dict, path: str) -> None:
    if type(layer).__name__ in ("TFOpLambda", "SlicingOpLambda", "Lambda"):
        function = layer.get_config().get("function", "a Python function")
        raise ModelError(
            f"the model computes with {function!r} (layer {path!r}), which is no layer that can be trained for int8.",
            "Use layers: Add, Multiply, ReLU, Activation, Reshape, or kws_tfmot.models.own.hard_swish.HardSwish.",
        )
    if arguments:
        raise ModelError(
            f"layer {path!r} is called with {', '.join(sorted(arguments))}, which cannot be converted.",
            "Call it with its input alone.",
        )


def _gives_probabilities(tensor: keras.KerasTensor) -> bool:
    layer = tensor._keras_history.layer
    return isinstance(layer, keras.layers.Softmax) or getattr(layer, "activation", None) is keras.activations.softmax
