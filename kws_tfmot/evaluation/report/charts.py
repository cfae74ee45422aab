"""The charts of a report: DET curves, the arena over an inference, and accuracy against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from kws_tfmot.evaluation.report.svg import COLOURS, Chart, ChartAxis, thousands

Figures = dict[str, Any]
# What a comparison's summary holds besides the accuracy, as axes of its plots.
COSTS = (
    ("nonzero_weights", "non-zero weights"),
    ("engine_bytes", "weights and constants of the engine, B"),
    ("file_bytes", "bytes of the .tflite"),
    ("instructions", "instructions of an inference"),
    ("cycles", "modelled cycles of an inference, no wait states"),
)
_LOG_FROM = 4.0  # largest over smallest, from which an axis is logarithmic


def det_chart(curves: Mapping[str, Figures]) -> Markup:
    """False rejects over false accepts an hour, one curve a model, its chosen operating point as a large dot.

    Both axes are logarithmic; where nothing at all was counted the curve lies at half of one single false accept or
    false reject.
    """
    least = {
        name: (0.5 / max(row["hours_without_keywords"], 1e-9), 50 / max(row["keywords"], 1))
        for name, row in curves.items()
    }
    drawn = {name: _det_points(row, *least[name]) for name, row in curves.items()}
    target = next(iter(curves.values()))["target_false_accepts_per_hour"]
    xs = [x for points in drawn.values() for x, _ in points] + [max(target, 1e-3)]
    chart = Chart(
        "det",
        "DET curves",
        "False rejects in per cent against false accepts an hour, for all thresholds.",
        ChartAxis(min(xs) * 0.8, max(xs) * 1.25, "false accepts an hour", log=True, show=thousands),
        ChartAxis(min(y for _, y in least.values()) * 0.8, 100, "keywords not detected, %", log=True),
    )
    if target > 0:
        chart.rule(target, f"target: {target:g} an hour")
    for colour, (name, points) in enumerate(drawn.items()):
        chart.line(points[::-1], colour, steps=True)  # from the highest threshold: false accepts rise
        if chosen := curves[name]["chosen"]:
            x = max(chosen["false_accepts_per_hour"] or 0, least[name][0])
            y = max(100 * (chosen["false_reject_rate"] or 0), least[name][1])
            chart.dot(x, y, colour, f"{name}: {y:.2f} % at {x:.2f} an hour", big=True)
    return chart.render()


def _det_points(row: Figures, least_x: float, least_y: float) -> list[tuple[float, float]]:
    """The curve without points that nothing is known of."""
    known = [
        (point["false_accepts_per_hour"], point["false_reject_rate"])
        for point in row["det"]
        if None not in (point["false_accepts_per_hour"], point["false_reject_rate"])
    ]
    return [(max(accepts, least_x), max(100 * rejects, least_y)) for accepts, rejects in known]


def arena_chart(device: Figures, names: Sequence[str]) -> Markup:
    """Where every activation and scratch area lies in the arena while each layer runs."""
    steps = len(device["layers"])
    chart = Chart(
        "arena",
        "Memory plan",
        f"Activations and scratch areas in the arena of {device['arena']} bytes, over the {steps} layers.",
        ChartAxis(0, steps, "layer", show=lambda value: f"{value:g}" if value < steps else ""),
        ChartAxis(0, device["arena"], "byte of the arena", show=thousands),
    )
    for span in device["spans"]:
        owner = "model input" if span["layer"] is None else names[span["layer"]]
        layers = f"layers {span['first']} to {span['last']}"
        chart.box(
            (span["first"], span["start"]),
            (span["last"] + 1, span["start"] + span["size"]),
            1 if span["kind"] == "scratch" else 0,
            f"{span['kind']} of {owner}: {span['size']:,} B from byte {span['start']:,}, {layers}",
            text=f"{owner}: {span['size']:,} B, {layers}",
        )
    return chart.render()


def pareto_charts(record: Figures, own: Mapping[str, float], accuracy: float) -> list[Markup]:
    """Accuracy against each cost that a comparison knows: means, and standard deviations over the seeds.

    Args:
        record: As `kws compare` writes it.
        own: The costs of the run that is reported, by the names in :data:`COSTS`; it is drawn as a large dot.
        accuracy: Its accuracy, 0 to 1.
    """
    summary = record["summary"]
    known = {key for key, _ in COSTS if any(row.get(key) for row in summary)}
    if "engine_bytes" in known:
        known.discard("file_bytes")  # what is flashed, where it is known
    return [
        _pareto(record["name"], summary, key, title, own.get(key), accuracy) for key, title in COSTS if key in known
    ]


def _pareto(name: str, summary: list[Figures], key: str, title: str, own: float | None, accuracy: float) -> Markup:
    rows = [row for row in summary if row.get(key)]
    xs = [row[key]["mean"] for row in rows] + ([own] if own else [])
    ends = [100 * (row["accuracy"]["mean"] + s * (row["accuracy"]["spread"] or 0)) for row in rows for s in (-1, 1)]
    ends += [100 * accuracy] if own else []
    log = max(xs) / min(xs) >= _LOG_FROM
    margin_x = 0.08 * (max(xs) - min(xs) or max(xs))
    low, high = (min(xs) / 1.2, max(xs) * 1.2) if log else (min(xs) - margin_x, max(xs) + margin_x)
    margin = 0.1 * (max(ends) - min(ends)) or 0.5
    chart = Chart(
        f"pareto-{key}",
        f"{name}: accuracy against {title}",
        "Each point is the mean over the seeds, each bar one standard deviation to either side.",
        ChartAxis(low, high, title, log=log, show=thousands),
        ChartAxis(min(ends) - margin, max(ends) + margin, "int8 accuracy, %"),
        height=300,
    )
    for colour, variant in enumerate(variants_of(summary)):
        points = sorted((row[key]["mean"], row) for row in rows if row["variant"] == variant)
        chart.line([(x, 100 * row["accuracy"]["mean"]) for x, row in points], colour, style="line thin")
        for x, row in points:
            mean, spread = 100 * row["accuracy"]["mean"], 100 * (row["accuracy"]["spread"] or 0)
            chart.error_bar(x, mean - spread, mean + spread, colour)
            at = "" if row["target"] is None else f" at sparsity {row['target']:g}"
            chart.dot(x, mean, colour, f"{variant}{at}: {mean:.2f} ± {spread:.2f} %, {x:,.0f} {title}")
    if own:
        chart.dot(own, 100 * accuracy, COLOURS - 1, f"this run: {100 * accuracy:.2f} %, {own:,.0f} {title}", big=True)
    return chart.render()


def variants_of(summary: list[Figures]) -> list[str]:
    """The variants of a comparison, in their order; the place is the colour."""
    return list(dict.fromkeys(row["variant"] for row in summary))
