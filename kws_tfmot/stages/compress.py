"""Stage `compress`: make weights zero, then make the network ready for int8."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kws_tfmot.errors import ModelError
from kws_tfmot.files import replacing
from kws_tfmot.runs import StageResult
from kws_tfmot.sparsity.settings import SparsitySettings
from kws_tfmot.stages.build import Build
from kws_tfmot.stages.train import FLOAT_MODEL, dense_inputs
from kws_tfmot.training.settings import TrainSettings

if TYPE_CHECKING:
    from kws_tfmot.keras import keras

PRUNED_MODEL = "pruned.keras"
COMPRESSED_MODEL = "compressed.h5"


def compress(build: Build) -> bool:
    """Sparse training and quantisation-aware training, as far as the recipe asks for them."""
    sparsity = build.recipe.sparsity
    did_sparsify = _sparsify(build, sparsity) if sparsity else False
    did_quantize = _quantize(build) if build.recipe.quantization.mode == "qat" else False
    return did_sparsify or did_quantize


def load_final(build: Build) -> keras.Model:
    """The model that is converted: after QAT, else after pruning, else the dense one."""
    from kws_tfmot.quantization.tfmot_qat import load_qat

    if build.recipe.quantization.mode == "qat":
        return load_qat(build.run.path(COMPRESSED_MODEL))
    return load_float(build, PRUNED_MODEL if build.recipe.sparsity else FLOAT_MODEL)


def load_float(build: Build, name: str) -> keras.Model:
    """The float model that an earlier stage wrote under ``name``.

    Raises:
        ModelError: If it is not there.
    """
    from kws_tfmot.keras import keras

    path = build.run.path(name)
    if not path.is_file():
        raise ModelError(f"{path} is missing.", "Run the stages before this one, or `kws build`.")
    return keras.models.load_model(path, compile=False)


def _stage_settings(build: Build, epochs: int, learning_rate: float) -> TrainSettings:
    update = {"epochs": epochs, "learning_rate": learning_rate, "warmup_epochs": min(1.0, epochs / 10)}
    return build.recipe.train.model_copy(update=update)


def sparse_inputs(build: Build) -> list[object]:
    """Everything that the sparse float model depends on."""
    sparsity = build.recipe.sparsity
    return [*dense_inputs(build), sparsity.model_dump(mode="json") if sparsity else None]


def _sparsify(build: Build, settings: SparsitySettings) -> bool:
    def work(key: str) -> StageResult:
        from kws_tfmot.keras import seed_everything
        from kws_tfmot.sparsity.coverage import coverage
        from kws_tfmot.sparsity.report import total_sparsity, zeros_per_layer
        from kws_tfmot.sparsity.tfmot_pruning import pruning_callbacks, strip_pruning, wrap_for_pruning
        from kws_tfmot.stages.fitting import fit, steps_per_epoch, training_figures
        from kws_tfmot.training.loop import Plugins

        seed_everything(build.recipe.seed)
        dense = load_float(build, FLOAT_MODEL)
        rows = coverage(dense, settings)
        wrapped = wrap_for_pruning(dense, settings, settings.epochs * steps_per_epoch(build))
        # Weights chosen before the last mask would be denser than was asked for.
        final_mask = min(settings.epochs - 1, math.ceil(settings.end * settings.epochs))
        plugins = Plugins(callbacks=pruning_callbacks(), keep_from_epoch=final_mask)
        train = _stage_settings(build, settings.epochs, settings.learning_rate)
        result = fit(build, wrapped, train, "sparsify", key, plugins, offset=1)
        pruned = strip_pruning(wrapped)
        with replacing(build.run.path(PRUNED_MODEL)) as temporary:
            pruned.save(temporary)
        zeros = zeros_per_layer(pruned)
        figures = training_figures(result) | {
            "method": settings.method,
            "target": settings.target,
            "pattern": settings.pattern,
            "sparsity": total_sparsity(zeros),
            "layers": {
                row.layer: {"weights": row.weights, "zeros": zeros[row.layer][0], "not_pruned": row.reason or None}
                for row in rows
            },
        }
        return StageResult((PRUNED_MODEL,), figures)

    return build.run.stage("sparsify", sparse_inputs(build), work)


def _quantize(build: Build) -> bool:
    def work(key: str) -> StageResult:
        from kws_tfmot.keras import seed_everything
        from kws_tfmot.quantization.tfmot_qat import apply_qat, save_qat
        from kws_tfmot.stages.fitting import fit, training_figures
        from kws_tfmot.training.loop import Plugins

        recipe, settings = build.recipe, build.recipe.quantization
        seed_everything(recipe.seed)
        network = load_float(build, PRUNED_MODEL if recipe.sparsity else FLOAT_MODEL)
        if settings.clusters:
            network = _cluster(build, network, key)
        preserve = settings.preserves(sparse=recipe.sparsity is not None)
        network = apply_qat(network, preserve, recipe.frontend.scale, build.calibration())
        train = _stage_settings(build, settings.epochs, settings.learning_rate)
        result = fit(build, network, train, "quantize", key, Plugins(), offset=3)
        with replacing(build.run.path(COMPRESSED_MODEL)) as temporary:
            save_qat(network, temporary)
        return StageResult((COMPRESSED_MODEL,), training_figures(result) | {"mode": "qat", "preserve": preserve})

    inputs = [*sparse_inputs(build), build.recipe.quantization.model_dump(mode="json")]
    return build.run.stage("quantize", inputs, work)


def _cluster(build: Build, network: keras.Model, key: str) -> keras.Model:
    from kws_tfmot.quantization.tfmot_clustering import strip_clustering, wrap_for_clustering
    from kws_tfmot.stages.fitting import fit
    from kws_tfmot.training.loop import Plugins

    settings = build.recipe.quantization
    wrapped = wrap_for_clustering(network, settings.clusters, keep_zeros=build.recipe.sparsity is not None)
    train = _stage_settings(build, settings.cluster_epochs, settings.learning_rate)
    fit(build, wrapped, train, "cluster", key, Plugins(), offset=2)
    return strip_clustering(wrapped)
