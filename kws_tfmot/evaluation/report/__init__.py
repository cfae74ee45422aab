"""One page that says what a build is: HTML that needs nothing else, and a model card in Markdown."""

from __future__ import annotations

from kws_tfmot.evaluation.report.clips import Clips, judge_clips
from kws_tfmot.evaluation.report.contents import RunFacts, read_comparison, read_det, read_run, trusting
from kws_tfmot.evaluation.report.page import ReportInput, render_card, render_page

__all__ = [
    "Clips",
    "ReportInput",
    "RunFacts",
    "judge_clips",
    "read_comparison",
    "read_det",
    "read_run",
    "render_card",
    "render_page",
    "trusting",
]
