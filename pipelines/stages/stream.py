"""Stage `stream`: what the int8 model misses at rates of false accepts an hour, on streams of unseen speakers."""

from __future__ import annotations

from firmware_export.emulation.fast import open_fast
from firmware_export.emulation.steps import StepInterpreter
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.streaming.composed import StreamSettings
from kws_tfmot.evaluation.streaming.misses import misses_on_streams
from kws_tfmot.evaluation.streaming.spotter import StreamModel
from kws_tfmot.files import sha256_file
from kws_tfmot.runs import StageResult
from pipelines.stages.build import Build
from pipelines.stages.convert import INT8_MODEL

HOURS = 2.0
"""Of the test stream and of the one that thresholds are chosen on: 0.5 an hour is one false accept in each."""


def judge_on_streams(build: Build) -> bool:
    """Judge the int8 model on composed streams; where the data have no other words, the figures say so."""
    settings = StreamSettings(hours=HOURS)
    path = build.run.path(INT8_MODEL)
    inputs = [sha256_file(path), build.data_sha256, *(build.index.split_sha256(s) for s in ("validation", "test"))]

    def work(_: str) -> StageResult:
        """The stage: misses on composed streams at given rates of false accepts."""
        # A network for streams decides every 30 ms: step by step that is a tenth of the work of whole windows.
        model = StreamModel.open(path, StepInterpreter if build.recipe.streams else open_fast)
        try:
            found = misses_on_streams(model, build.index, settings, reporter=build.reporter)
        except DataError as error:
            build.reporter.note(f"no judgement on streams: {error.message}")
            found = {"problem": error.message}
        return StageResult((), found)

    return build.run.stage("stream", [*inputs, settings.model_dump(mode="json")], work)
