"""Keyword spotting from clips to sparse, quantised firmware: the library behind the ``kws`` command.

``import kws_tfmot as kws`` gives the functions of :mod:`kws_tfmot.api` and the classes they take; each is imported when
it is first used. C code and emulated boards are in :mod:`firmware_export`, which builds on this package.
"""

from __future__ import annotations

from kws_tfmot.lazy import lazy_names

__version__ = "0.1.0"

# name -> module that has it
_LAZY = {
    **dict.fromkeys(
        (
            "adopt",
            "convert",
            "model_input",
            "not_pruned",
            "predict",
            "quantise",
            "sparse_training",
            "sparsify",
            "train",
        ),
        "kws_tfmot.api",
    ),
    "zeros": "kws_tfmot.api",
    "Frontend": "kws_tfmot.frontend",
    "FrontendSettings": "kws_tfmot.frontend",
    "HardSwish": "kws_tfmot.models.own.hard_swish",
    "KwsError": "kws_tfmot.errors",
    "ModelSettings": "kws_tfmot.models",
    "build_model": "kws_tfmot.models",
    "check_quantizable": "kws_tfmot.quantization.tfmot_qat",
    "count_layers": "kws_tfmot.models.counting",
    "evaluate": "kws_tfmot.evaluation.model_accuracy",
    "inspect": "kws_tfmot.tflite.inspect",
    "find_shipped": "kws_tfmot.zoo",
    "load_recipe": "kws_tfmot.recipe",
    "shipped_models": "kws_tfmot.zoo",
}
__all__ = sorted([*_LAZY, "__version__"])
__getattr__, __dir__ = lazy_names(__name__, _LAZY, {"evaluate": "evaluate_model"})
