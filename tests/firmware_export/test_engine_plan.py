"""The memory plan: nothing overlaps, nothing is wasted at the end, and one byte less is refused."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pytest
from engine_support import load, reference, run

from firmware_export.codegen.memory_plan import MemoryPlan, Span, check_plan
from firmware_export.emulation.host import compile_library
from firmware_export.engine import Engine, build
from firmware_export.graphs.ds_cnn_benchmark import ds_cnn
from firmware_export.graphs.random_graphs import SeededChooser, random_model
from kws_tfmot.errors import ModelError, ToolchainError


def clobbered(plan: MemoryPlan) -> list[tuple[str, str]]:
    """Pairs that share a byte at some time, found by walking through every byte of every layer."""
    wrong = []
    last = max(span.last for span in plan.spans)
    for time in range(last + 1):
        owner: dict[int, str] = {}
        for span in plan.spans:
            if span.first <= time <= span.last:
                for byte in range(span.start, span.start + span.size):
                    if owner.setdefault(byte, span.name) != span.name:
                        wrong.append((owner[byte], span.name))
                        break
    return wrong


@pytest.mark.parametrize("seed", range(12))
def test_no_byte_has_two_owners(seed: int) -> None:
    plan = build(random_model(SeededChooser(seed)), name="m").plan
    assert clobbered(plan) == []
    assert plan.arena == max(span.start + span.size for span in plan.spans)


def test_ds_cnn_works_in_place_in_one_activation() -> None:
    plan = build(ds_cnn(0.75)).plan
    columns = 64 * 16
    assert plan.arena < 128 * 64 + columns + 490


def test_a_plan_wrong_by_one_byte_is_refused() -> None:
    plan = build(ds_cnn()).plan
    check_plan(plan)
    with pytest.raises(ModelError, match="leaves the arena"):
        check_plan(dataclasses.replace(plan, arena=plan.arena - 1))
    with pytest.raises(ModelError, match="is not the"):
        check_plan(dataclasses.replace(plan, arena=plan.arena + 1))
    a = next(
        s for s in plan.spans if any(s is not o and s.meets(o) and o.start == s.start + s.size for o in plan.spans)
    )
    grown = tuple(dataclasses.replace(s, size=s.size + 1) if s is a else s for s in plan.spans)
    with pytest.raises(ModelError, match="share bytes"):
        check_plan(dataclasses.replace(plan, spans=grown))


def test_spans_meet_and_overlap() -> None:
    a, b = Span("a", 4, 0, 2, 0), Span("b", 4, 2, 3, 3)
    assert a.meets(b) and a.overlaps(b)
    assert not a.overlaps(dataclasses.replace(b, start=4))
    assert not a.overlaps(dataclasses.replace(b, first=3))


def changed(engine: Engine, old: str, new: str) -> Engine:
    files = {name: text.replace(old, new) for name, text in engine.files.items()}
    assert files != engine.files
    return dataclasses.replace(engine, files=files)


def test_the_compiler_refuses_an_arena_one_byte_short() -> None:
    engine = build(ds_cnn(), name="m")
    arena = engine.plan.arena
    with pytest.raises(ToolchainError, match="check_"):
        compile_library(changed(engine, f"M_ARENA_BYTES {arena}", f"M_ARENA_BYTES {arena - 1}"))


def test_scratch_moved_into_an_activation_changes_the_outputs() -> None:
    """The comparison with TFLM can fail: four bytes of scratch over the activation it works on are noticed."""
    model = ds_cnn(0.5)
    engine = build(model, name="m")
    known = reference(model, 1)
    assert known is not None
    assert run(engine, known[0]).tobytes() == known[1].tobytes()
    scratch = max(engine.plan.scratch)
    inputs = np.random.default_rng(0).integers(-128, 128, (8, 490)).astype(np.int8)
    moved = load(changed(engine, f"arena + {scratch})", f"arena + {scratch - 512})")).run(inputs)
    assert moved.tobytes() != load(engine).run(inputs).tobytes()


def test_the_runtime_refuses_a_small_or_misaligned_arena(tmp_path: Path) -> None:
    engine = build(ds_cnn(), name="m")
    for name, text in engine.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "main.c").write_text(
        '#include "m.h"\nstatic _Alignas(4) int8_t arena[M_ARENA_BYTES + 4];\n'
        "int main(void) { m c; return !(m_init(&c, arena, M_ARENA_BYTES) == KWS_OK &&"
        " m_init(&c, arena, M_ARENA_BYTES - 1) == KWS_ERROR_ARGUMENT &&"
        " m_init(&c, arena + 1, M_ARENA_BYTES) == KWS_ERROR_ARGUMENT &&"
        " m_init(&c, NULL, M_ARENA_BYTES) == KWS_ERROR_ARGUMENT && m_invoke(NULL) == KWS_ERROR_ARGUMENT); }\n",
        encoding="utf-8",
    )
    subprocess.run(["gcc", "-o", "m", *sorted(p.name for p in tmp_path.glob("*.c"))], cwd=tmp_path, check=True)
    assert subprocess.run([str(tmp_path / "m")], check=False).returncode == 0
