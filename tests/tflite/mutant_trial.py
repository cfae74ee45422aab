"""What commands do with a model, done with mutants in a child process: only a KwsError may come of any.

``run_mutants`` starts children with limits of memory and processor time; a child that dies, hangs or raises anything
else costs one escape and is started again behind that mutant. As a script this file is such a child.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MEMORY = 6 << 30  # of address space; a few hundred MB are used
CPU_SECONDS = 30.0  # of one mutant
EACH = 25  # mutants of a model at a time
READING = ("check", "inspect", "slim for TFLM")  # of the tools, what every mutant goes through
WHOLE = 5  # every so many mutants also through all other editors, the engine, streaming and packages


def base_models() -> list[bytes]:
    """A spotter with its settings, one model an operator of the engine, models with state, and one of odd operators."""
    sys.path[:0] = [str(HERE), str(HERE.parent / "firmware_export")]
    from test_mutants import moving
    from test_operators import SAMPLES, model_of
    from tflite_builders import ds_cnn

    from firmware_export.graphs.recurrent_models import lstm_model, svdf_model
    from firmware_export.graphs.wake_words import WakeWordShape, wake_word_model
    from kws_tfmot.tflite.metadata import write_settings

    spotter = ds_cnn(np.random.default_rng(0), width=2, blocks=1)
    carried = {"labels": ["a", "b", "c", "_unknown_", "_silence_"], "frontend": {"kind": "mfcc"}}
    samples = [model_of(sample, seed) for seed, (_, sample) in enumerate(SAMPLES)]
    state = [svdf_model(0), lstm_model(0, 3), wake_word_model(WakeWordShape(rows=1), seed=1)]
    return [spotter, write_settings(spotter, carried), moving(), *state, *samples]


def mutants(first: int, last: int) -> Iterator[tuple[int, bytes]]:
    """Mutants ``first`` to ``last`` (exclusive) with their numbers: of bytes and of fields, of every base model."""
    from tflite_fuzz import field_mutations, mutations

    bases = base_models()
    for turn in range(first // EACH, -(-last // EACH)):
        made = field_mutations if turn % 4 else mutations
        for number, changed in enumerate(made(bases[turn % len(bases)], EACH, seed=turn), turn * EACH):
            if first <= number < last:
                yield number, changed


@functools.cache
def _kinds() -> tuple[str, ...]:
    from kws_tfmot.tflite.interpreter import available_kinds

    return tuple(available_kinds())


def steps(number: int, changed: bytes, folder: str) -> tuple[list[Callable[[], Any]], list[Callable[[], Any]]]:
    """What is done with mutant ``number``: what reads and edits, then what exports and runs.

    Readers, the export for TFLM and one of the interpreters for each; all the rest for every :data:`WHOLE` th.
    """
    from test_edit_fuzz import TOOLS

    from firmware_export.engine import build
    from firmware_export.packages.package_export import TARGETS, export_package
    from firmware_export.streaming_summary import streaming_summary
    from firmware_export.tflm.esphome import export_esphome
    from firmware_export.tflm.tflm_export import export_tflm
    from kws_tfmot.contract import ModelContract
    from kws_tfmot.tflite.interpreter import open_interpreter, random_samples

    def interpret() -> None:
        kinds = _kinds()
        interpreter = open_interpreter(changed, kinds[number % len(kinds)], several=True)
        interpreter.run_all(random_samples(interpreter, 1, seed=0))

    def package() -> None:
        contract = ModelContract.of_model(changed)
        target = ("esphome", *TARGETS)[number // WHOLE % (len(TARGETS) + 1)]
        if target == "esphome":
            export_esphome(changed, Path(folder) / f"{number}e", contract)
        else:
            export_package(changed, Path(folder) / f"{number}p", contract, target)

    whole = number % WHOLE == 0
    tools = [tool for name, tool in TOOLS.items() if whole or name in READING]
    reading: list[Callable[[], Any]] = [lambda tool=tool: tool(changed) for tool in tools]  # type: ignore[misc]
    running: list[Callable[[], Any]] = [
        lambda: export_tflm(changed, Path(folder) / str(number), stream=number % 8 == 7),
        interpret,
    ]
    if whole:
        running += [
            lambda: json.dumps(streaming_summary(changed)),
            lambda: build(changed, labels=()),
            lambda: build(changed, stream=True),
            package,
        ]
    return reading, running


def endure(number: int, changed: bytes, folder: str) -> tuple[int, list[str]]:
    """How many steps went well, and the tracebacks of what is no refusal.

    What no reader takes, exports and interpreters read in every tenth case only: they ask the same reader first.
    """
    from kws_tfmot.errors import KwsError

    well, escapes = 0, []
    reading, running = steps(number, changed, folder)
    for place, step in enumerate((*reading, *running)):
        if place >= len(reading) and not well and number % 10:
            break
        try:
            step()
            well += 1
        except KwsError as error:
            if len(str(error)) < 20:
                escapes.append(f"says too little: {error}")
        except Exception:
            escapes.append(traceback.format_exc())
    return well, escapes


def child(first: int, last: int) -> None:
    """Try mutants ``first`` to ``last`` (exclusive), and say of each how it went, a line of JSON each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.path[:0] = [str(ROOT), str(HERE)]
    import kws_tfmot.tflite.interpreter

    kws_tfmot.tflite.interpreter.CPU_SECONDS = 5.0
    with tempfile.TemporaryDirectory() as folder:
        for number, changed in mutants(first, last):
            print(json.dumps({"at": number}), flush=True)
            signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # SIGPROF ends a child that hangs
            well, escapes = endure(number, changed, folder)
            print(json.dumps({"well": well, "escapes": escapes}), flush=True)


def run_mutants(first: int, last: int, keep: Path | None = None) -> tuple[int, dict[int, str]]:
    """Try the mutants in children; how many did something well, and what escaped by the mutant's number.

    Args:
        first: Number of the first mutant.
        last: Last plus one.
        keep: A folder for the mutants that escaped.
    """
    lively, escaped = 0, {}
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{HERE}"}
    while first < last:
        command = [sys.executable, __file__, str(first), str(last)]
        at = -1
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as process:
            for line in process.stdout or ():
                reply = json.loads(line)
                at = reply.get("at", at)
                lively += reply.get("well", 0) > 0
                if reply.get("escapes"):
                    escaped[at] = "\n".join(reply["escapes"])
        if not process.returncode:
            break
        if at < 0:
            raise RuntimeError(f"the child cannot be started: it ended with {process.returncode}")
        escaped[at] = f"the child ended with {process.returncode}"
        first = at + 1
    for number, said in escaped.items() if keep else ():
        (keep / f"mutant_{number}.tflite").write_bytes(next(mutants(number, number + 1))[1])  # type: ignore[operator]
        (keep / f"mutant_{number}.txt").write_text(said)  # type: ignore[operator]
    return lively, escaped


if __name__ == "__main__":
    child(int(sys.argv[1]), int(sys.argv[2]))
