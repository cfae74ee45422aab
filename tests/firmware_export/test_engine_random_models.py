"""The engine equals TFLM's interpreter byte for byte on random models of every operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

import pytest
from engine_support import reference, run
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from firmware_export.encodings import ENCODINGS
from firmware_export.engine import build
from firmware_export.graphs.random_graphs import SeededChooser, random_model

T = TypeVar("T")
seen: Counter[str] = Counter()


class DrawnChooser:
    """Decisions drawn (and shrunk) by hypothesis."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def pick(self, options: Sequence[T]) -> T:
        return self.draw(st.sampled_from(list(options)))


@st.composite
def models(draw: Any) -> bytes:
    return random_model(DrawnChooser(draw))


def check(model: bytes, optimise: str, encoding: str | None) -> None:
    expected = reference(model, len(model))
    if expected is None:
        seen["refused by TFLM"] += 1
        return
    inputs, outputs = expected
    engine = build(model, optimise=optimise, name="host", encodings=(encoding,) if encoding else None)
    produced = run(engine, inputs)
    assert produced.tobytes() == outputs.tobytes()
    seen["compared"] += 1
    for layer, picked in zip(engine.program.layers, engine.picked, strict=True):
        seen[type(layer.operation).__name__] += 1
        if picked is not None:
            seen[picked.encoding] += 1


@given(
    model=models(),
    optimise=st.sampled_from(("speed", "balanced", "size")),
    encoding=st.sampled_from((None, None, *ENCODINGS)),
)
@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)
def _random_models(model: bytes, optimise: str, encoding: str | None) -> None:
    check(model, optimise, encoding)


def test_random_models_equal_tflm() -> None:
    seen.clear()
    _random_models()
    assert seen["compared"] >= 73, seen


def test_the_random_models_reach_every_kind_of_layer_and_encoding() -> None:
    if not seen["compared"]:
        pytest.skip("runs after the comparison of random models")
    kinds = (
        "Convolution",
        "Depthwise",
        "Pool",
        "Mean",
        "Elementwise",
        "Place",
        "Fill",
        "Reshape",
        "Lookup",
        "Softmax",
        "StridedCopy",
        "ReduceMax",
    )
    for seed in range(500):  # what few random models have may have been missed by chance
        if not (missing := [kind for kind in (*kinds, *ENCODINGS) if not seen[kind]]):
            break
        encoding = next((name for name in missing if name in ENCODINGS), None)
        check(random_model(SeededChooser(seed)), "size", encoding)
    assert missing == []


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_thousands_of_random_models_equal_tflm(block: int) -> None:
    names = (None, *ENCODINGS)
    for seed in range(100_000 + block * 150, 100_000 + (block + 1) * 150):
        check(random_model(SeededChooser(seed)), ("speed", "balanced", "size")[seed % 3], names[seed % len(names)])
