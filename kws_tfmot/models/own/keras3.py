"""Files of Keras 3 as Keras 2 models, without importing Keras 3 or running anything that lies in the file.

Both store an architecture of class names and settings, and weights by layer. The architecture is translated where the
two differ in words, the weights are put in by order. What differs in meaning is refused.
"""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras
from kws_tfmot.models.own.hard_swish import HardSwish, hard_swish, relu6

_WAY_OUT = (
    "Save the weights with model.save_weights(...) and build the network in Keras 2 (pip install tf_keras, "
    "TF_USE_LEGACY_KERAS=1), or give its code: model.builder=module:function."
)
_MODELS = ("Functional", "Sequential", "Model")
# Activations by Keras 3's names; its hard_sigmoid is another function than that of Keras 2.
_ACTIVATIONS = {"silu": "swish", "hard_silu": "hard_swish", "hard_swish": "hard_swish"}
_KNOWN = ("linear", "relu", "sigmoid", "tanh", "softmax", "swish", "elu", "selu", "gelu", "relu6", "hard_swish")
_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
# How a setting of Keras 3 that Keras 2 lacks must be, not to change what a layer computes.
_IGNORED = frozenset({"dtype", "seed", "build_config", "sparse", "ragged", "optional", "synchronized", "batch_shape"})
_HARMLESS: dict[str, Any] = {
    "renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99, "zero_output_for_mask": False,
    "use_cudnn": "auto", "quantization_config": None, "lora_rank": None, "lora_alpha": None,
}  # fmt: skip


def is_keras3(config: Any) -> bool:
    """Whether an architecture is Keras 3's: its input layers say ``batch_shape``, those of Keras 2 the longer word."""
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if value.get("class_name") == "InputLayer":
                return isinstance(inner := value.get("config"), dict) and "batch_shape" in inner
            pending += value.values()
        elif isinstance(value, list):
            pending += value
    return False


def read_keras3(config: dict[str, Any], weights: bytes | h5py.File) -> keras.Model:
    """The model of Keras 3 that ``config`` describes, in Keras 2, with its weights.

    Args:
        config: The architecture, checked to hold no code.
        weights: ``model.weights.h5`` out of a ``.keras`` file, or an opened ``.h5`` file.

    Raises:
        ModelError: If a layer or setting has no equal in Keras 2, or the weights do not fit.
    """
    try:
        model = _model(config)
        if isinstance(weights, bytes):
            with h5py.File(io.BytesIO(weights), "r") as file:
                _load_by_class(model, file["layers"] if "layers" in file else file["_layer_checkpoint_dependencies"])
        else:
            _load_by_name(model, weights["model_weights"])
    except Exception as err:  # whatever a damaged architecture makes Keras raise
        reason = " ".join(str(err).split())[:300]
        raise ModelError(f"the Keras 3 model cannot be read with Keras 2: {reason}", _WAY_OUT) from err
    return model


def _model(config: dict[str, Any]) -> keras.Model:
    kind, inner = config["class_name"], config["config"]
    if kind == "Sequential":
        layers = [_layer(each) for each in inner["layers"]]
        return keras.Sequential(layers, name=inner["name"])
    if kind not in _MODELS:
        raise ValueError(f"{kind} is no model")
    made: dict[str, Any] = {}
    tensors: dict[str, Any] = {}
    for each in inner["layers"]:
        layer = made[each["name"]] = _layer(each)
        nodes = each["inbound_nodes"]
        if len(nodes) > 1:
            raise ValueError(f"layer {each['name']!r} is used {len(nodes)} times")
        tensors[each["name"]] = layer.output if not nodes else layer(_arguments(nodes[0], tensors, each["name"]))
    ends = [[tensors[_name(place)] for place in _places(inner[key])] for key in ("input_layers", "output_layers")]
    return keras.Model(*ends, name=inner["name"])


def _places(entry: Any) -> list[Any]:
    return [entry] if isinstance(entry[0], str) else list(entry)


def _name(history: Any) -> str:
    name, node, place = history[:3]
    if node or place:
        raise ValueError(f"layer {name!r} is used more than once, or has several outputs")
    return str(name)


def _arguments(node: dict[str, Any], tensors: dict[str, Any], name: str) -> Any:
    given = {key: value for key, value in node["kwargs"].items() if value is not None and key != "training"}
    if given or len(node["args"]) != 1:
        raise ValueError(f"layer {name!r} is called with {', '.join(given) or len(node['args'])}")
    argument = node["args"][0]
    if isinstance(argument, list):
        return [tensors[_name(each["config"]["keras_history"])] for each in argument]
    return tensors[_name(argument["config"]["keras_history"])]


def _layer(entry: dict[str, Any]) -> keras.layers.Layer:
    """One layer with the settings that Keras 2 knows."""
    kind, settings = entry["class_name"], dict(entry["config"])
    if kind in _MODELS:
        return _model(entry)
    if kind == "InputLayer":
        shape = tuple(settings["batch_shape"])
        return keras.layers.InputLayer(batch_input_shape=shape, dtype="float32", name=settings["name"])
    for old, new in _RENAMED.get(kind, {}).items():
        if old in settings:
            settings[new] = settings.pop(old)
    if kind == "Activation" and _ACTIVATIONS.get(settings["activation"]) == "hard_swish":
        return HardSwish(name=settings["name"])
    cls = getattr(keras.layers, kind)
    known = _parameters(cls) | {"name", "trainable"}
    for key in list(settings):
        value = settings[key]
        if key in ("activation", "recurrent_activation"):
            settings[key] = _activation(kind, value)
        elif key.endswith(("_initializer", "_constraint")) or key in _IGNORED:
            del settings[key]  # the weights come from the file
        elif isinstance(value, dict) and "class_name" in value and "config" in value:
            inner = key in ("layer", "backward_layer") or key == "cell"
            settings[key] = _layer(value) if inner else {k: value[k] for k in ("class_name", "config")}
        elif key not in known:
            if key not in _HARMLESS or value != _HARMLESS[key]:
                raise ValueError(f"layer {settings['name']!r} ({kind}) has {key}={value!r}, which Keras 2 lacks")
            del settings[key]
    return cls(**settings)


def _activation(kind: str, value: Any) -> Any:
    name = "linear" if value is None else value
    name = _ACTIVATIONS.get(name, name) if isinstance(name, str) else repr(name)[:80]
    if name not in _KNOWN:
        raise ValueError(f"the activation {name} of a {kind} layer differs from Keras 2's, or is missing there")
    return {"hard_swish": hard_swish, "relu6": relu6}.get(name, name)


def _parameters(cls: type) -> set[str]:
    return {name for each in cls.__mro__ for name in inspect.signature(vars(each).get("__init__", len)).parameters}


def _load_by_class(model: keras.Model, group: h5py.Group) -> None:
    """Weights of a ``.keras`` file: containers hold layers, numbered by class in order, and those their variables."""
    used: dict[str, int] = {}
    for layer in _with_inputs(model):
        base = _snake_case("Functional" if type(layer) is keras.Model else type(layer).__name__)
        number = used.get(base, 0)
        used[base] = number + 1
        if not layer.weights:
            continue
        place = group[f"{base}_{number}" if number else base]
        if isinstance(layer, keras.Model):
            _load_by_class(layer, place["layers"])
        else:
            layer.set_weights(list(_variables(place)))


def _variables(place: h5py.Group) -> Iterator[np.ndarray]:
    if "vars" in place:
        for number in range(len(place["vars"])):
            yield np.asarray(place["vars"][str(number)])
    for inner in ("cell", "forward_layer", "backward_layer", "layer"):
        if inner in place:
            yield from _variables(place[inner])


def _load_by_name(model: keras.Model, group: h5py.Group) -> None:
    """Weights of an ``.h5`` file: by the layers' names, in the order of the names listed beside them."""
    for layer in model.layers:
        if layer.weights:
            names = [n.decode() if isinstance(n, bytes) else n for n in group[layer.name].attrs["weight_names"]]
            layer.set_weights([np.asarray(group[layer.name][name]) for name in names])


def _with_inputs(model: keras.Model) -> list[keras.layers.Layer]:
    return list(model._self_tracked_trackables if isinstance(model, keras.Sequential) else model.layers)


def _snake_case(name: str) -> str:
    """As Keras writes class names in its files.

    >>> _snake_case("SeparableConv2D"), _snake_case("LSTM"), _snake_case("BatchNormalization"), _snake_case("ReLU")
    ('separable_conv2d', 'lstm', 'batch_normalization', 're_lu')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
