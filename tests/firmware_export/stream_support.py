"""What the tests of streaming share: a step engine against the common runtime, and the whole windows it must equal."""

from __future__ import annotations

import numpy as np
from engine_support import load, loaded

from firmware_export.emulation.steps import StepLibrary, random_rows, step_of, windows_of
from firmware_export.engine import Engine, build
from kws_tfmot.tflite.reader import read_model


def load_steps(engine: Engine) -> StepLibrary:
    """An engine of steps."""
    return loaded(engine, StepLibrary)


def both(model: bytes, engine: Engine, decisions: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of ``decisions`` steps, and of the whole windows on the same rows."""
    step = step_of(engine)
    rows = random_rows(engine, (step.warm_up + decisions) * step.rows + step.rows - 1, seed)
    expected = load(build(model, name="whole")).run(windows_of(rows, step))
    return load_steps(engine).run(rows), expected


def probabilities(model: bytes, scores: np.ndarray, word: int) -> np.ndarray:
    """ESPHome's probability of a word, [n]: the sigmoid of its logit less the largest other.

    Args:
        model: The file without state, whose outputs ``scores`` are.
        scores: Its int8 scores ``[n, classes]``: of a softmax, or logits.
        word: The word's number.
    """
    graph, values = read_model(model), scores.reshape(len(scores), -1).astype(float)
    if graph.operators[-1].code == "SOFTMAX":
        share = (values + 128) / 256
        others = np.delete(share, word, axis=1).max(axis=1)
        return share[:, word] / np.maximum(share[:, word] + others, 1 / 256)
    scale = graph.tensor(graph.outputs[0]).quantization.scales[0]
    margin = scale * (values[:, word] - np.delete(values, word, axis=1).max(axis=1))
    return 0.5 + 0.5 * np.tanh(margin / 2)
