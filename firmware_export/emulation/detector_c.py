"""The detector as C: the constants of one model's plan, its sources, and the same code as a library on a computer."""

from __future__ import annotations

import ctypes
import tempfile
from pathlib import Path

import numpy as np

from firmware_export.codegen.c_source import array
from firmware_export.codegen.c_text import comment
from firmware_export.emulation.host import FLAGS
from firmware_export.emulation.tools import run_tool
from firmware_export.engine import RUNTIME
from kws_tfmot.detection.detector import Detection, DetectorPlan
from kws_tfmot.detection.monitor import MonitorPlan
from kws_tfmot.errors import OUR_FAULT, ModelError
from kws_tfmot.files import cache_root, sha256_bytes
from kws_tfmot.host_library import find_compiler
from kws_tfmot.spare_cache import keep, kept

SOURCES = RUNTIME / "detector"
MONITOR_SOURCES = RUNTIME / "monitor"
CONSTANTS = "kws_detector_settings"
"""Name of the ``kws_detector_constants`` that the generated file defines."""


def detector_files(plan: DetectorPlan, monitor: MonitorPlan | None = None) -> dict[str, str]:
    """``{file name: text}`` of the runtime sources and the constants of ``plan``; equal plans give equal bytes.

    With a ``monitor`` the counters are among them, and the recorder where it keeps takes.
    """
    paths = sorted(SOURCES.glob("*.[ch]"))
    if monitor:
        paths += sorted(MONITOR_SOURCES.glob("kws_statistics*.[ch]"))
        paths += sorted(MONITOR_SOURCES.glob("kws_recorder*.[ch]")) if monitor.takes else []
    files = {path.name: path.read_text(encoding="utf-8") for path in paths}
    header = _header(plan, monitor_sizes(monitor, len(plan.labels)) if monitor else "")
    return files | {"kws_detector_constants.c": _definitions(plan), "kws_detector_constants.h": header}


def monitor_sizes(monitor: MonitorPlan, classes: int) -> str:
    """The macros that put counters, and a recorder, into a firmware."""
    text = f"""
#define KWS_STATISTICS_NEAR {monitor.near} /* Q15 share of its threshold from which a score is near */
#define KWS_STATISTICS_BUFFER_BYTES {monitor.statistics_bytes(classes)}
"""
    if not monitor.takes:
        return text
    seconds = monitor.take_samples / monitor.rate
    return f"""{text}#define KWS_RECORDER_TAKES {monitor.takes} /* triggers and near misses whose sound is kept */
#define KWS_RECORDER_TAKE_SAMPLES {monitor.take_samples} /* {seconds:.2f} s, a byte each */
#define KWS_RECORDER_AFTER {monitor.after_samples} /* of them, those after the event */
#define KWS_RECORDER_BUFFER_BYTES {monitor.recorder_bytes} /* RAM */
"""


def _header(plan: DetectorPlan, monitor: str) -> str:
    return f"""/* Generated, do not edit: when scores become a detection. */
#ifndef KWS_DETECTOR_CONSTANTS_H
#define KWS_DETECTOR_CONSTANTS_H

#include "kws_detector.h"

#define KWS_DETECTOR_STRIDE {plan.stride} /* frames from one inference to the next */
#define KWS_DETECTOR_CLASSES {len(plan.labels)}
#define KWS_DETECTOR_WINDOW {plan.window} /* inferences under the moving average */
#define KWS_DETECTOR_REFRACTORY {plan.refractory} /* inferences from a detection to the next of its class */
#define KWS_DETECTOR_BUFFER_BYTES {len(plan.labels) * (7 + 2 * plan.window)}
{monitor}
#ifdef __cplusplus
extern "C" {{
#endif

extern const kws_detector_constants {CONSTANTS};

#ifdef __cplusplus
}}
#endif

#endif /* KWS_DETECTOR_CONSTANTS_H */
"""


def _definitions(plan: DetectorPlan) -> str:
    labels = "".join(
        f" *   {label!r}: {threshold}\n"
        for label, threshold in zip(map(comment, plan.labels), plan.thresholds, strict=True)
    )
    table = f"{array('uint16_t', 'exponentials', plan.table)}\n\n" if plan.table else ""
    return f"""/* Generated, do not edit. Thresholds in Q15 (32768 is 1, 65535 is never):
{labels} */
#include "kws_detector_constants.h"

{table}{array("uint16_t", "thresholds", plan.thresholds)}

const kws_detector_constants {CONSTANTS} = {{
  {"exponentials" if plan.table else "NULL"}, {len(plan.table)}, KWS_DETECTOR_CLASSES, KWS_DETECTOR_WINDOW,
  KWS_DETECTOR_REFRACTORY, {plan.release}, thresholds,
}};
"""


class _Constants(ctypes.Structure):
    _fields_ = [
        ("exponentials", ctypes.c_void_p),
        *((name, ctypes.c_uint16) for name in ("exponentials_count", "classes", "window", "refractory", "release")),
        ("thresholds", ctypes.c_void_p),
    ]


class _Detection(ctypes.Structure):
    _fields_ = [("label", ctypes.c_uint16), ("score", ctypes.c_uint16)]


class _State(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("constants", "sums", "posteriors", "wait", "held")),
        ("slot", ctypes.c_uint16),
        ("sensitivity", ctypes.c_int16),
    ]


def compile_detector(flags: tuple[str, ...] = FLAGS) -> Path:
    """The detector's sources as a shared library in the cache.

    Raises:
        ToolchainError: Without a C compiler, or if it refuses the code.
    """
    compiler = find_compiler()
    sources = sorted(SOURCES.glob("*.[ch]"))
    key = "\0".join([*compiler, *flags, *(path.read_text(encoding="utf-8") for path in sources)])
    target = cache_root() / "detector" / f"{sha256_bytes(key.encode())[:32]}.so"
    if found := kept(target):
        return found
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "detector.so"
        files = [str(path) for path in sources if path.suffix == ".c"]
        run_tool([*compiler, *flags, "-o", str(made), *files], "compiling the detector")
        return keep(target, made.read_bytes())


class DetectorLibrary:
    """The detector's C on this computer, as the firmware calls it.

    Raises:
        ToolchainError: Without a C compiler.
        ModelError: If the C code refuses the plan.
    """

    def __init__(self, plan: DetectorPlan, path: Path | None = None, sensitivity: int = 0) -> None:
        library = ctypes.CDLL(str(path or compile_detector()))
        library.kws_detector_get_buffer_size.restype = ctypes.c_size_t
        library.kws_detector_set_sensitivity.argtypes = [ctypes.c_void_p, ctypes.c_int]
        library.kws_detector_init.argtypes = [*[ctypes.c_void_p] * 3, ctypes.c_size_t]
        library.kws_detector_step.argtypes = [ctypes.c_void_p] * 3
        self._step = library.kws_detector_step
        self._tables = [np.array(values, np.uint16) for values in (plan.table, plan.thresholds)]
        self._constants = _Constants(
            exponentials=self._tables[0].ctypes.data if plan.table else None,
            exponentials_count=len(plan.table),
            classes=len(plan.labels),
            window=plan.window,
            refractory=plan.refractory,
            release=plan.release,
            thresholds=self._tables[1].ctypes.data,
        )
        size = library.kws_detector_get_buffer_size(ctypes.byref(self._constants))
        self._buffer = np.zeros(size // 4 + 1, np.uint32)
        self._state = _State()
        status = library.kws_detector_init(
            ctypes.byref(self._state), ctypes.byref(self._constants), self._buffer.ctypes.data, size
        )
        if status == 0:
            status = library.kws_detector_set_sensitivity(ctypes.byref(self._state), sensitivity)
        if status < 0:
            raise ModelError(
                f"the detector's C code refused its settings (status {status}): {plan}, {sensitivity}", OUR_FAULT
            )

    def run(self, outputs: np.ndarray) -> list[Detection]:
        """Detections in int8 outputs ``[N, classes]``, inference by inference."""
        rows = np.ascontiguousarray(outputs, np.int8)
        detection = _Detection()
        found = []
        for number, row in enumerate(rows):
            if self._step(ctypes.byref(self._state), row.ctypes.data, ctypes.byref(detection)) == 1:
                found.append(Detection(number, detection.label, detection.score))
        return found
