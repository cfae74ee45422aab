"""Stage `search`: one network that holds all cells learns which of them to choose under a budget."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kws_tfmot.data.batches import TrainingBatches
from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.data.prefetch import feature_batches
from kws_tfmot.data.speakers import percent_splits
from kws_tfmot.errors import DataError, RecipeError
from kws_tfmot.files import write_json
from kws_tfmot.recipe import Recipe
from kws_tfmot.runs import StageResult
from kws_tfmot.search.cells.cell_choice import Limits, cheapest, drawn_networks, most_probable
from kws_tfmot.search.cells.cell_search_settings import FINALS, CellSearchSettings
from kws_tfmot.search.cells.cell_space import CellSpace, Choice
from kws_tfmot.search.cells.choices import CostTarget, entropy, softmax
from kws_tfmot.search.cells.costs import CellCosts
from pipelines.stages.build import Build, FeatureSource
from pipelines.stages.draws import Draws
from pipelines.stages.search_choice import LEARNED, Choosing, Measure, choose_network
from pipelines.stages.train import dense_inputs

_KEPT = 20  # of the candidates, in the record


def search_settings(recipe: Recipe) -> CellSearchSettings:
    """How the recipe is searched; the defaults where it does not say.

    Raises:
        RecipeError: If its model has no cells to search.
    """
    if recipe.model.name != "mbconv":
        raise RecipeError(
            f"only the model mbconv has cells to search. Received: model.name={recipe.model.name}",
            "Use recipes/search_mbconv.yaml, or model: {name: mbconv, width: 24}.",
        )
    if recipe.model.resolved_time_padding == "valid":
        raise RecipeError(
            "a search mixes kernels of several lengths, whose maps differ in rows unless time is padded. Received: "
            "model.time_padding=valid",
            "Search with model.time_padding=same, then build the cells it finds with valid, if their window fits.",
        )
    return recipe.search or CellSearchSettings()


def space_of(build: Build) -> CellSpace:
    """The space that the build's recipe describes."""
    from kws_tfmot.models.mbconv import widths

    recipe, settings = build.recipe, search_settings(build.recipe)
    width, mix = widths(recipe.model)
    classes = len(build.index.labels)
    shape = recipe.frontend.feature_shape
    return CellSpace(width, mix, settings.cells, shape, classes, settings.kernels, settings.expansions)


def hold_out(index: ClipIndex, share: float, seed: int) -> tuple[ClipIndex, ClipIndex]:
    """The training clips in two: those that train weights, and those of held-out speakers; nothing else changes.

    Raises:
        DataError: If a part lacks a class that the other has.
    """
    counts: dict[str, dict[str, int]] = {}
    trains = index.clips.of_split("train")
    chosen = np.flatnonzero(trains & index.clips.used).tolist()
    for clip in map(index.clips.__getitem__, chosen):
        own = counts.setdefault(clip.speaker or clip.path, {})
        own[clip.label] = own.get(clip.label, 0) + 1
    sides = percent_splits(counts, (100 * (1 - share), 100 * share, 0), seed)
    parts = []
    for side in ("train", "validation"):
        kept = ~trains
        kept[chosen] = [sides[clip.speaker or clip.path] == side for clip in map(index.clips.__getitem__, chosen)]
        parts.append(index.where(kept))
    labels = [{part.clips.names[n] for n in np.unique(part.clips.labels[part.clips.of_split("train")])}
              for part in parts]  # fmt: skip
    if lacking := sorted(labels[0] ^ labels[1]):
        raise DataError(
            f"holding out {100 * share:g} % of the training speakers leaves a part without {', '.join(lacking)}.",
            "Give clips of more speakers, or another share in search.held.",
        )
    return parts[0], parts[1]


def search_inputs(build: Build, tables: Sequence[CellCosts], budget: Limits) -> list[object]:
    """Everything that the learned choices depend on."""
    settings = search_settings(build.recipe).model_dump(mode="json", exclude=set(FINALS))
    return [*dense_inputs(build), settings, [dataclasses.asdict(table) for table in tables], dict(budget)]


def search_cells(
    build: Build, tables: Sequence[CellCosts], budget: Limits, about: dict[str, Any], measure: Measure | None = None
) -> bool:
    """Search, and write the recipe found, ``search.json`` and ``search.png``; return whether anything was done.

    Two stages: ``search`` learns the choices, ``choose`` settles on a network (:mod:`pipelines.stages.search_choice`).

    Args:
        build: Its recipe has the model ``mbconv``.
        tables: The costs that the budget is in.
        budget: The limit for each of them.
        about: Further facts for the record: board, versions, command.
        measure: What a network really takes; one that exceeds the budget is not taken.

    Raises:
        BudgetError: If no network meets the budget; nothing is trained then.
        DataError: If the held-out clips are too few.
    """
    cheapest(tables, budget)
    space = space_of(build)
    inputs = search_inputs(build, tables, budget)

    def work(key: str) -> StageResult:
        """The stage: weights and probabilities of the mixed cells trained, candidates ranked."""
        history, alphas, ranked = _train(build, space, tables, budget, key)
        probabilities = [softmax(alpha) for alpha in alphas]
        learned = {
            "history": history,
            "entropy": entropy(probabilities),
            "probabilities": [
                dict(zip(space.texts_of(i), (round(float(x), 6) for x in p), strict=True))
                for i, p in enumerate(probabilities)
            ],
            "candidates": [{"cells": list(space.texts(c)), "cross_entropy": loss} for c, loss in ranked[:_KEPT]],
        }
        write_json(build.run.path(LEARNED), learned)
        return StageResult((LEARNED,), {"entropy": learned["entropy"]})

    searched = build.run.stage("search", inputs, work, trains=True)
    choosing = Choosing(space, search_settings(build.recipe), tables, budget, measure)
    return choose_network(build, choosing, inputs, about) or searched


def _train(
    build: Build, space: CellSpace, tables: Sequence[CellCosts], budget: Limits, key: str
) -> tuple[list[dict[str, float]], list[Any], list[tuple[Choice, float]]]:
    """Warm-up and search; the figures of every epoch, the logits in the end, and the candidates, the best one first."""
    from kws_tfmot.keras import seed_everything
    from kws_tfmot.search.cells.cell_training import ChoiceSteps, PathTraining, progress_note
    from kws_tfmot.search.cells.mixed_cell import build_mixed
    from kws_tfmot.training.loop import Plugins
    from pipelines.stages.fitting import fit

    recipe, settings = build.recipe, search_settings(build.recipe)
    learned, held = _with_index(build, settings)
    seed_everything(recipe.seed)
    network = build_mixed(recipe.model, space, settings.weights == "shared")
    targets = [CostTarget(table, settings.margin * budget[table.unit]) for table in tables]
    epochs = settings.warmup + settings.epochs
    train = recipe.train.model_copy(
        update={
            "epochs": epochs,
            "warmup_epochs": min(recipe.train.warmup_epochs, epochs),
            "learning_rate": settings.weight_learning_rate,
            "select": "last",
        }
    )
    augment = recipe.augment.model_copy(update={"epoch_clips": None})
    batches = TrainingBatches(
        held.index.audio("train"), held.index.noise, held.index.labels, augment, settings.batch_size,
        recipe.seed + 100_003 * Draws.HELD_OUT,
    )  # fmt: skip
    with feature_batches(batches, build.frontend, settings.epochs, prefetch=False) as held_epochs:
        steps = ChoiceSteps(network, FeatureSource(held, held_epochs), targets, settings)
        plugins = Plugins(
            callbacks=(steps,),
            shell=lambda net, losses, hooks: PathTraining(net, settings.seed, losses, hooks),
            note=progress_note,
        )
        result = fit(learned, network, train, "search", key, plugins, Draws.DENSE)
        ranked: list[tuple[Choice, float]] = []
        if settings.candidates:
            probabilities = [softmax(alpha) for alpha in steps.alphas]
            drawn = drawn_networks(probabilities, tables, budget, settings.candidates, settings.seed)
            choices = list(dict.fromkeys([most_probable(probabilities, tables, budget), *drawn]))
            ranked = sorted(zip(choices, steps.losses_of(choices), strict=True), key=lambda pair: pair[1])
    return result.history, steps.alphas, ranked


def _with_index(build: Build, settings: CellSearchSettings) -> tuple[Build, Build]:
    parts = []
    for index in hold_out(build.index, settings.held, settings.seed):
        part = dataclasses.replace(build)
        part.__dict__["index"] = index
        parts.append(part)
    return parts[0], parts[1]
