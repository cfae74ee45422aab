"""Opening Keras models that lie on disk without running code that lies in them.

A stored Keras model is data and names of classes. Some of them run code: a Lambda layer holds Python bytecode (in .h5
files no safe mode of Keras guards it), ``TFOpLambda`` calls any function of TensorFlow by name, and the .keras format
names modules to import. So the architecture is read first, and refused unless every class in it is a layer, initialiser
or the like of Keras, of TFMOT, or one of this package's own.
"""

from __future__ import annotations

import builtins
import functools
import json
import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from kws_tfmot.damage import DAMAGE
from kws_tfmot.errors import ModelError
from kws_tfmot.keras import keras, tf
from kws_tfmot.kinds import received
from kws_tfmot.models.own.hard_swish import HardSwish, hard_swish, relu6
from kws_tfmot.models.own.keras3 import is_keras3, read_keras3

MAX_CONFIG_BYTES = 64 << 20
MAX_BYTES = 1 << 30
LEAST_NUMBERS = 1 << 22  # that any file's layers may hold: 16 MiB
_RUNS_CODE = frozenset({"Lambda", "TFOpLambda", "SlicingOpLambda", "InstanceMethod", "InstanceProperty", "TFSMLayer"})
_OWN = (HardSwish, hard_swish, relu6)
_KERAS3 = frozenset({"DTypePolicy", "__keras_tensor__"})
_VALUES = frozenset({"function", "__tensor__", "__numpy__", "__ellipsis__", "__bytes__", "__tuple__", "TensorShape"})
_MODELS = frozenset({"Functional", "Sequential", "Model"})
_MODULES = ("keras", "tf_keras", "tensorflow_model_optimization", "kws_tfmot", "builtins")
_WAY_OUT = "Open only models that you or this project made; layers must be Keras's own, see docs/limits.md."


def save_stored(model: keras.Model, path: str | Path) -> None:
    """Save ``model`` as ``.keras``: the same bytes for the same model, where Keras would write the time into them."""
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(parts["metadata.json"])
    parts["metadata.json"] = json.dumps({k: v for k, v in metadata.items() if k != "date_saved"}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # of 1980


def load_stored(path: str | Path) -> keras.Model:
    """The model stored in ``path`` (.h5 or .keras), not compiled.

    Classes beyond Keras's own are found where the caller has registered them or opened a ``custom_object_scope``.

    Raises:
        ModelError: If the file is missing, is no Keras model, or names a class that could run code.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"no Keras model at {str(path)!r}.", "Give a .h5 or .keras file.")
    if other := received(path, "a Keras model"):
        raise ModelError(*other)
    config = _architecture(path)
    _check(config, path)
    if is_keras3(config):
        return _load_keras3(config, path)
    try:
        # TFMOT's wrappers store the layer's name without its package.
        with keras.utils.custom_object_scope({item.__name__: item for item in _OWN}), _no_more_than(_bytes_in(path)):
            return keras.models.load_model(str(path), compile=False, safe_mode=True)
    except Exception as err:  # whatever a damaged architecture makes Keras raise
        reason = " ".join(str(err).split())[:300]
        raise ModelError(f"the Keras model {path.name!r} cannot be loaded: {reason}", _WAY_OUT) from err


def _load_keras3(config: Any, path: Path) -> keras.Model:
    try:
        with _no_more_than(_bytes_in(path)):
            if _is_archive(path):
                with zipfile.ZipFile(path) as archive:
                    return read_keras3(config, archive.read("model.weights.h5"))
            with h5py.File(path, "r") as file:
                return read_keras3(config, file)
    except DAMAGE as err:
        raise ModelError(f"the Keras model {path.name!r} cannot be loaded: {err}", _WAY_OUT) from err


def _bytes_in(path: Path) -> int:
    """Of a file, or of what a zip file unpacks to."""
    if not _is_archive(path):
        return path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        return sum(part.file_size for part in archive.infolist())


@contextmanager
def _no_more_than(stored: int) -> Iterator[None]:
    """Refuse layers of more numbers than a file of ``stored`` bytes can hold, before memory is taken for them."""
    most, held = max(stored, LEAST_NUMBERS), 0

    def create(make: Callable[..., tf.Variable], **given: Any) -> tf.Variable:
        """Make a variable once its numbers are counted."""
        nonlocal held
        held += math.prod(tf.TensorShape(given.get("shape") or ()).as_list())
        if held > most:
            raise ValueError(f"its layers hold more than {most:,} numbers, the file {stored:,} bytes")
        return make(**given)

    with tf.variable_creator_scope(create):
        yield


def _is_archive(path: Path) -> bool:
    """Whether Keras opens ``path`` as its zip format rather than as HDF5: it goes by the name.

    Both formats allow for bytes of others around them, so one file may be both, with an architecture in each.
    """
    return str(path).endswith(".keras") and zipfile.is_zipfile(path)


def _architecture(path: Path) -> Any:
    """The configuration of a stored model, as JSON values."""
    try:
        if _is_archive(path):
            with zipfile.ZipFile(path) as archive:
                if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                    raise ValueError("its architecture is too large")
                if sum(part.file_size for part in archive.infolist()) > MAX_BYTES:
                    raise ValueError("its weights are too large for a keyword spotter")
                text: Any = archive.read("config.json")
        else:
            with h5py.File(path, "r") as file:
                text = file.attrs.get("model_config")
        if text is None or len(text) > MAX_CONFIG_BYTES:
            raise ValueError("it holds no architecture, or too large a one")
        return json.loads(text)
    except DAMAGE as err:
        raise ModelError(f"{path.name!r} is no Keras model: {str(err)[:200]}.", _WAY_OUT) from None


def _check(config: Any, path: Path) -> None:
    allowed = _known_classes() | set(keras.utils.get_custom_objects()) | set(_scoped_objects())
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            name, module = value.get("class_name"), value.get("module")
            if name is not None and (not isinstance(name, str) or name in _RUNS_CODE or name not in allowed):
                raise ModelError(f"the Keras model {path.name!r} holds a {name!r}, which may run code.", _WAY_OUT)
            # Keras finds functions of "builtins" by name, Python's own among them: input, exit, breakpoint.
            if name == "function" and hasattr(builtins, str(value.get("config"))):
                raise ModelError(f"the Keras model {path.name!r} calls {value['config']!r} of Python.", _WAY_OUT)
            if name is not None and module is not None and str(module).split(".")[0] not in _MODULES:
                raise ModelError(f"the Keras model {path.name!r} names the module {module!r}.", _WAY_OUT)
            pending += value.values()
        elif isinstance(value, list):
            pending += value


@functools.cache
def _known_classes() -> frozenset[str]:
    """Names of Keras's own classes that hold no code."""
    places = (keras.layers, keras.initializers, keras.regularizers, keras.constraints)
    found = {name for place in places for name, value in vars(place).items() if isinstance(value, type)}
    return frozenset(found | _MODELS | _VALUES | _KERAS3 | {item.__name__ for item in _OWN}) - _RUNS_CODE


def _scoped_objects() -> dict[str, Any]:
    """What open ``custom_object_scope`` blocks hold, such as TFMOT's."""
    from tf_keras.src.saving import object_registration

    return dict(object_registration._THREAD_LOCAL_CUSTOM_OBJECTS.__dict__)
