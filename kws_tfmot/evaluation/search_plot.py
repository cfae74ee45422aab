"""A picture of a search for cells: how it went, and what it chose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kws_tfmot.evaluation.plots import new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_search(record: dict[str, Any], path: str | Path) -> Path:
    """Entropy of the choices, expected cost over its budget and accuracy by epoch; the probabilities by cell.

    Args:
        record: As :func:`pipelines.stages.search_cells.search_cells` writes it.
        path: Where to.
    """
    figure = new_figure(figsize=(11, 7.5), layout="constrained")
    figure.suptitle(f"{', '.join(record['cells'])}", fontsize=9)
    history = record["history"]
    epochs = np.arange(1, len(history) + 1)
    grid = figure.add_gridspec(2, 3, height_ratios=(1, 1.2))
    axes = [figure.add_subplot(grid[0, column]) for column in range(3)]
    axes[0].plot(epochs, [row["entropy"] for row in history])
    axes[0].set_ylabel("entropy of the choices (1: undecided)")
    for unit, limit in record["budget"].items():
        axes[1].plot(epochs, [row[f"expected_{unit}"] / limit for row in history], label=unit)
    axes[1].axhline(1.0, color="grey", linewidth=0.8)
    axes[1].set_ylabel("expected cost / budget")
    axes[1].legend(fontsize=8)
    axes[2].plot(epochs, [100 * row["accuracy"] for row in history], label="drawn paths, training clips")
    axes[2].plot(epochs, [100 * row["val_accuracy"] for row in history], label="most probable path, validation")
    axes[2].set_ylabel("accuracy, %")
    axes[2].legend(fontsize=8)
    for own in axes:
        own.axvline(record["settings"]["warmup"] + 0.5, color="grey", linestyle=":", linewidth=0.8)
        own.set_xlabel("epoch (dotted: the warm-up ends)")
        own.grid(alpha=0.3)
    _probabilities(figure.add_subplot(grid[1, :]), record)
    return save_figure(figure, path)


def _probabilities(axes: Axes, record: dict[str, Any]) -> None:
    names = list(dict.fromkeys(name for cell in record["probabilities"] for name in cell))
    values = np.array([[cell.get(name, np.nan) for name in names] for cell in record["probabilities"]])
    picture = axes.imshow(values, aspect="auto", cmap="Blues", vmin=0.0)
    axes.figure.colorbar(picture, ax=axes, label="probability")
    for i, name in enumerate(record["cells"]):
        axes.plot(names.index(name), i, "r.", markersize=8)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(values)), [f"cell {i + 1}" for i in range(len(values))], fontsize=8)
    axes.set_title("probabilities in the end; red: the network found", fontsize=9)
