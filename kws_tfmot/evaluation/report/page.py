"""The report page and the model card: templates filled with figures, everything that comes from data escaped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from kws_tfmot.evaluation.report.charts import arena_chart, det_chart, pareto_charts, variants_of
from kws_tfmot.evaluation.report.clips import Clips
from kws_tfmot.evaluation.report.contents import MODEL, Figures, RunFacts, layer_rows

TEMPLATES = Path(__file__).parent / "templates"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#|~!&])")


@dataclass(frozen=True)
class ReportInput:
    """Everything that a report shows.

    Attributes:
        facts: The run.
        device: As :func:`firmware_export.emulation.device_report.device_figures` returns it.
        det: Figures of `kws det`, under each model's name.
        comparison: The record of `kws compare`.
        clips: Test clips; ``None`` where their data were not given.
        demo: Name of the page of `kws demo` beside the report; empty where there is none.
    """

    facts: RunFacts
    device: Figures
    det: Mapping[str, Figures] = field(default_factory=dict)
    comparison: Figures | None = None
    clips: Clips | None = None
    demo: str = ""


def render_page(report: ReportInput) -> str:
    """The whole page: one HTML text without scripts that loads nothing from anywhere."""
    environment = _environment(autoescape=True)
    style = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    values = context_of(report) | {"style": style, "charts": _charts(report)}
    return environment.get_template("report.html.j2").render(values)


def render_card(report: ReportInput) -> str:
    """The model card: what the model is, what it was made of, how good it is, and what it is not good for."""
    environment = _environment(autoescape=False, finalize=escape_markdown)
    text = environment.get_template("model_card.md.j2").render(context_of(report))
    return re.sub(r"\n{3,}", "\n\n", text)


def escape_markdown(value: Any) -> Any:
    r"""Text that Markdown shows as it is: special characters get a backslash, line breaks become spaces.

    >>> print(escape_markdown("a_b <c>"))
    a\_b \<c\>
    >>> escape_markdown(3)
    3
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _MARKDOWN.sub(r"\\\1", re.sub(r"[\r\n]+", " ", value))


def context_of(report: ReportInput) -> dict[str, Any]:
    """What both templates read."""
    facts, device = report.facts, report.device
    metrics = facts.metrics
    rows = layer_rows(facts, device)
    weighted = [row for row in rows if "weights" in row]
    board = device["boards"][0] if device["boards"] else None
    return {
        "facts": facts,
        "metrics": metrics,
        "accuracy": facts.accuracy,
        "engine": metrics["export"].get("engine") or {},
        "file": metrics["tflite"][MODEL],
        "device": device,
        "rows": rows,
        "weights": sum(row["weights"] for row in weighted),
        "zeros": sum(row["zeros"] for row in weighted),
        "macs": sum(row["macs"] for row in weighted),
        "nonzero_macs": sum(row["nonzero_macs"] for row in weighted),
        "board": board,
        "confusions": confusions(facts.accuracy),
        "det": report.det,
        "own_det": own_det(report),
        "comparison": report.comparison,
        "clips": report.clips,
        "demo": report.demo,
        "mode": {"qat": "quantisation-aware training", "ptq": "calibration after training"}.get(
            metrics["quantization"]["mode"], metrics["quantization"]["mode"]
        ),
    }


def own_det(report: ReportInput) -> Figures | None:
    """The figures of `kws det` that belong to the run's own model."""
    return next((row for row in report.det.values() if row["model_sha256"] == report.facts.model_sha256), None)


def confusions(accuracy: Figures, most: int = 5) -> list[tuple[str, str, int]]:
    """(truth, predicted, count) of what is mixed up most often.

    >>> confusions({"labels": ["a", "b"], "confusion": [[9, 1], [3, 7]]})
    [('b', 'a', 3), ('a', 'b', 1)]
    """
    labels, table = accuracy["labels"], accuracy["confusion"]
    pairs = [
        (labels[i], labels[j], count) for i, row in enumerate(table) for j, count in enumerate(row) if i != j and count
    ]
    return sorted(pairs, key=lambda pair: pair[2], reverse=True)[:most]


def _charts(report: ReportInput) -> dict[str, Any]:
    facts, device = report.facts, report.device
    names = [row["name"] for row in layer_rows(facts, device)]
    charts: dict[str, Any] = {"arena": arena_chart(device, names), "det": None, "pareto": [], "variants": []}
    if report.det:
        charts["det"] = det_chart(report.det)
    if report.comparison:
        weighted = [row for row in device["layers"] if "weights" in row]
        own = {
            "nonzero_weights": sum(row["weights"] - row["zeros"] for row in weighted),
            "engine_bytes": device["constant_bytes"],
            "file_bytes": facts.metrics["tflite"][MODEL]["bytes"]["slim"],
        }
        counted_on = _board_of(report.comparison)
        counted: Figures = next((board for board in device["boards"] if board["board"] == counted_on), {})
        own |= {key: counted[key] for key in ("instructions", "cycles") if counted.get(key)}
        charts["pareto"] = pareto_charts(report.comparison, own, facts.accuracy["accuracy"])
        charts["variants"] = variants_of(report.comparison["summary"])
    return charts


def _board_of(comparison: Figures) -> str:
    """On which board a comparison counted instructions; empty for none."""
    return next((row["board"]["board"] for row in comparison["rows"] if row.get("board")), "")


def _environment(**options: Any) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    environment.filters |= {"percent": percent, "count": count, "size": size_text}
    return environment


def percent(share: float | None, digits: int = 2) -> str:
    """A share of 0 to 1.

    >>> percent(0.9572), percent(None)
    ('95.72 %', '–')
    """
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def count(number: float | None) -> str:
    """A whole number with separators.

    >>> count(2430092)
    '2,430,092'
    """
    return "–" if number is None else f"{number:,.0f}".replace("-", "−")


def size_text(number: float | None) -> str:
    """Bytes.

    >>> size_text(21812), size_text(64)
    ('21.8 kB', '64 B')
    """
    if number is None:
        return "–"
    return f"{number / 1000:.1f} kB" if number >= 1000 else f"{number:.0f} B"
