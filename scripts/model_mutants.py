"""Malformed models by the thousand through every reader, export and interpreter: `python scripts/model_mutants.py`.

The trial is the one of tests/tflite/mutant_trial.py: each mutant in a child with limits of memory and processor time,
where only a KwsError may come of it. Parts of PART mutants are tried in turn, and each part's score is appended to
``FOLDER/scores.jsonl`` when it is done, so that a second call goes on where the first was ended; mutants that escaped
are kept beside it with what they did.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PART = 500


def scores(folder: Path) -> dict[int, dict[str, int]]:
    """The scores of the parts that are done, by their first mutant; a line that was cut off counts as not done."""
    done = {}
    path = folder / "scores.jsonl"
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        try:
            score = json.loads(line)
        except ValueError:
            continue
        done[score["first"]] = score
    return done


def summary(done: dict[int, dict[str, int]]) -> str:
    """How many were tried, how many did something, and how many escaped."""
    tried, lively, escaped = (sum(score[key] for score in done.values()) for key in ("tried", "lively", "escaped"))
    return f"{tried:,} mutants tried, {lively:,} did something, {escaped} escaped"


def main() -> int:
    """Try the parts that are not done, and print the score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=int, nargs="?", default=0)
    parser.add_argument("last", type=int, nargs="?", default=100_000)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "model_mutants")
    given = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "tflite")]
    from mutant_trial import run_mutants

    given.folder.mkdir(parents=True, exist_ok=True)
    done = scores(given.folder)
    for first in range(given.first, given.last, PART):
        if first in done:
            continue
        last = min(first + PART, given.last)
        lively, escaped = run_mutants(first, last, given.folder)
        done[first] = {"first": first, "tried": last - first, "lively": lively, "escaped": len(escaped)}
        with (given.folder / "scores.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(done[first]) + "\n")
        print(f"to {last:,}: {summary(done)}", flush=True)
    print(summary(done))
    return 1 if any(score["escaped"] for score in done.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
