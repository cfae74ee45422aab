"""Kernels refuse sizes that do not fit each other, not only null pointers: each is called with good and bad sizes."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path
from typing import Any

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

LAYER = re.compile(r"^kws_status (\w+)\(const kws_(?:conv|depthwise) \*layer", re.MULTILINE)
FAMILIES = [RUNTIME / family for family in ("convolution", "depthwise", "streaming")]
WEIGHTED = sorted(
    {name for family in FAMILIES for path in family.glob("*.c") for name in LAYER.findall(path.read_text("utf-8"))}
)
# A 1x1 convolution, a matrix and a depthwise convolution of 4 x 4 pixels, {name} to be spoilt.
CONV = (
    "{{w}, 0, {b, m, t, 0, -128, 127, 1}, {im2col}, " + WINDOW.replace("{first}", "0") + ", {depth}, {channels}, 4, 4}"
)
DEPTHWISE = "{{w}, 0, 0, {b, m, t, 0, -128, 127, 1}, " + WINDOW.replace("{first}", "0") + ", {channels}, {depth}, 8}"
SOUND = {"w": "w", "im2col": "kws_im2col_pointwise", "h": 4, "depth": 1, "channels": 1}
SPOILT = [{}, {"w": "0"}, {"im2col": "0"}, {"h": 5}, {"depth": 0}, {"channels": 0}]


def filled(text: str, values: dict[str, int] | dict[str, Any]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


@pytest.fixture(scope="module")
def statuses(tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """The status of every call of :data:`CASES` and of what spoils :data:`WEIGHTED`, from one program."""
    folder = tmp_path_factory.mktemp("shapes")
    keys = [(name, good) for name in CASES for good in (True, False)]
    body = []
    for number, (name, good) in enumerate(keys):
        struct, members, call, right, wrong = CASES[name]
        text = filled(members, right if good else wrong)
        if struct == "kws_pool":
            text = f"{{{text}, 1, -128, 127}}"
        body.append(f"  {{ const {struct} s = {text}; out[{number}] = {call}; }}")
    for name in WEIGHTED:
        for spoilt in SPOILT[1:]:
            kind, members = ("kws_depthwise", DEPTHWISE) if "depthwise" in name else ("kws_conv", CONV)
            call = f"{name}(&s, x, y, scratch)"
            body.append(f"  {{ const {kind} s = {filled(members, SOUND | spoilt)}; out[{len(body)}] = {call}; }}")
    for kind, members, call in (
        ("kws_conv", CONV, "kws_conv_holds(&s, x, y, scratch)"),
        ("kws_conv", CONV, "kws_fc_holds(&s, x, y)"),
        ("kws_depthwise", DEPTHWISE, "kws_depthwise_holds(&s, x, y)"),
    ):
        for spoilt in SPOILT:
            body.append(f"  {{ const {kind} s = {filled(members, SOUND | spoilt)}; out[{len(body)}] = {call}; }}")
    source = (
        '#include "kws_conv_holds.h"\n#include "kws_depthwise_holds.h"\n#include "kws_fc_holds.h"\n'
        "void ask(int *out) {\n  static int8_t x[64], y[64], t[4];\n"
        "  static const uint8_t w[64];\n  static const int32_t b[4], m[4];\n  static int32_t scratch[512];\n"
        + "\n".join(body) + "\n}\n"
    )  # fmt: skip
    (folder / "ask.c").write_text(source, encoding="utf-8")
    runtime = runtime_folder()
    link = [f"-I{runtime}", f"-L{runtime}", f"-Wl,-rpath,{runtime}", "-lkws"]
    subprocess.run(["gcc", "-O0", "-fPIC", "-shared", "-o", "ask.so", "ask.c", *link], cwd=folder, check=True)
    out = (ctypes.c_int * len(body))()
    ctypes.CDLL(str(Path(folder) / "ask.so")).ask(out)
    return list(out)


@pytest.mark.parametrize(("place", "name"), enumerate(CASES))
def test_sizes_that_do_not_fit_are_refused(place: int, name: str, statuses: list[int]) -> None:
    assert statuses[2 * place : 2 * place + 2] == [0, -1]


@pytest.mark.parametrize(("place", "name"), enumerate(WEIGHTED))
def test_convolutions_and_matrices_refuse_what_is_missing_empty_or_too_large(
    place: int, name: str, statuses: list[int]
) -> None:
    """A matrix has no planes and no im2col to be wrong, a depthwise convolution has no im2col."""
    first, count = 2 * len(CASES) + place * len(SPOILT[1:]), len(SPOILT) - 1
    found = dict(zip(("w", "im2col", "h", "depth", "channels"), statuses[first : first + count], strict=True))
    unseen = {"im2col", "h"} if "_fc_" in name else {"im2col"} if "depthwise" in name else set()
    assert {status for what, status in found.items() if what not in unseen} == {-1}


def test_what_is_asked_before_computing(statuses: list[int]) -> None:
    assert len(WEIGHTED) >= 29
    conv, fc, depthwise = (statuses[len(statuses) - 18 :][n : n + 6] for n in (0, 6, 12))
    assert conv == [1, 0, 0, 0, 0, 0]
    assert fc == [1, 0, 1, 1, 0, 0]
    assert depthwise == [1, 0, 1, 0, 0, 0]
