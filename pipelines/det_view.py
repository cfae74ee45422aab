"""What `kws det` shows: operating points, every keyword, accuracy under noise, and what all of it refers to."""

from __future__ import annotations

from typing import Any

from kws_tfmot.evaluation.streaming.product import StreamEvaluation
from pipelines.console import line, table


def title_of(reports: dict[str, StreamEvaluation]) -> str:
    """What the picture shows: hours, keywords, split."""
    figures = next(iter(reports.values())).figures
    split = f", split {figures['split_sha256'][:12]}" if "split_sha256" in figures else ""
    return (
        f"{figures['hours_without_keywords']:.2f} h without keywords, {figures['keywords']} keywords, "
        f"{figures['speakers']} speakers{split}\n{figures['interpreter']}"
    )


def show(name: str, figures: dict[str, Any]) -> None:
    """Both operating points, every keyword, the accuracy under noise, and what they refer to."""
    chosen = figures["chosen"]
    points = {"own": figures["own"]} | ({"chosen": chosen} if chosen else {})
    table(
        f"{name}: {figures['source']}",
        ["point", "threshold", "false accepts / h", "95 %", "false rejects", "95 %", "latency, s (90 %)"],
        [point_row(title, point) for title, point in points.items()],
    )
    target = f"{figures['target_false_accepts_per_hour']:g} false accepts an hour"
    if chosen is None:
        line(f"no threshold has at most {target}")
    else:
        line(f"chosen for at most {target} on {chosen['tuned_on']}, {chosen['tuned_hours']:.2f} h")
    show_keywords(chosen or points["own"])
    if rows := figures.get("under_noise"):
        show_noise(rows)
    line(
        f"{figures['hours_without_keywords']:.2f} h without keywords, {figures['keywords']} keywords, "
        f"{figures['speakers']} speakers; stream {figures['stream_sha256'][:12]}; {figures['interpreter']}; "
        f"model {figures['model_sha256'][:12]}"
    )
    if made := figures.get("composed_of"):
        line(
            f"composed of {made['keyword_clips']} keyword clips, {made['other_clips']} clips of other words, "
            f"{made['noise_seconds']:g} s of noise; split {figures['split_sha256'][:12]}"
        )
    for note in figures["notes"]:
        line(f"note: {note}", style="dim", markup=False)


def show_keywords(point: dict[str, Any]) -> None:
    """Every keyword at an operating point, and the speakers it hears worst."""
    rows = [
        [
            word,
            str(row["n"]),
            percent(row["false_reject_rate"]),
            number(row["false_accepts_per_hour"]),
            "-" if row["latency_s"] is None else f"{row['latency_s']['median']:.2f}",
        ]
        for word, row in point["per_keyword"].items()
    ]
    table("per keyword", ["keyword", "N", "false rejects", "false accepts / h", "latency, s"], rows)
    worst = sorted(point["per_speaker"].items(), key=lambda item: -item[1]["false_rejects"])[:3]
    said = ", ".join(f"{speaker} {row['false_rejects']} of {row['n']}" for speaker, row in worst)
    line(f"most false rejects: {said}; other keyword heard: {point['substitutions']}", markup=False)


def show_noise(rows: list[dict[str, Any]]) -> None:
    """Accuracy at every signal-to-noise ratio."""
    cells = [
        [
            "clean" if row["snr_db"] is None else f"{row['snr_db']:g}",
            percent(row["accuracy"]),
            str(row["n"]),
            interval(row["interval_95_by_speaker"], 100),
        ]
        for row in rows
    ]
    table("single clips under noise", ["SNR, dB", "accuracy", "N", "95 %, by speaker"], cells)


def point_row(title: str, point: dict[str, Any]) -> list[str]:
    """One operating point of the table."""
    levels = sorted(set(point["thresholds"].values()))
    latency = point["latency_s"]
    return [
        title,
        " to ".join(f"{level:.3f}" for level in dict.fromkeys((levels[0], levels[-1]))),
        number(point["false_accepts_per_hour"]),
        interval(point["false_accepts_per_hour_95"]),
        percent(point["false_reject_rate"]),
        interval(point["false_reject_rate_95"], 100),
        "-" if latency is None else f"{latency['median']:.2f} ({latency['p90']:.2f})",
    ]


def percent(share: float | None) -> str:
    """A share of 0 to 1."""
    return "-" if share is None else f"{100 * share:.2f} %"


def number(value: float | None) -> str:
    """A rate."""
    return "-" if value is None else f"{value:.2f}"


def interval(bounds: list[float] | None, factor: float = 1.0) -> str:
    """Both ends."""
    return "too few speakers" if bounds is None else f"{factor * bounds[0]:.2f} to {factor * bounds[1]:.2f}"
