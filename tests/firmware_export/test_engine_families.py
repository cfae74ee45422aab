from __future__ import annotations

import numpy as np
import pytest

from firmware_export.emulation.host import EngineInterpreter
from kws_tfmot.keras import seed_everything
from kws_tfmot.models import ModelSettings, build_model, model_names
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.interpreter import open_interpreter

SCALE = 2.0**-5


@pytest.mark.parametrize("name", model_names())
def test_every_family_is_the_same_on_engine_tflm_and_builtin_kernels(name: str) -> None:
    seed_everything(1)
    network = build_model(ModelSettings(name=name, width=24), (49, 10), 7)
    rng = np.random.default_rng(0)
    steps = rng.integers(-128, 128, (400, 49, 10, 1), dtype=np.int8)
    data = convert(
        network, "int8", steps[:50] * np.float32(SCALE), input_quantization=(SCALE, 0), exact_linear=True
    )  # fmt: skip
    outputs = [
        EngineInterpreter(data).run(steps),
        *(open_interpreter(data, kind).run(steps) for kind in ("tflm", "builtin")),
    ]
    assert len(np.unique(outputs[0])) > 20
    np.testing.assert_array_equal(outputs[0].reshape(400, -1), outputs[1].reshape(400, -1))
    np.testing.assert_array_equal(outputs[1], outputs[2])
