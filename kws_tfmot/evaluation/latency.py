"""Desktop latency: interpreters, models and the front end timed in turn within one run, so that ratios hold."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from kws_tfmot.contract import ModelContract
from kws_tfmot.errors import KwsError, ModelError
from kws_tfmot.frontend import Frontend
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.interpreter import TensorSpec, available_kinds, open_interpreter, random_inputs
from kws_tfmot.tflite.reader import read_model


@dataclass(frozen=True)
class Latency:
    """Times of one inference, batch 1, in microseconds."""

    model: str
    interpreter: str
    kind: str
    threads: int
    p50_us: float
    p90_us: float
    p99_us: float
    runs: int

    @classmethod
    def of(cls, model: str, interpreter: str, kind: str, threads: int, seconds: list[float]) -> Latency:
        """From the measured seconds of each inference."""
        p50, p90, p99 = (float(x) for x in np.percentile(np.array(seconds) * 1e6, [50, 90, 99]))
        return cls(model, interpreter, kind, threads, p50, p90, p99, len(seconds))


class Timed(Protocol):
    """An opened model whose inferences, or steps, can be timed."""

    @property
    def name(self) -> str:
        """What it is."""

    @property
    def input(self) -> TensorSpec:
        """Of an inference, or a step."""

    def time(self, sample: np.ndarray, count: int) -> np.ndarray:
        """Seconds of each of ``count`` inferences on ``sample``."""


def measure_latency(
    models: Mapping[str, str | Path | bytes],
    *,
    kinds: tuple[str, ...] | None = None,
    others: Mapping[str, Callable[[bytes], Timed]] = MappingProxyType({}),
    threads: tuple[int, ...] = (1,),
    rounds: int = 20,
    per_round: int = 20,
    reporter: Reporter = SILENT,
) -> tuple[list[Latency], dict[str, str]]:
    """Time every model in every interpreter, a few inferences at a time in turn.

    Rounds go through all combinations before the next begins: a drift of the machine's speed then touches all alike.

    Args:
        models: Name to path or bytes.
        kinds: Interpreters; all that are installed when ``None``.
        others: Further kinds and how they open a model, as the device engine's steps.
        threads: Thread counts; TFLM has one whatever is asked.
        rounds: Rounds through all combinations.
        per_round: Inferences in one turn.
        reporter: Where progress goes.

    Returns:
        The latencies, and for each combination that cannot run the reason.

    Raises:
        ModelError: If a model is missing or corrupt, or nothing runs it.
    """
    opened: dict[tuple[str, str, int], tuple[Timed, np.ndarray]] = {}
    refused: dict[str, str] = {}
    for name, model in models.items():
        data = read_source(model)
        read_model(data)  # a corrupt file is an error, an interpreter that cannot run a sound one is a remark
        for kind in kinds or available_kinds():
            for count in threads if kind != "tflm" else (1,):
                try:
                    interpreter = open_interpreter(data, kind, count)
                    sample = random_inputs(interpreter.graph, 1, seed=0)
                    interpreter.run_steps(sample)
                except KwsError as error:
                    refused[f"{name}, {kind}"] = error.message
                    continue
                opened[name, kind, count] = interpreter, sample
        for kind, opener in others.items():
            try:
                stepped = opener(data)
                numbers = np.random.default_rng(0).integers(-128, 128, stepped.input.shape)
                opened[name, kind, 1] = stepped, numbers.astype(stepped.input.dtype)
            except KwsError as error:
                refused[f"{name}, {kind}"] = error.message
        if not any(key[0] == name for key in opened):
            first = next(iter(refused.values()), "none is installed")
            raise ModelError(f"nothing here runs {name}: {first}", "Look at it with `kws inspect`.")
    times: dict[tuple[str, str, int], list[float]] = {key: [] for key in opened}
    with reporter.task("timing", rounds) as task:
        for turn in range(rounds + 1):
            for key, (timed, sample) in opened.items():
                seconds = timed.time(sample, per_round)
                if turn:  # the first round warms caches up
                    times[key] += seconds.tolist()
            task.advance(1 if turn else 0)
    rows = [Latency.of(key[0], opened[key][0].name, key[1], key[2], seconds) for key, seconds in times.items()]
    return rows, refused


def measure_frontend(contract: ModelContract, seconds: float = 1.0) -> dict[str, Any]:
    """Clips a second of processor time on one core, from int16 samples to int8 features."""
    frontend = Frontend(contract.frontend)
    clips = np.random.default_rng(0).integers(-8000, 8000, (50, contract.frontend.clip_samples)).astype(np.int16)
    frontend.features(clips)
    count, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        frontend.features(clips)
        count += len(clips)
    return {"backend": frontend.backend, "clips_per_second": count / spent}


def peak_memory_bytes() -> int:
    """Largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
