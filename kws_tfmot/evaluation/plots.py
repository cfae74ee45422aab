"""Pictures of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kws_tfmot.evaluation.accuracy import Accuracy
from kws_tfmot.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(**settings: Any) -> Figure:
    """A figure of matplotlib, which the first imports: half a second that most commands do without."""
    from matplotlib.figure import Figure

    return Figure(**settings)


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write ``figure`` as PNG without the parts that change from run to run."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120, metadata={"Software": None})
    return Path(path)


def plot_confusion(result: Accuracy, title: str, path: str | Path) -> Path:
    """Draw the confusion matrix: rows are the truth in per cent, cells carry the counts."""
    size = 1.6 + 0.62 * len(result.labels)
    figure = new_figure(figsize=(size + 0.6, size), layout="constrained")
    axes = figure.add_subplot()
    share = result.confusion / np.maximum(result.confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, vmin=0, vmax=1, cmap="Blues")
    ticks = range(len(result.labels))
    axes.set_xticks(ticks, result.labels, rotation=45, ha="right")
    axes.set_yticks(ticks, result.labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("spoken")
    axes.set_title(title, fontsize=9)
    for row in ticks:
        for column in ticks:
            if count := int(result.confusion[row, column]):
                colour = "white" if share[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    return save_figure(figure, path)
