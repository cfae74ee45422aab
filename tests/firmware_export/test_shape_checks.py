"""Kernels refuse sizes that do not fit each other, not only null pointers: each is called with good and bad sizes."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest
from engine_support import runtime_folder

from firmware_export.engine import RUNTIME

WINDOW = "{{h}, 4, 16, 2, 2, 4, 2, 2, 2, 2, 1, 1, {first}, 0, 0}"
# name of the case, structure, its initialiser, call; the bad one differs in one size alone
CASES = {
    "average_pool": ("kws_pool", WINDOW, "kws_average_pool(&s, x, y)", {"h": 4, "first": 0}, {"h": 5, "first": 0}),
    "a window beside the plane": (
        *("kws_pool", WINDOW, "kws_average_pool(&s, x, y)"),
        *({"h": 4, "first": 0}, {"h": 4, "first": -2}),
    ),
    "average_plane": (
        *("kws_pool", "{4, 4, 16, 1, 1, 1, {rows}, 4, 1, 1, 1, 1, 0, 0, 0}", "kws_average_plane(&s, x, y)"),
        *({"rows": 4}, {"rows": 3}),
    ),
    "max_pool": ("kws_pool", WINDOW, "kws_max_pool(&s, x, y)", {"h": 4, "first": 0}, {"h": 4, "first": 3}),
    "mean": (
        *("kws_mean", "{4, 4, {p}, 1, 1, 1, 1, 0, 1 << 30, 0, 0}", "kws_mean_pool(&s, x, y)"),
        *({"p": 16}, {"p": 15}),
    ),
    "reshape": ("kws_reshape", "{1, {n}, 16, 4, 4, 4}", "kws_reshape_tensor(&s, x, y)", {"n": 16}, {"n": 12}),
    "place": ("kws_place", "{1, 2, 2, 4, 4, 16, {at}}", "kws_place_tensor(&s, x, y)", {"at": 10}, {"at": 11}),
    "softmax": ("kws_softmax", "{4, {s}, 3, 1 << 30, 20, -100}", "kws_softmax_rows(&s, x, y)", {"s": 4}, {"s": 2}),
    "reduce": (
        *("kws_reduce", "{4, 4, 1, 16, {h}, 4, 1, 4, 1, 0, 0}", "kws_reduce_max(&s, x, y)"),
        *({"h": 1}, {"h": 4}),
    ),
    "copy": (
        *("kws_copy", "{16, 16, {at}, 0, {1, 2, 4}, {0, 8, 1}, {0, 4, 1}}", "kws_copy_strided(&s, x, y)"),
        *({"at": 4}, {"at": 5}),
    ),
} | {
    f"{name} of two": (
        *("kws_elementwise", "{1, 4, 4, {p}, 0, 4, 1, 0, 4, 1, 0, 0, 0, 1 << 30, 1 << 30, 1 << 30}"),
        *(f"kws_{name}(&s, x, x, y)", {"p": 16}, {"p": 12}),
    )
    for name in ("add", "subtract", "multiply", "maximum", "minimum")
}


def filled(text: str, values: dict[str, int]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], int]:
    """The status of every call, from one program."""
    folder = tmp_path_factory.mktemp("shapes")
    keys = [(name, good) for name in CASES for good in (True, False)]
    body = []
    for number, (name, good) in enumerate(keys):
        struct, members, call, right, wrong = CASES[name]
        text = filled(members, right if good else wrong)
        if struct == "kws_pool":
            text = f"{{{text}, 1, -128, 127}}"
        body.append(f"  {{ const {struct} s = {text}; out[{number}] = {call}; }}")
    source = (
        '#include "kws_engine.h"\nvoid ask(int *out) {\n  static int8_t x[64], y[64];\n' + "\n".join(body) + "\n}\n"
    )
    (folder / "ask.c").write_text(source, encoding="utf-8")
    runtime = runtime_folder()
    link = [f"-I{RUNTIME}", f"-L{runtime}", f"-Wl,-rpath,{runtime}", "-lkws"]
    subprocess.run(["gcc", "-O0", "-fPIC", "-shared", "-o", "ask.so", "ask.c", *link], cwd=folder, check=True)
    out = (ctypes.c_int * len(keys))()
    ctypes.CDLL(str(Path(folder) / "ask.so")).ask(out)
    return dict(zip(keys, map(int, out), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_sizes_that_do_not_fit_are_refused(name: str, answers: dict[tuple[str, bool], int]) -> None:
    assert (answers[name, True], answers[name, False]) == (0, -1)
