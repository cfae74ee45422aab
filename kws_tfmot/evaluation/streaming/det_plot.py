"""The picture of DET curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kws_tfmot.evaluation.plots import new_figure, save_figure
from kws_tfmot.evaluation.streaming.product import StreamEvaluation

_MOST = 200.0  # false accepts an hour beyond which nobody would use a detector


def plot_det(reports: Mapping[str, StreamEvaluation], title: str, path: str | Path) -> Path:
    """Draw false rejects over false accepts an hour, one curve a model, with its chosen operating point.

    A curve shows the fewest false rejects to be had at no more false accepts. Both axes are logarithmic; a threshold
    with none at all lies on the left or lower edge, at half of what one single false accept or reject would be.
    """
    figure = new_figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    for name, report in reports.items():
        curve = report.curve
        least_x, least_y = 0.5 / curve.hours.sum(), 50 / max(curve.events.sum(), 1)
        x = np.maximum(curve.accepts_per_hour, least_x)
        y = np.maximum(100 * curve.reject_rate, least_y)
        (line,) = axes.plot(x, y, drawstyle="steps-pre", label=name, linewidth=1.4)
        if report.figures["chosen"] is not None:
            place = curve.at(report.threshold or 0)
            axes.plot(x[place], y[place], "o", color=line.get_color(), markersize=6)
    target = next(iter(reports.values())).figures["target_false_accepts_per_hour"]
    axes.axvline(target, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlim(right=max(_MOST, 4 * target))
    axes.set_yscale("log")
    axes.set_xlabel("false accepts an hour")
    axes.set_ylabel("keywords not detected, %")
    axes.set_title(title, fontsize=9)
    axes.grid(which="both", alpha=0.25)
    axes.legend(fontsize=8)
    return save_figure(figure, path)
