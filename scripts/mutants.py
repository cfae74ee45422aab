"""Mutation testing by cosmic-ray: faults are put into a copy of the sources one by one, and tests must fail on each.

    python scripts/mutants.py [--sample N] [--seed S] [MODULE ...]

Each module of GROUPS is tested by the files beside it, and by its own doctests. Without a sample every mutant is tried,
which takes hours; with one, N mutants drawn from each module. Sessions are kept in build/mutants and go on.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "mutants"
COPIED = ("kws_tfmot", "firmware_export", "pipelines", "recipes", "tests", "setup.cfg", "pyproject.toml")
# Modules, and the tests that must notice a fault in them.
GROUPS: dict[str, tuple[str, ...]] = {
    "kws_tfmot/sparsity/allocation.py": ("tests/sparsity/test_coverage.py",),
    "kws_tfmot/sparsity/criteria.py": (),
    "kws_tfmot/sparsity/patterns.py": ("tests/search/test_supernet.py -k select",),
    "kws_tfmot/sparsity/schedules.py": (),
    "kws_tfmot/sparsity/survival.py": ("tests/sparsity/test_survival.py",),
    "kws_tfmot/quantization/grids.py": ("tests/quantization/test_grids.py",),
    "kws_tfmot/quantization/integer_kernels.py": ("tests/quantization/test_low_bit.py -k 'file or saving or refused'",),
    "kws_tfmot/quantization/folding.py": ("tests/quantization/test_folding.py -k 'dnn or zeros'",),
    "kws_tfmot/detection/detector.py": ("tests/evaluation/streaming/test_detector.py",),
    "kws_tfmot/detection/posterior.py": ("tests/evaluation/streaming/test_detector.py",),
    "kws_tfmot/detection/rearming.py": ("tests/evaluation/streaming/test_detector.py",),
    "kws_tfmot/data/splits.py": ("tests/data/test_splits.py", "tests/data/test_held_out_words.py"),
    "kws_tfmot/data/speakers.py": ("tests/data/test_speakers.py",),
    "kws_tfmot/evaluation/accuracy.py": ("tests/evaluation/test_accuracy.py",),
    "kws_tfmot/evaluation/comparison_summary.py": ("tests/pipelines/test_compare.py -k 'seed_by_seed or first_seeds'",),
    "kws_tfmot/evaluation/streaming/judging.py": ("tests/evaluation/streaming/test_judging.py",),
    "kws_tfmot/evaluation/streaming/intervals.py": ("tests/evaluation/streaming/test_judging.py",),
    **{
        f"firmware_export/encodings/{name}.py": ("tests/firmware_export/test_engine_encodings.py",)
        for name in ("base", "bitmap", "block", "dense", "index", "lowbit", "nm", "planes", "delta4", "row_pairs")
    },
}  # fmt: skip


def session_of(module: str) -> Path:
    """A session with every mutant of a module, made where there is none yet."""
    name = module.replace("/", ".").removesuffix(".py")
    session, config = BUILD / f"{name}.sqlite", BUILD / f"{name}.toml"
    pytest = f"{sys.executable} -m pytest -x -q -n 0 -p no:cacheprovider"
    command = " && ".join(f"{pytest} {tests}" for tests in (module, *GROUPS[module]))
    # A file without doctests collects nothing, which is no failure.
    command = command.replace(f"{pytest} {module}", f"({pytest} {module} || [ $? -eq 5 ])", 1)
    config.write_text(
        f'[cosmic-ray]\nmodule-path = "{module}"\ntimeout = 300.0\nexcluded-modules = []\n'
        f"test-command = '''sh -c \"{command}\"'''\n[cosmic-ray.distributor]\nname = \"local\"\n"
    )
    if not session.is_file():
        subprocess.run(["cosmic-ray", "init", config, session], cwd=BUILD / "tree", check=True)
    return session


def skip_all_but(db: WorkDB, count: int, seed: int) -> None:
    """Leave ``count`` mutants of a session, drawn from ``seed``; the others count as skipped."""
    items = sorted(db.work_items, key=lambda item: item.job_id)
    items.sort(key=lambda item: [str(m.operator_name) + str(m.start_pos) + str(m.occurrence) for m in item.mutations])
    kept = {item.job_id for item in random.Random(seed).sample(items, min(count, len(items)))}
    for item in items:
        if item.job_id not in kept:
            db.set_result(item.job_id, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


def outcomes(session: Path) -> tuple[int, list[str]]:
    """How many mutants were killed, and where the others are."""
    killed, alive = 0, []
    with use_db(session, WorkDB.Mode.open) as db:
        for item, result in db.completed_work_items:
            if result.worker_outcome == WorkerOutcome.NORMAL:
                (mutation, *_) = item.mutations
                if result.test_outcome == TestOutcome.SURVIVED:
                    alive.append(f"{mutation.module_path}:{mutation.start_pos[0]} {mutation.operator_name}")
                else:
                    killed += 1
    return killed, alive


def main() -> int:
    """Run the mutants asked for and print the score of each module and of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="Of GROUPS; all by default.")
    parser.add_argument("--sample", type=int, default=0, help="Mutants of each module; all by default.")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if unknown := set(options.modules) - GROUPS.keys():
        parser.error(f"unknown modules {sorted(unknown)}; there are {', '.join(GROUPS)}")
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        target = BUILD / "tree" / name
        shutil.rmtree(target, ignore_errors=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    killed, alive = 0, []
    for module in options.modules or GROUPS:
        session = session_of(module)
        if options.sample:
            with use_db(session, WorkDB.Mode.open) as db:
                if not db.num_results:
                    skip_all_but(db, options.sample, options.seed)
        config = session.with_suffix(".toml")
        subprocess.run(["cosmic-ray", "exec", config, session], cwd=BUILD / "tree", check=True)
        dead, left = outcomes(session)
        print(f"{module}: {dead} of {dead + len(left)} killed", flush=True)
        print("".join(f"    lives: {place}\n" for place in left), end="", flush=True)
        killed, alive = killed + dead, alive + left
    print(f"{killed} of {killed + len(alive)} mutants killed, {killed / max(1, killed + len(alive)):.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
