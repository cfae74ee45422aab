"""Stage `prepare`: read and check the clips, and write down what the data set is."""

from __future__ import annotations

from kws_tfmot.data.class_levels import class_level_notes, refuse_dead_keywords
from kws_tfmot.evaluation.trust import speech_figures
from kws_tfmot.files import write_json, write_text
from kws_tfmot.runs import StageResult
from pipelines.stages.build import Build

DATA_FILE = "data.json"
RECIPE_FILE = "recipe.yaml"


def prepare_data(build: Build) -> bool:
    """Index the source, refuse what cannot be trained on, and write the resolved recipe and ``data.json``.

    Raises:
        DataError: As :func:`kws_tfmot.data.prepare`, or a keyword is digital silence.
    """
    index = build.index
    refuse_dead_keywords(index)
    notes = [*index.notes, *class_level_notes(index)]
    for note in notes:
        build.reporter.note(note)

    def work(_: str) -> StageResult:
        """The stage: the index of clips; figures say splits, counts and their SHA-256."""
        figures = {
            "source": build.source,
            "sha256": build.data_sha256,
            "labels": list(index.labels),
            "splits": {
                split: {"sha256": index.split_sha256(split), "clips": counts}
                for split, counts in index.counts().items()
            },
            "speech": speech_figures(index),
            "notes": notes,
            "corrupt": [{"path": path, "reason": reason} for path, reason in index.corrupt],
        }
        write_text(build.run.path(RECIPE_FILE), build.recipe.to_yaml())
        write_json(build.run.path(DATA_FILE), figures)
        return StageResult((RECIPE_FILE, DATA_FILE), figures)

    return build.run.stage("prepare", [build.recipe.model_dump(mode="json"), build.data_sha256], work)
