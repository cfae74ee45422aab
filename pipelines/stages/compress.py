"""Stage `compress`: make weights zero (see :mod:`~pipelines.stages.sparsify`), then make the network ready for int8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kws_tfmot.files import replacing
from kws_tfmot.models.model_settings import OWN
from kws_tfmot.recipe import Recipe
from kws_tfmot.runs import StageResult
from kws_tfmot.sparsity.sparsity_settings import Iterative
from pipelines.stages.build import Build
from pipelines.stages.draws import Draws
from pipelines.stages.low_bit import LOW_BIT_MODEL, quantize_low_bit
from pipelines.stages.sparsify import PRUNED_MODEL, load_float, sparse_inputs, sparsify, stage_settings
from pipelines.stages.train import FLOAT_MODEL

if TYPE_CHECKING:
    from kws_tfmot.keras import keras

COMPRESSED_MODEL = "compressed.h5"


def compress(build: Build) -> bool:
    """Sparse training, then quantisation-aware training or rounding, as far as the recipe asks for them."""
    sparsity, quantization = build.recipe.sparsity, build.recipe.quantization
    build.run.retire(name for name in build.run.stages if not in_recipe(name, build.recipe))
    did_sparsify = sparsify(build, sparsity) if sparsity else False
    if quantization.low_bit:
        did_quantize = quantize_low_bit(build, quantization.low_bit)
    else:
        did_quantize = _quantize(build) if quantization.mode == "qat" else False
    return did_sparsify or did_quantize


def in_recipe(stage: str, recipe: Recipe) -> bool:
    """Whether a recipe has a stage that not all have: the check of an own network, and those that compress.

    >>> [in_recipe(stage, Recipe(sparsity=None)) for stage in ("train", "sparsify", "sparsify-2")]
    [True, False, False]
    """
    name, _, number = stage.partition("-")
    if name == "sparsify":
        sparsity = recipe.sparsity
        rounds = sparsity.rounds if isinstance(sparsity, Iterative) else 0
        return int(number) <= rounds if number else sparsity is not None
    if name == "check":
        return recipe.model.name == OWN
    if name == "quantize":
        return recipe.quantization.mode == "qat" or recipe.quantization.low_bit is not None
    return True


def load_final(build: Build) -> keras.Model:
    """The model that is converted: after quantisation, else after pruning, else the dense one."""
    from kws_tfmot.quantization.tfmot_qat import load_qat

    if build.recipe.quantization.low_bit:
        return load_float(build, LOW_BIT_MODEL)
    if build.recipe.quantization.mode == "qat":
        return load_qat(build.run.path(COMPRESSED_MODEL))
    return load_float(build, PRUNED_MODEL if build.recipe.sparsity else FLOAT_MODEL)


def _quantize(build: Build) -> bool:
    def work(key: str) -> StageResult:
        """The stage: quantisation-aware training that keeps the zeros, saved as Keras."""
        from kws_tfmot.keras import seed_everything
        from kws_tfmot.quantization.tfmot_qat import apply_qat, save_qat
        from kws_tfmot.training.loop import Plugins
        from pipelines.stages.fitting import fit, training_figures

        recipe, settings = build.recipe, build.recipe.quantization
        seed_everything(recipe.seed)
        network = load_float(build, PRUNED_MODEL if recipe.sparsity else FLOAT_MODEL)
        if settings.clusters:
            network = _cluster(build, network, key)
        preserve = settings.preserves(sparse=recipe.sparsity is not None)
        network = apply_qat(network, preserve, recipe.frontend.scale, build.calibration())
        train = stage_settings(build, settings.epochs, settings.learning_rate)
        result = fit(build, network, train, "quantize", key, Plugins(), Draws.QUANTIZE)
        with replacing(build.run.path(COMPRESSED_MODEL)) as temporary:
            save_qat(network, temporary)
        return StageResult((COMPRESSED_MODEL,), training_figures(result) | {"mode": "qat", "preserve": preserve})

    inputs = [*sparse_inputs(build), build.recipe.quantization.model_dump(mode="json")]
    return build.run.stage("quantize", inputs, work, trains=True)


def _cluster(build: Build, network: keras.Model, key: str) -> keras.Model:
    from kws_tfmot.quantization.tfmot_clustering import strip_clustering, wrap_for_clustering
    from kws_tfmot.training.loop import Plugins
    from pipelines.stages.fitting import fit

    settings = build.recipe.quantization
    wrapped = wrap_for_clustering(network, settings.clusters, keep_zeros=build.recipe.sparsity is not None)
    train = stage_settings(build, settings.cluster_epochs, settings.learning_rate)
    fit(build, wrapped, train, "cluster", key, Plugins(), Draws.CLUSTER)
    return strip_clustering(wrapped)
