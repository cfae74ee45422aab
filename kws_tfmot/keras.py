"""The one place that imports TensorFlow: sets the legacy Keras switch first, and keeps the log quiet.

TFMOT works with Keras 2 only, and TensorFlow decides at import which Keras it carries. Use it as
``from kws_tfmot.keras import keras, tf``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kws_tfmot.errors import ToolchainError

if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise ToolchainError(
        "TensorFlow was imported before kws_tfmot, with Keras 3; TFMOT needs Keras 2.",
        "Import kws_tfmot.keras first, or set TF_USE_LEGACY_KERAS=1 before Python starts.",
    )
if importlib.util.find_spec("tf_keras") is None:
    raise ToolchainError("the package tf_keras is not installed.", "In a clone run `pip install .`, or `make setup`.")

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Let imports do without ``packages``, but for those that are imported already."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


# Keras takes them where they are, for data frames and to turn pictures: a fifth of the time of its import.
with without("pandas", "scipy"):
    import absl.logging
    import tensorflow as tf
    import tf_keras as keras

absl.logging.set_verbosity(absl.logging.ERROR)
tf.get_logger().setLevel("ERROR")

__all__ = ["draw_dropout_anew", "keras", "seed_everything", "tf", "without"]


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, so that a build is a function of its recipe and seed.

    Keras also numbers unnamed layers from one again: their names end up in the converted file.
    """
    keras.backend.reset_uids()
    keras.utils.set_random_seed(seed)


def draw_dropout_anew(network: keras.Model) -> None:
    """Let the dropout of ``network`` begin again where the seed puts it, as each epoch does.

    TensorFlow counts what dropout drew where nobody can store it: a training that goes on after an interruption would
    draw other masks than one that was not interrupted. Networks without dropout stay as they are.
    """
    if any(isinstance(layer, keras.layers.Dropout) for layer in network.submodules):
        tf.random.set_seed(tf.compat.v1.get_seed(0)[0])
