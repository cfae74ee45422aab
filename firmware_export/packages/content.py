"""From a ``.tflite`` to the sources of a package, with a self-test whose answer the desktop gives."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.codegen.model import generate
from firmware_export.codegen.rename import package_name, renamed, renamed_file
from firmware_export.emulation.example import EXAMPLE, example_files, plan_of
from firmware_export.emulation.firmware_readme import monitor_text
from firmware_export.emulation.steps import StepInterpreter, open_engine
from firmware_export.encodings.core_costs import DEFAULT_CORE
from firmware_export.engine import build
from firmware_export.packages.protocol import Content
from kws_tfmot.contract import ModelContract
from kws_tfmot.detection.detector import DetectorPlan
from kws_tfmot.detection.monitor import MonitorPlan
from kws_tfmot.errors import ToolchainError
from kws_tfmot.evaluation.model_scores import Runnable
from kws_tfmot.evaluation.streaming.spotter import ScoreStream, StreamModel
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.interpreter import open_interpreter
from kws_tfmot.tflite.reader import read_model

SOURCE = Path(__file__).parent / "source"
# The emulated boards' main and microphone; the engine under its usual name.
_LEFT_OUT = ("main.c", "microphone.h", "microphone_file.c", "model.c", "model.h")
_LABELS = re.compile(r'(^  \{ ".*\}$)', re.MULTILINE)
_INFERENCES = 12  # of the self-test
_FNV_START, _FNV_PRIME = 2166136261, 16777619


def package_content(
    model: str | Path | bytes,
    contract: ModelContract,
    name: str,
    optimise: str,
    *,
    stream: bool = False,
    hop: int | None = None,
    core: str | None = None,
    monitor: dict[str, Any] | None = None,
) -> Content:
    """The sources of ``model`` under ``name``.

    Args:
        model: Path or bytes of an int8 ``.tflite``.
        contract: Its labels, front end and detector.
        name: What files and identifiers begin with.
        optimise: As for :func:`firmware_export.engine.build`.
        stream: Take steps in place of windows, as a model with state always does.
        hop: Frames a step takes.
        core: Whose cycles decide the encodings; Cortex-M4 by default.
        monitor: Settings of :meth:`~kws_tfmot.detection.monitor.MonitorPlan.of` for counters and a recorder; none by
            default.

    Raises:
        ModelError: For a model that the engine does not run or stream, or that does not fit its contract.
        RecipeError: For an impossible name, or a front end without C source.
    """
    package_name(name)
    engine = build(model, optimise=optimise, labels=contract.labels, stream=stream, hop=hop, core=core or DEFAULT_CORE)
    plan = plan_of(engine, model, contract)
    watched = None if monitor is None else MonitorPlan.of(plan, contract.frontend, **monitor)
    chain = example_files(engine, contract, plan, watched)
    files = {file: text for file, text in chain.items() if file not in _LEFT_OUT}
    hops = _hops(contract.frontend, plan)
    checksum = _checksum(model, contract, plan, hops, engine.program.step is not None, hop)
    files["spotter_selftest.c"] = (SOURCE / "spotter_selftest.c").read_text(encoding="utf-8")
    files["spotter_selftest.h"] = _selftest_header(hops, checksum)
    sources = {renamed_file(file, name): renamed(text, name) for file, text in files.items()}
    own = generate(f"{name}_model", engine.program, engine.plan, list(engine.picked), contract.labels, engine.digest)
    sources[f"{name}_model.c"] = _with_runtime_of(own.code, name)
    sources[f"{name}_model.h"] = _with_runtime_of(own.header, name)
    return Content(
        name=name,
        sources=sources,
        labels=contract.labels,
        frontend=contract.frontend,
        digest=engine.digest,
        arena_bytes=engine.plan.arena,
        constant_bytes=engine.constant_bytes,
        checksum=checksum,
        monitor=renamed(monitor_text(watched, len(contract.labels)), name) if watched else "",
    )


def source_text(file: str, name: str) -> str:
    """A file of ``source/``, or of the boards' example, under the package's name."""
    path = SOURCE / file
    return renamed((path if path.is_file() else EXAMPLE / file).read_text(encoding="utf-8"), name)


def microphones(name: str) -> dict[str, str]:
    """The loop for a microphone, the two functions to write, and those of three vendors' boards, by path."""
    files = {f"examples/{file}": source_text(file, name) for file in ("listen_main.c", "microphone.h")}
    for path in sorted((SOURCE / "microphones").iterdir()):
        files[f"examples/microphones/{path.name}"] = renamed(path.read_text(encoding="utf-8"), name)
    return files


def _hops(frontend: FrontendSettings, plan: DetectorPlan) -> int:
    whole = -(-frontend.clip_samples // frontend.hop_samples)
    return whole + _INFERENCES * plan.stride


def made_noise(hops: int, hop_samples: int) -> np.ndarray:
    """The self-test's sound, int16 ``[hops, hop_samples]``, as ``spotter_selftest_sample`` makes it.

    >>> made_noise(1, 3).tolist()
    [[-17272, -8568, 278]]
    """
    state, found = 1, np.empty((hops, hop_samples), np.int16)
    for hop in range(hops):
        share = 1 << (hop // 8 % 8)
        for index in range(hop_samples):
            state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
            found[hop, index] = int(((state >> 16) - 32768) / share)
    return found


def _checksum(
    model: str | Path | bytes, contract: ModelContract, plan: DetectorPlan, hops: int, steps: bool, hop: int | None
) -> int:
    """FNV-1a of the smoothed posteriors after every hop."""
    data = read_source(model)
    try:
        runner: Runnable = StepInterpreter(data, hop=hop) if steps else open_engine(data)
    except ToolchainError:  # no C compiler here: the kernels that it equals
        if steps and not read_model(data).stateful:
            raise
        runner = open_interpreter(data, "tflm")
    stream = ScoreStream(StreamModel.of(contract, read_model(data), runner, ""))
    scores, total = np.zeros(len(plan.labels), np.int64), _FNV_START
    for sound in made_noise(hops, contract.frontend.hop_samples):
        if len(smoothed := stream.push(sound)):
            scores = smoothed[-1]
        for score in scores.tolist():
            total = ((total ^ (score & 0xFF)) * _FNV_PRIME) & 0xFFFFFFFF
            total = ((total ^ (score >> 8)) * _FNV_PRIME) & 0xFFFFFFFF
    return total


def _selftest_header(hops: int, checksum: int) -> str:
    return f"""/* Whether this build computes what the desktop computed: the whole chain over noise made on the spot. */
#ifndef SPOTTER_SELFTEST_H
#define SPOTTER_SELFTEST_H

#include "spotter.h"

#ifdef __cplusplus
extern "C" {{
#endif

#define SPOTTER_SELFTEST_HOPS {hops}u
#define SPOTTER_SELFTEST_CHECKSUM 0x{checksum:08x}u /* FNV-1a of every score after every hop, on the desktop */

/* Begin the spotter anew, run the test and leave its checksum; SPOTTER_LISTENING where it is the desktop's, else
 * SPOTTER_ERROR. `hop` holds KWS_FRONTEND_HOP_SAMPLES samples. Call spotter_init() afterwards. */
spotter_status spotter_selftest(spotter *s, int16_t *hop, uint32_t *checksum);

#ifdef __cplusplus
}}
#endif

#endif /* SPOTTER_SELFTEST_H */
"""


def _with_runtime_of(text: str, name: str) -> str:
    """Generated source whose own names are right, with the runtime's names under ``name``; labels stay."""
    pieces = _LABELS.split(text)
    for number in range(0, len(pieces), 2):
        pieces[number] = re.sub(r"\bKWS_", f"{name.upper()}_KWS_", re.sub(r"\bkws_", f"{name}_kws_", pieces[number]))
    return "".join(pieces)
