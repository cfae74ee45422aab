"""What `kws choose` shows: every candidate with what it misses, the chosen one, and what the times rest on."""

from __future__ import annotations

from typing import Any

from firmware_export.boards import Budget
from pipelines.console import line, table
from pipelines.stages.choice import Choice, Verdict


def show_verdicts(verdicts: list[Verdict], target: Budget, limits: dict[str, float], cycles: float) -> None:
    """A line for each candidate, what it misses, and what the latency rests on."""
    rows = [
        [
            v.candidate.name,
            "not trained" if v.candidate.accuracy is None else f"{100 * v.candidate.accuracy:.2f} %",
            *("-" if value is None else f"{value:,}" for value in _figures(v)),
            _milliseconds(v, target, cycles),
            ("yes" if v.candidate.trained else "would") if v.fits else explain(v),
        ]
        for v in sorted(verdicts, key=lambda v: -(v.candidate.accuracy or 0.0))
    ]
    allowed = ", ".join(f"{key} {limit:,.0f}" for key, limit in limits.items())
    table(
        f"{target.name} ({target.key}), {target.mhz} MHz; allowed: {allowed}",
        ["model", "test", "flash, B", "RAM, B", "instructions", "ms", "fits"],
        rows,
    )
    line(
        f"whole firmware: front end, engine, detector, stack; instructions of an inference and a hop, counted on "
        f"{target.like}; ms = instructions x {cycles:g} cycles / {target.mhz} MHz, an assumption: cycles are not known",
        style="dim",
    )


def _figures(verdict: Verdict) -> tuple[int | None, ...]:
    cost = verdict.cost
    return (cost.flash, cost.ram, cost.instructions) if cost else (None, None, None)


def _milliseconds(verdict: Verdict, target: Budget, cycles: float) -> str:
    instructions = verdict.cost.instructions if verdict.cost else None
    return "-" if instructions is None else f"{instructions * cycles / (1000 * target.mhz):.1f}"


def explain(verdict: Verdict) -> str:
    """What a candidate misses, and by how much."""
    missed = [f"{key} +{by:,.0f}{' B' if key != 'instructions' else ''}" for key, by in verdict.over.items()]
    return ", ".join(missed) or f"unknown: {verdict.problem}"


def show_choice(choice: Choice, optimise: str) -> None:
    """The chosen one, why, and what to do with it."""
    best = choice.best.candidate
    low, high = best.interval_95
    line(f"[bold]{best.name}[/]: the highest {choice.by} accuracy of those that fit")
    line(
        f"test {100 * (best.accuracy or 0):.2f} % (95 %: {100 * low:.1f} to {100 * high:.1f}), N = {best.n}, "
        f"split {best.split_sha256[:12]}"
    )
    if choice.by == "test":
        line("chosen by the test clips themselves: expect a little less", style="dim")
    if choice.cheaper:
        other = choice.cheaper.candidate
        fewer = f"{_figures(choice.cheaper)[2]:,} instructions" if _figures(choice.cheaper)[2] else "less flash"
        line(
            f"{other.name} takes {fewer}; its {100 * (other.accuracy or 0):.2f} % lie within that interval",
            markup=False,
        )
    line(f"firmware: kws export {best.path} --target engine --optimise {optimise} --out DIR", markup=False)


def record_of(
    verdicts: list[Verdict], choice: Choice, target: Budget, limits: dict[str, float], cycles: float
) -> dict[str, Any]:
    """JSON-able."""
    rows = [
        {
            "name": v.candidate.name,
            "path": str(v.candidate.path),
            "accuracy": v.candidate.accuracy,
            "validation": v.candidate.validation,
            **dict(zip(("flash", "ram", "instructions"), _figures(v), strict=True)),
            "fits": v.fits,
            "over": v.over,
            "problem": v.problem,
        }
        for v in verdicts
    ]
    about = {"board": target.key, "core_of": target.like, "limits": limits, "cycles_per_instruction": cycles}
    return about | {"chosen": choice.best.candidate.name, "by": choice.by, "models": rows}
