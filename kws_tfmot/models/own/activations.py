"""Activation functions as layers of their own, each in the form that int8 training and the device know."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kws_tfmot.keras import keras
from kws_tfmot.models.own.forms import NewValue
from kws_tfmot.models.own.hard_swish import HardSwish

if TYPE_CHECKING:
    from kws_tfmot.models.own.layer_graph import LayerUse
    from kws_tfmot.models.own.writer import Writer

_ALIASES = {"silu": "swish", "hard_silu": "hard_swish"}
_LEAKY_SLOPE = 0.2  # of tf.nn.leaky_relu


def activation_name(function: Any) -> str:
    """Name of an activation function: that of the function, or of its type.

    >>> activation_name(None), activation_name(keras.activations.relu)
    ('linear', 'relu')
    """
    if function is None:
        return "linear"
    name = getattr(function, "__name__", type(function).__name__)
    return _ALIASES.get(name, name)


def activate(writer: Writer, step: LayerUse, source: NewValue, function: str, limit: float | None = None) -> NewValue:
    """``source`` behind the activation ``function``.

    Args:
        writer: What the layer is added to.
        step: The use of a layer that the activation belongs to.
        source: Its argument.
        function: Name of the activation.
        limit: The greatest value of a ``relu``, the slope of a ``leaky_relu``.
    """
    if function == "linear":
        return source
    if function in ("relu", "relu6"):
        return _relu(writer, step, source, 6.0 if function == "relu6" else limit)
    x = source.image(writer.namer(step)) if source.is_image else source.native(writer.namer(step))
    if function == "swish":
        gate = writer.call(keras.layers.Activation("sigmoid", name=writer.name(step, "sigmoid")), x, [])
        made = writer.call(keras.layers.Multiply(name=writer.name(step, "multiply")), [x, gate], [])
        return NewValue(source.shape, made)
    name = writer.name(step, function)
    layers: dict[str, Callable[[], keras.layers.Layer]] = {
        "leaky_relu": lambda: keras.layers.LeakyReLU(_LEAKY_SLOPE if limit is None else limit, name=name),
        "hard_swish": lambda: HardSwish(name=name),
        "softmax": lambda: keras.layers.Softmax(name=name),
    }
    make = layers.get(function, lambda: keras.layers.Activation(function, name=name))
    return NewValue(source.shape, writer.call(make(), x, []))


def _relu(writer: Writer, step: LayerUse, source: NewValue, limit: float | None) -> NewValue:
    """A ReLU; right behind a linear layer a frozen batch norm that changes nothing goes between, as TFMOT would leave
    the layer's weights in float without one."""
    linear = source.linear
    image = not isinstance(linear, keras.layers.Dense) and (linear is not None or source.is_image)
    x = source.image(writer.namer(step)) if image else source.native(writer.namer(step))
    if linear is not None:
        x = writer.identity_norm(step, x)
    return NewValue(source.shape, writer.call(keras.layers.ReLU(limit, name=writer.name(step, "relu")), x, []))
