"""Stage `sparsify`: make weights zero, in as many rounds as the method has."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from kws_tfmot.errors import BudgetError, ModelError
from kws_tfmot.files import replacing
from kws_tfmot.runs import StageResult
from kws_tfmot.sparsity.sparsity_settings import Iterative, SparsitySettings
from kws_tfmot.training.training_settings import TrainSettings
from pipelines.stages.build import Build
from pipelines.stages.draws import Draws
from pipelines.stages.train import FLOAT_MODEL, dense_inputs, save_model

if TYPE_CHECKING:
    from kws_tfmot.keras import keras
    from kws_tfmot.sparsity.rounds import Round

PRUNED_MODEL = "pruned.keras"


def load_float(build: Build, name: str) -> keras.Model:
    """The float model that an earlier stage wrote under ``name``.

    Raises:
        ModelError: If it is not there.
    """
    from kws_tfmot.models.stored import load_stored

    path = build.run.path(name)
    if not path.is_file():
        raise ModelError(f"{path} is missing.", "Run the stages before this one, or `kws build`.")
    return load_stored(path)


def stage_settings(build: Build, epochs: int, learning_rate: float, *, averaged: bool = False) -> TrainSettings:
    """The recipe's training settings for a later, shorter run; ``averaged`` takes over the average of the weights."""
    settings = build.recipe.train
    update = {"epochs": epochs, "learning_rate": learning_rate, "warmup_epochs": min(1.0, epochs / 10)}
    return settings.model_copy(update=update | {"average": settings.average if averaged else 0.0})


def sparse_inputs(build: Build) -> list[object]:
    """Everything that the sparse float model depends on."""
    sparsity = build.recipe.sparsity
    return [*dense_inputs(build), sparsity.model_dump(mode="json") if sparsity else None]


def sparsify(build: Build, settings: SparsitySettings) -> bool:
    """Train until the recipe's share of weights is zero, write ``pruned.keras``; return whether anything was done."""

    def work(key: str) -> StageResult:
        """The stage: sparse training by the recipe's method, zeros counted, dead units removed if asked for."""
        if isinstance(settings, Iterative):
            name, figures = _iterate(build, settings, settings.plan())
            model = load_float(build, name)
        else:
            model, figures = _train_once(build, settings, key)
        figures |= _zeros(model, settings)
        if settings.shrink:
            model, figures["shrunk"] = _shrink(model)
        with replacing(build.run.path(PRUNED_MODEL)) as temporary:
            save_model(model, temporary)
        return StageResult((PRUNED_MODEL,), figures)

    return build.run.stage("sparsify", sparse_inputs(build), work, trains=True)


def _train_once(build: Build, settings: SparsitySettings, key: str) -> tuple[keras.Model, dict[str, Any]]:
    if not build.recipe.streams:
        (only,) = settings.plan()
        return _train_round(build, settings, only, FLOAT_MODEL, "sparsify", key)
    from kws_tfmot.keras import seed_everything
    from pipelines.stages.train_streams import STATE, sparsify_on_streams

    seed_everything(build.recipe.seed)
    model, figures = sparsify_on_streams(build, load_float(build, FLOAT_MODEL), build.recipe.streams, settings, key)
    _check_target(build, model, settings, settings.target)
    shutil.rmtree(build.run.path(STATE), ignore_errors=True)
    return model, figures


def _iterate(build: Build, settings: Iterative, rounds: list[Round]) -> tuple[str, dict[str, Any]]:
    """Round after round, each a stage of its own; the last one whose accuracy is within the budget counts."""
    dense = build.run.figures("train")["validation_accuracy"]
    done: list[dict[str, Any]] = []
    name = FLOAT_MODEL
    for number, plan in enumerate(rounds, 1):
        stage, output = f"sparsify-{number}", f"rounds/{number}.keras"

        def work(key: str, plan=plan, stage=stage, output=output, parent=name) -> StageResult:
            """The stage: one round of iterative pruning, from the model of the round before."""
            model, figures = _train_round(build, settings, plan, parent, stage, key)
            with replacing(build.run.path(output)) as temporary:
                save_model(model, temporary)
            return StageResult((output,), figures)

        build.run.stage(stage, [*sparse_inputs(build), number], work, trains=True)
        figures = build.run.figures(stage) | {"target": plan.target}
        drop = dense - figures["validation_accuracy"]
        if settings.max_accuracy_drop is not None and drop > settings.max_accuracy_drop:
            if not done:
                raise BudgetError(
                    f"expected a loss of at most {100 * settings.max_accuracy_drop:g} points of validation accuracy. "
                    f"Received: {100 * drop:.2f} points at a sparsity of {plan.target:g}, the first of the rounds",
                    "Allow a larger sparsity.max_accuracy_drop, more sparsity.rounds, or more sparsity.epochs.",
                )
            build.reporter.note(
                f"sparsity {plan.target:g} costs {100 * drop:.2f} points; stopped at {done[-1]['target']:g}, "
                f"not sparsity.target={settings.target:g}"
            )
            break
        done.append(figures)
        name = output
    return name, done[-1] | {"rounds": done}


def _train_round(
    build: Build, settings: SparsitySettings, plan: Round, parent: str, stage: str, key: str
) -> tuple[keras.Model, dict[str, Any]]:
    from kws_tfmot.keras import seed_everything
    from kws_tfmot.sparsity.method_registry import prepare_training
    from kws_tfmot.training.distillation import distillation_loss
    from kws_tfmot.training.loop import Plugins
    from pipelines.stages.epochs import steps_per_epoch
    from pipelines.stages.fitting import fit, training_figures

    seed_everything(build.recipe.seed)
    model = load_float(build, parent)
    steps, seed = steps_per_epoch(build), build.recipe.seed
    prepared = prepare_training(model, settings, plan, steps, build.calibration(), seed)
    teacher = settings.distillation and distillation_loss(load_float(build, FLOAT_MODEL), settings.distillation)
    plugins = Plugins(prepared.callbacks, [teacher] if teacher else [], prepared.after_step, prepared.keep_from_epoch)
    train = stage_settings(build, plan.epochs, settings.learning_rate, averaged=True)
    result = fit(build, prepared.network, train, stage, key, plugins, Draws.SPARSE)
    stripped = prepared.strip(prepared.network)
    _check_target(build, stripped, settings, plan.target)
    return stripped, training_figures(result)


def _check_target(build: Build, model: keras.Model, settings: SparsitySettings, target: float) -> None:
    from kws_tfmot.sparsity.target import check_target

    if note := check_target(model, settings, target):
        build.reporter.note(note)


def _shrink(model: keras.Model) -> tuple[keras.Model, dict[str, Any]]:
    """Remove dead units; the figures say what size training found for each layer."""
    from kws_tfmot.models.counting import count_layers, total_macs
    from kws_tfmot.sparsity.shrink.shrink import shrink
    from kws_tfmot.sparsity.shrink.shrink_report import size_table

    smaller, sizes = shrink(model)
    parameters = sum(count.parameters for count in count_layers(smaller))
    return smaller, {"layers": size_table(sizes), "parameters": parameters, "macs": total_macs(smaller)}


def _zeros(model: keras.Model, settings: SparsitySettings) -> dict[str, Any]:
    """What the sparse training reached, layer by layer, and what it left dense and why."""
    from kws_tfmot.sparsity.coverage import coverage
    from kws_tfmot.sparsity.zero_counts import total_sparsity, zeros_per_layer

    zeros = zeros_per_layer(model)
    rows = coverage(model, settings)
    pruned = {row.layer: zeros[row.layer] for row in rows if not row.reason}
    return {
        "method": settings.method,
        "target": settings.target,
        "pattern": settings.pattern,
        "allocation": settings.resolved_allocation,
        "sparsity": total_sparsity(zeros),
        "pruned_sparsity": total_sparsity(pruned),
        "layers": {
            row.layer: {
                "weights": row.weights,
                "zeros": zeros[row.layer][0],
                "not_pruned": row.reason or None,
                "note": row.note or None,
            }
            for row in rows
        },
    }
