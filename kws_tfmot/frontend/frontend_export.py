"""The front end as C files for a firmware: constant tables of one choice of settings, and the sources."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from kws_tfmot.files import sha256_bytes
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.frontend.micro_tables import MicroTables, make_micro_tables
from kws_tfmot.frontend.native import HOST_ONLY, MICRO_SOURCES, SHARED, SOURCES, table_arrays, table_numbers
from kws_tfmot.frontend.tables import FrontendTables, make_tables

CONSTANTS = "kws_frontend_constants"
"""Name of the ``kws_frontend_tables`` that the generated file defines."""

_TYPES = {"int16": "int16_t", "uint16": "uint16_t", "uint32": "uint32_t"}


def c_source(settings: FrontendSettings) -> dict[str, str]:
    """Everything a firmware needs: file name -> text of the generated tables and of the runtime sources.

    The result depends on nothing but ``settings`` and this package: exporting twice gives the same bytes. Names of
    functions and files are the same for every kind.
    """
    files = export_tables(settings)
    own = (MICRO_SOURCES if settings.kind == "microfrontend" else SOURCES).glob("*.[ch]")
    for path in (*own, *SHARED):
        if path.stem not in HOST_ONLY and path.name not in files:
            files[path.name] = path.read_text(encoding="utf-8")
    return dict(sorted(files.items()))


def export_tables(settings: FrontendSettings) -> dict[str, str]:
    """The generated files: constants (``kws_frontend_tables.c``, ``.h``) and sizes (``kws_frontend_config.h``)."""
    tables = make_micro_tables(settings) if settings.kind == "microfrontend" else make_tables(settings)
    arrays = table_arrays(tables)
    size = sum(array.nbytes for array in arrays.values())
    code = {
        "kws_frontend_config.h": _config(settings),
        "kws_frontend_tables.c": _definitions(tables, arrays),
        "kws_frontend_tables.h": _header(),
    }
    return {name: _comment(settings, size, text) + text for name, text in code.items()}


def _comment(settings: FrontendSettings, size: int, text: str) -> str:
    described = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
    digest = sha256_bytes(text.encode())
    return (
        f"/* Generated, do not edit.\n * {described}\n * tables: {size} bytes; SHA-256 of what follows: {digest} */\n"
    )


def buffer_bytes(settings: FrontendSettings) -> int:
    """RAM of one stream beside its context: FFT, logarithms and the window of samples, as the C code has it.

    Kind ``microfrontend`` has a 16-bit FFT, and the noise estimate in place of the logarithms.
    """
    if settings.kind == "microfrontend":
        return 2 * settings.fft_points + 4 * settings.mels + 2 * settings.window_samples
    return 4 * settings.fft_points + 2 * (settings.mels + settings.mels % 2) + 2 * settings.window_samples


def _config(settings: FrontendSettings) -> str:
    sizes = {
        "SAMPLE_RATE": settings.sample_rate,
        "WINDOW_SAMPLES": settings.window_samples,
        "HOP_SAMPLES": settings.hop_samples,
        "FFT_PAIRS": settings.fft_points // 2,
        "MELS": settings.mels,
        "COEFFICIENTS": settings.coefficients if settings.kind == "mfcc" else 0,
        "FRAMES": settings.frames,
        "FEATURES": settings.features_per_frame,
        "BUFFER_BYTES": buffer_bytes(settings),
    }
    defines = "".join(f"#define KWS_FRONTEND_{name} {value}\n" for name, value in sizes.items())
    return f"""#ifndef KWS_FRONTEND_CONFIG_H
#define KWS_FRONTEND_CONFIG_H

{defines}
#endif /* KWS_FRONTEND_CONFIG_H */
"""


def _header() -> str:
    return f"""#ifndef KWS_FRONTEND_TABLES_H
#define KWS_FRONTEND_TABLES_H

#include "kws_frontend.h"
#include "kws_frontend_config.h"

#ifdef __cplusplus
extern "C" {{
#endif

extern const kws_frontend_tables {CONSTANTS};

#ifdef __cplusplus
}}
#endif

#endif /* KWS_FRONTEND_TABLES_H */
"""


def _definitions(tables: FrontendTables | MicroTables, arrays: dict[str, npt.NDArray[np.generic]]) -> str:
    numbers = {
        name: f"{value}u" if name.startswith("floor") else str(value) for name, value in table_numbers(tables).items()
    }
    members = numbers | {name: name for name in arrays}
    if isinstance(tables, FrontendTables) and "dct" not in arrays:
        members["dct"] = "NULL"
    lines = "".join(f"    {value}, /* {name} */\n" for name, value in members.items())
    return (
        '#include "kws_frontend_tables.h"\n\n#include <stdalign.h>\n\n'
        + "".join(_array(name, array) for name, array in arrays.items())
        + f"const kws_frontend_tables {CONSTANTS} = {{\n{lines}}};\n"
    )


def _array(name: str, array: npt.NDArray[np.generic]) -> str:
    kind = _TYPES[array.dtype.name]
    suffix = "u" if kind == "uint32_t" else ""
    values = [f"{value}{suffix}" for value in array.reshape(-1).tolist()]
    return f"alignas(4) static const {kind} {name}[{len(values)}] = {{\n{_wrapped(values)}}};\n\n"


def _wrapped(values: Iterable[str], width: int = 116) -> str:
    lines, line = [], ""
    for value in values:
        if len(line) + len(value) + 2 > width:
            lines.append(line)
            line = ""
        line += f"{' ' if line else ''}{value},"
    return "".join(f"    {line}\n" for line in [*lines, line])
