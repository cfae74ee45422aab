"""Mutation testing by cosmic-ray: faults are put into a copy of the sources one by one, and tests must fail on each.

    python scripts/mutants.py [--sample N] [--seed S] [MODULE ...]

`mutant_tests.py` lists the modules and the tests of each; a module's doctests come first. Without a sample every mutant
is tried, which takes days; with one, N places are drawn from those of all modules, and one mutant at each. Verdicts are
kept in build/mutants and go on.

Left out: annotations, which Python does not evaluate, and `is` for `==` and back, which CPython computes the same for
small numbers and literals. Tests run in a fork of a process that has imported TensorFlow: imports cost more than tests.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import gc
import importlib
import json
import os
import random
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import MutationVisitor
from mutant_tests import EVERYWHERE, GROUPS, IGNORED

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "mutants"
TREE = BUILD / "tree"
COPIED = ("kws_tfmot", "firmware_export", "pipelines", "recipes", "tests", "setup.cfg", "pyproject.toml", "README.md",
          "CONTRIBUTING.md", "docs")  # fmt: skip
SAME = {f"core/ReplaceComparisonOperator_{pair}" for pair in ("Eq_Is", "Is_Eq", "NotEq_IsNot", "IsNot_NotEq")}
# Tests that hang are stopped after this many seconds more than what they take without a fault, times four.
PATIENCE = 20.0
# What most tests import, besides TensorFlow.
HEAVY = (
    "tensorflow_model_optimization",
    "hypothesis",
    "pydantic",
    "scipy.stats",
    "matplotlib.figure",
    "pyarrow",
    "soundfile",
)


def copy_sources() -> None:
    """Lay a copy of the sources under build/; bytecode that goes by the text, not by the second of writing."""
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, TREE / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, TREE / name)
    compileall.compile_dir(TREE, quiet=2, invalidation_mode=compileall.py_compile.PycInvalidationMode.CHECKED_HASH)


class Places:
    """Where a module's text can hold a fault: outside annotations, and for `*` and `+` between two operands only."""

    def __init__(self, source: str) -> None:
        self._annotations, self._between = [], []
        for node in ast.walk(ast.parse(source)):
            for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
                if isinstance(part, ast.expr):
                    self._annotations.append(((part.lineno, part.col_offset), _end(part)))
            if isinstance(node, ast.BinOp):
                self._between.append((_end(node.left), (node.right.lineno, node.right.col_offset)))
            if isinstance(node, ast.AugAssign):
                self._between.append((_end(node.target), (node.value.lineno, node.value.col_offset)))

    def allow(self, operator: str, start: tuple[int, int]) -> bool:
        """Whether a fault of this operator at ``(line, column)`` can change what is computed."""
        if any(first <= start < last for first, last in self._annotations):
            return False
        binary = operator.startswith("core/ReplaceBinaryOperator")
        return not binary or any(first <= start < last for first, last in self._between)


def _end(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or 0, node.end_col_offset or 0


def mutants_of(module: str) -> Iterator[dict[str, Any]]:
    """Every fault that cosmic-ray puts into a module, but for those that cannot change what it computes."""
    path = TREE / module
    nodes, allowed = list(ast_nodes(get_ast_from_path(path))), Places(path.read_text(encoding="utf-8"))
    for name in sorted(cosmic_ray.plugins.operator_names()):
        kind = cosmic_ray.plugins.get_operator(name)
        if name in SAME or name in IGNORED.get(module, ()) or kind.arguments():
            continue
        operator = kind()
        starts = (tuple(start) for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, start in enumerate(starts):
            if allowed.allow(name, start):
                yield {"module": module, "operator": name, "occurrence": occurrence, "place": start}


def tests_of(module: str) -> tuple[str, ...]:
    """What is run on each mutant of a module, its doctests first."""
    return module, EVERYWHERE, *GROUPS[module]


def run_tests(selections: tuple[str, ...], patience: float) -> str:
    """Fork a process that runs tests, one call of pytest each: ``passed``, ``failed`` or ``hung``."""
    child = os.fork()
    if not child:
        os.setsid()
        os.chdir(TREE)
        quiet = os.open(BUILD / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        import pytest

        off = ("-p", "no:anyio", "-p", "no:cacheprovider")
        common = ["-x", "-q", "-n", "0", *off, "--rootdir", str(TREE), "-m", "not slow"]
        for tests in selections:
            code = pytest.main([*common, *shlex.split(tests)])
            # A module without doctests collects nothing, which is no failure.
            if code and not (code == pytest.ExitCode.NO_TESTS_COLLECTED and tests in GROUPS):
                os._exit(1)
        os._exit(0)
    end = time.monotonic() + patience
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "failed" if status else "passed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hung"


def verdict_of(mutant: dict[str, Any], patience: float) -> str:
    """Put a fault in, run the tests, take it out again."""
    path = TREE / mutant["module"]
    original = path.read_text(encoding="utf-8")
    operator = cosmic_ray.plugins.get_operator(mutant["operator"])()
    try:
        MutationVisitor.mutate_path(path, operator, mutant["occurrence"])
        return run_tests(tests_of(mutant["module"]), patience)
    finally:
        path.write_text(original, encoding="utf-8")


class Baseline:
    """That the tests pass without any fault, and how long they take: once for each selection."""

    def __init__(self) -> None:
        self._took: dict[str, float] = {}

    def seconds(self, module: str) -> float:
        """Seconds that a module's tests take; ends the program where they fail."""
        for tests in tests_of(module):
            if tests not in self._took:
                start = time.monotonic()
                if run_tests((tests,), 3600.0) != "passed":
                    sys.exit(f"{tests} fails without any fault: see {BUILD / 'output.txt'}")
                self._took[tests] = time.monotonic() - start
        return sum(self._took[tests] for tests in tests_of(module))


def prepare() -> None:
    """Copy the sources and import what is heavy once, before any fork."""
    copy_sources()
    sys.path.insert(0, str(TREE))
    os.environ["PYTHONPATH"] = str(TREE)
    for name in ("kws_tfmot.keras", "pytest", *HEAVY):
        importlib.import_module(name)
    gc.freeze()  # pytest collects ten times a call, and TensorFlow's objects are many


def drawn(modules: list[str], sample: int, seed: int) -> list[dict[str, Any]]:
    """The mutants to try: all of the modules, or as many places as ``sample`` with one mutant of each."""
    places: dict[tuple[str, tuple[int, int]], list[dict[str, Any]]] = {}
    for module in modules:
        for mutant in mutants_of(module):
            places.setdefault((module, mutant["place"]), []).append(mutant)
    print(f"{sum(map(len, places.values())):,} mutants at {len(places):,} places of {len(modules)} modules", flush=True)
    if not sample:
        return [mutant for found in places.values() for mutant in found]
    rng = random.Random(seed)
    kept = rng.sample(sorted(places), min(sample, len(places)))
    return [rng.choice(places[place]) for place in kept]


def main() -> int:
    """Run the mutants asked for, print those that live and the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="Of mutant_tests.py; all by default.")
    parser.add_argument("--sample", type=int, default=0, help="How many mutants of all; every one by default.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.modules) - GROUPS.keys():
        parser.error(f"unknown modules {sorted(unknown)}; there are {', '.join(GROUPS)}")
    prepare()
    store = BUILD / f"verdicts_{options.sample or 'all'}_{options.seed}.json"
    verdicts = json.loads(store.read_text()) if store.is_file() else {}
    killed, alive, baseline = 0, 0, Baseline()
    for mutant in drawn(options.modules or list(GROUPS), options.sample, options.seed):
        module = mutant["module"]
        line, column = mutant["place"]
        key = f"{module}:{line}:{column} {mutant['operator']}"
        if key not in verdicts:
            verdicts[key] = verdict_of(mutant, PATIENCE + 4 * baseline.seconds(module))
            store.write_text(json.dumps(verdicts, indent=1))
        if verdicts[key] == "passed":
            alive += 1
            print(f"lives: {key} ({killed} of {killed + alive} killed)", flush=True)
        else:
            killed += 1
    total = killed + alive
    print(f"{killed} of {total} mutants killed: {killed / max(1, total):.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
