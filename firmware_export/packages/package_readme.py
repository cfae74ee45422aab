"""The README of every package."""

from __future__ import annotations

from firmware_export.packages.protocol import Content, Target
from kws_tfmot.frontend.frontend_export import buffer_bytes

_TEXT = """\
# @name@: a keyword spotter in C99, packed for @target@

Hears: @keywords@. Made by kws-tfmot @version@ from the model with SHA-256
`@digest@`; make it again instead of editing it.

16-bit samples at @rate@ Hz go in, detections come out: audio front end (@kind@), int8 network and detector, all in
integers, without malloc, floating point or global variables. Network: @constants@ bytes of constants in flash,
@arena@ bytes of RAM; the front end keeps @buffer@ bytes.

## Build

@usage@
## Use

```c
#include "@name@.h"

static @name@ spotter;                         /* all RAM that is used, but for the stack */
static const char *const labels[] = @NAME@_MODEL_LABELS;

@name@_init(&spotter);                         /* @NAME@_LISTENING, or @NAME@_ERROR */
for (;;) {
    int16_t hop[@NAME@_KWS_FRONTEND_HOP_SAMPLES]; /* the next @hop@ samples of the microphone */
    @name@_result heard;
    if (@name@_push(&spotter, hop, @hop@, &heard) == @NAME@_HEARD) {
        /* labels[heard.label], heard.score of 32768 */
    }
}
```

**Self-test.** `@name@_selftest()` plays noise that it makes itself through the whole chain and compares every score
with the desktop's: checksum `0x@checksum@`. The sources are the same in every kind of package; kws-tfmot's tests run
such a self-test on this computer, as WebAssembly and on emulated Cortex-M0, M4F and M55 boards.
Run it once on your board and with your compiler's options; whatever they
are, the scores are the same to the last bit.

@monitor@**Two models in one program.** Every file, function, type and macro begins with `@name@`, so packages
exported with different `--name` link together. Each brings its own copy of the kernels that it calls.

**Compile with optimisation** (`-O2`); the kernels pick the core's instructions by the compiler's own macros.

## Licence

The code is under the Apache License 2.0 (`LICENSE`). The weights and tables made from your model in
`@name@_model.c` are yours. `kws_package.json` lists every file with its SHA-256.
"""


def package_readme(content: Content, target: Target) -> str:
    """The README of ``content`` packed for ``target``; byte-stable."""
    frontend = content.frontend
    places = {
        "usage": target.usage,
        "target": target.name,
        "keywords": content.keywords,
        "version": content.version,
        "digest": content.digest,
        "rate": str(frontend.sample_rate),
        "kind": frontend.kind,
        "constants": f"{content.constant_bytes:,}",
        "arena": f"{content.arena_bytes:,}",
        "buffer": f"{buffer_bytes(frontend):,}",
        "hop": str(frontend.hop_samples),
        "checksum": f"{content.checksum:08x}",
        "monitor": content.monitor,
        "NAME": content.name.upper(),
        "name": content.name,
    }
    text = _TEXT
    for place, value in places.items():
        text = text.replace(f"@{place}@", value)
    return text
