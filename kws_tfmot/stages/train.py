"""Stage `train`: the dense float model."""

from __future__ import annotations

from kws_tfmot.files import replacing
from kws_tfmot.runs import StageResult
from kws_tfmot.stages.build import Build

FLOAT_MODEL = "float.keras"


def dense_inputs(build: Build) -> list[object]:
    """Everything that the dense model depends on."""
    recipe = build.recipe
    groups = (recipe.data, recipe.frontend, recipe.augment, recipe.model, recipe.train)
    return [build.data_sha256, recipe.seed, *(group.model_dump(mode="json") for group in groups)]


def train_dense(build: Build) -> bool:
    """Train the recipe's model and write ``float.keras``; return whether anything was done."""

    def work(key: str) -> StageResult:
        from kws_tfmot.keras import seed_everything
        from kws_tfmot.models import build_model
        from kws_tfmot.models.counting import count_layers
        from kws_tfmot.stages.fitting import fit, training_figures
        from kws_tfmot.training.loop import Plugins

        recipe = build.recipe
        seed_everything(recipe.seed)
        network = build_model(recipe.model, recipe.frontend.feature_shape, len(build.index.labels))
        result = fit(build, network, recipe.train, "train", key, Plugins(), offset=0)
        with replacing(build.run.path(FLOAT_MODEL)) as temporary:
            network.save(temporary)
        counts = count_layers(network)
        figures = training_figures(result) | {
            "parameters": sum(count.parameters for count in counts),
            "macs": sum(count.macs for count in counts),
        }
        return StageResult((FLOAT_MODEL,), figures)

    return build.run.stage("train", dense_inputs(build), work)
