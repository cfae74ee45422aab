"""The one place that imports TFMOT: after Keras 2 was chosen, and without what it has no use for.

Use it as ``from kws_tfmot.tfmot import tfmot``, before anything is imported from TFMOT's own modules.
"""

from __future__ import annotations

from kws_tfmot.keras import without  # isort: skip  (Keras 2 must be chosen before TFMOT is imported)
from tensorflow.python.autograph.core import config as autograph

# TFMOT looks in Keras 3 for a module that only Keras 2 has, and does without: most of the time of its import.
with without("keras"):
    import tensorflow_model_optimization as tfmot

# AutoGraph would rewrite all functions of TFMOT in every process: a seventh of a small build, and none needs it, since
# what depends on a tensor is in `tf.cond` there.
autograph.CONVERSION_RULES = (
    autograph.DoNotConvert("tensorflow_model_optimization"),
    *autograph.CONVERSION_RULES,
)

__all__ = ["tfmot"]
