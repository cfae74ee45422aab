"""RAM that TFLM needs for a model, by its own recorder."""

from __future__ import annotations

import re
from pathlib import Path

from kws_tfmot.errors import ModelError
from kws_tfmot.tflite.interpreter import open_interpreter, random_samples, require_tflm


def measure_arena(model: str | Path | bytes) -> dict[str, int]:
    """Bytes of TFLM's tensor arena after one inference: ``total``, ``head`` (activations), ``tail`` (structures).

    Measured with the PyPI package tflite-micro, whose structures have 64-bit pointers: a 32-bit core needs less. A
    kernel library with scratch buffers of its own (CMSIS-NN) needs more.

    Raises:
        ModelError: If TFLM cannot run the model, or its recorder says nothing.
        ToolchainError: If the package is not installed.
    """
    require_tflm()
    interpreter = open_interpreter(model, "tflm", several=True)
    interpreter.run_all(random_samples(interpreter, 1, seed=0))
    text = interpreter.allocations()
    found = dict(re.findall(r"Arena allocation (total|head|tail) (\d+) bytes", text))
    if "total" not in found:
        raise ModelError(
            f"expected TFLM's recorder to write 'Arena allocation total ... bytes'. Received: {text[:200]!r}",
            "Install the version of tflite-micro that requirements.txt names.",
        )
    return {name: int(count) for name, count in found.items()}
