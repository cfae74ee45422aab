"""The README beside exported C files."""

from __future__ import annotations

from typing import Any


def engine_readme(name: str, report: dict[str, Any], files: list[str]) -> str:
    """How to add an exported engine to a firmware; byte-stable."""
    rows = []
    for layer in report["layers"]:
        if "weights" not in layer:
            continue
        encoding = layer.get("encoding", "dense")
        stored = layer.get("encoded_bytes", layer["dense_bytes"])
        rows.append(f"| {layer['layer']} | {layer['weights']} | {layer['sparsity']:.1%} | {encoding} | {stored} |")
    table = "\n".join(["| layer | weights | zeros | encoding | bytes |", "|---|---|---|---|---|", *rows])
    return f"""# {name}: a keyword model as C99 source

Model SHA-256 {report["model_sha256"]}

Add every `.c` file of this directory to the build and put the directory on the include path. There is nothing to
configure: no dynamic memory, no floating point, no global variables. Compile with optimisation (`-O2`); the kernels
pick the core's instructions by the compiler's own macros.

{_usage(name, report)}

Constants in flash: {report["constant_bytes"]} bytes.

{table}

Files: {", ".join(files)}
"""


def _usage(name: str, report: dict[str, Any]) -> str:
    upper = name.upper()
    begin = f"""```c
#include "{name}.h"

static {name} spotter;
static _Alignas(4) int8_t arena[{upper}_ARENA_BYTES]; /* {report["arena_bytes"]} bytes, input and output included */

{name}_init(&spotter, arena, sizeof arena);
"""
    if "step" not in report:
        return (
            begin
            + f"""int8_t *input = {name}_input(&spotter);         /* write {upper}_INPUT_BYTES features here */
{name}_invoke(&spotter);
const int8_t *scores = {name}_output(&spotter); /* {upper}_OUTPUT_BYTES scores */
```"""
        )
    step = report["step"]
    return (
        begin
        + f"""int8_t rows[{upper}_STEP_BYTES];      /* {step["rows"]} new rows of features */
int8_t scores[{upper}_OUTPUT_BYTES];
if ({name}_step(&spotter, rows, scores) == KWS_OK) {{
  /* scores are those of the whole window that ends with these rows; until {step["window_rows"]} rows: KWS_NOT_READY */
}}
{name}_reset(&spotter);               /* to begin another stream */
```

The first {step["state_bytes"]} bytes of the arena are kept from step to step: do not touch them. What follows is free
between steps."""
    )
