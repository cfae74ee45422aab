"""What `kws choose` shows: every candidate with what it misses, the chosen one, and what the times rest on."""

from __future__ import annotations

from typing import Any

from firmware_export.boards import Budget
from firmware_export.emulation.cycles import Cycles
from pipelines.console import line, table
from pipelines.stages.choice import ChosenModel, Verdict


def show_verdicts(verdicts: list[Verdict], target: Budget, limits: dict[str, float]) -> None:
    """A line for each candidate, what it misses, and what the latency rests on."""
    rows = [
        [
            v.candidate.name,
            "not trained" if v.candidate.accuracy is None else f"{100 * v.candidate.accuracy:.2f} %",
            *("-" if value is None else f"{value:,}" for value in _figures(v)),
            _milliseconds(v, target),
            ("yes" if v.candidate.trained else "would") if v.fits else explain(v),
        ]
        for v in sorted(verdicts, key=lambda v: -(v.candidate.accuracy or 0.0))
    ]
    allowed = ", ".join(f"{key} {limit:,.0f}" for key, limit in limits.items())
    table(
        f"{target.name} ({target.key}), {target.mhz} MHz; allowed: {allowed}",
        ["model", "test", "flash, B", "RAM, B", "instructions", "cycles", "ms", "fits"],
        rows,
    )
    about = next((v.cost.cycles_are for v in verdicts if v.cost and v.cost.cycles_are), "not modelled")
    line(
        f"whole firmware: front end, engine, detector, stack; instructions of an inference or a step, and a hop, "
        f"counted on {target.like}; cycles {about}; ms = cycles / {target.mhz} MHz, judged by the most",
        style="dim",
    )


def _figures(verdict: Verdict) -> tuple[int | None, ...]:
    cost = verdict.cost
    return (cost.flash, cost.ram, cost.instructions, _cycles(verdict)) if cost else (None,) * 4


def _cycles(verdict: Verdict) -> int | None:
    span = verdict.cost.cycles_range if verdict.cost else None
    return None if span is None else Cycles(*span).middle


def _milliseconds(verdict: Verdict, target: Budget) -> str:
    span = verdict.cost.cycles_range if verdict.cost else None
    return "-" if span is None else "{:.1f} to {:.1f}".format(*Cycles(*span).milliseconds(target.mhz))


def explain(verdict: Verdict) -> str:
    """What a candidate misses, and by how much."""
    missed = [f"{key} +{by:,.0f}{' B' if key in ('flash', 'ram') else ''}" for key, by in verdict.over.items()]
    return ", ".join(missed) or f"unknown: {verdict.problem}"


def show_choice(choice: ChosenModel, optimise: str) -> None:
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
        cycles = _cycles(choice.cheaper)
        fewer = f"{cycles:,} cycles" if cycles else "less flash"
        line(
            f"{other.name} takes {fewer}; its {100 * (other.accuracy or 0):.2f} % lie within that interval",
            markup=False,
        )
    line(f"firmware: kws export {best.path} --target engine --optimise {optimise} --out DIR", markup=False)


def record_of(
    verdicts: list[Verdict], choice: ChosenModel, target: Budget, limits: dict[str, float], wait_states: int
) -> dict[str, Any]:
    """JSON-able."""
    rows = [
        {
            "name": v.candidate.name,
            "path": str(v.candidate.path),
            "accuracy": v.candidate.accuracy,
            "validation": v.candidate.validation,
            **dict(zip(("flash", "ram", "instructions", "cycles"), _figures(v), strict=True)),
            "cycles_range": v.cost and v.cost.cycles_range,
            "cycles_are": v.cost.cycles_are if v.cost else "",
            "fits": v.fits,
            "over": v.over,
            "problem": v.problem,
        }
        for v in verdicts
    ]
    about = {"board": target.key, "core_of": target.like, "limits": limits, "wait_states": wait_states}
    return about | {"chosen": choice.best.candidate.name, "by": choice.by, "models": rows}
