"""The functions of a model that is run step by step: reset and step in place of invoke."""

from __future__ import annotations

from firmware_export.codegen.c_source import array
from firmware_export.codegen.memory_plan import MemoryPlan
from firmware_export.ir import Program


def step_bytes(program: Program) -> int:
    """Bytes that an inference, or a step, takes in."""
    return program.values[program.input].layout.elements


def step_kernels(program: Program) -> set[str]:
    """Runtime functions that a reset calls."""
    return {"kws_fill"} if any(len(state.initial) == 1 for state in program.states) else set()


def step_sizes(name: str, program: Program, plan: MemoryPlan) -> list[str]:
    """The header's lines on what goes in, and on what is kept."""
    upper, step = name.upper(), program.step
    if step is None:
        return [f"#define {upper}_INPUT_BYTES {step_bytes(program)} /* in the order height, width, channel */"]
    return [
        f"#define {upper}_STATE_BYTES {plan.state_bytes} /* of the arena: kept from step to step, at its start */",
        f"#define {upper}_STEP_ROWS {step.rows} /* rows of time that a step takes */",
        f"#define {upper}_STEP_BYTES {step_bytes(program)} /* in the order time, width, channel */",
        f"#define {upper}_WINDOW_ROWS {step.window} /* rows that a decision is made from */",
        f"#define {upper}_WARM_UP_STEPS {step.warm_up} /* steps without a decision after a reset */",
    ]


def step_declarations(name: str) -> list[str]:
    """The header's functions."""
    return [
        "typedef struct {",
        "  int8_t *arena;",
        "  uint32_t waiting; /* steps until the first decision */",
        f"}} {name};",
        "",
        "/* Bind an arena of at least ARENA_BYTES, aligned to 4, and reset. */",
        f"kws_status {name}_init({name} *model, void *arena, size_t bytes);",
        "",
        "/* Forget all rows. */",
        f"kws_status {name}_reset({name} *model);",
        "",
        "/* Take the next STEP_ROWS rows, STEP_BYTES numbers, and write OUTPUT_BYTES scores: those of the whole window",
        " * that ends with them. KWS_NOT_READY, and no scores, while fewer rows than a window came since the reset. */",
        f"kws_status {name}_step({name} *model, const int8_t *rows, int8_t *scores);",
    ]


def init_function(name: str, result: str) -> list[str]:
    """The definition of init, of whole windows too: it checks the arena and returns ``result``."""
    upper = name.upper()
    return [
        f"kws_status {name}_init({name} *model, void *arena, size_t bytes) {{",
        f"  if (model == NULL || arena == NULL || bytes < {upper}_ARENA_BYTES || ((uintptr_t)arena & 3u) != 0) {{",
        "    return KWS_ERROR_ARGUMENT;",
        "  }",
        "  model->arena = (int8_t *)arena;",
        f"  return {result};",
        "}",
        "",
    ]


def step_functions(name: str, program: Program, plan: MemoryPlan, calls: list[str]) -> list[str]:
    """Their definitions around the layers' ``calls``."""
    upper = name.upper()
    return [
        *_initial(program),
        *init_function(name, f"{name}_reset(model)"),
        f"kws_status {name}_reset({name} *model) {{",
        "  if (model == NULL || model->arena == NULL) {",
        "    return KWS_ERROR_ARGUMENT;",
        "  }",
        f"  model->waiting = {upper}_WARM_UP_STEPS;",
        *_resets(program, plan),
        "  return KWS_OK;",
        "}",
        "",
        f"kws_status {name}_step({name} *model, const int8_t *rows, int8_t *scores) {{",
        "  if (model == NULL || model->arena == NULL || rows == NULL || scores == NULL) {",
        "    return KWS_ERROR_ARGUMENT;",
        "  }",
        "  int8_t *const arena = model->arena;",
        "  kws_status status;",
        "  KWS_PROBE(0);",
        f"  memcpy(arena + {plan.values[program.input]}, rows, {upper}_STEP_BYTES);",
        *calls,
        "  if (model->waiting > 0) {",
        "    model->waiting--;",
        "    return KWS_NOT_READY;",
        "  }",
        f"  memcpy(scores, arena + {plan.values[program.output]}, {upper}_OUTPUT_BYTES);",
        "  return KWS_OK;",
        "}",
    ]


def _initial(program: Program) -> list[str]:
    lines = []
    for number, state in enumerate(program.states):
        if len(state.initial) > 1:
            signed = [byte - 256 if byte > 127 else byte for byte in state.initial]
            lines += [array("int8_t", f"initial_{number}", signed), ""]
    return lines


def _resets(program: Program, plan: MemoryPlan) -> list[str]:
    """One call for each run of states that begin with the same byte, and one for each with bytes of its own."""
    lines: list[str] = []
    for number, state in enumerate(program.states):
        size, start = program.values[state.value].layout.bytes, plan.values[state.value]
        if len(state.initial) > 1:
            lines.append(f"  memcpy(model->arena + {start}, initial_{number}, {size});")
        else:
            value = state.initial[0] - 256 if state.initial[0] > 127 else state.initial[0]
            lines.append(f"  (void)kws_fill({value}, {size}, model->arena + {start});")
    return lines
