"""Stage `benchmark`: desktop latency of every file of a build, and the front end's speed."""

from __future__ import annotations

import dataclasses

from kws_tfmot.evaluation.latency import measure_frontend, measure_latency, peak_memory_bytes
from kws_tfmot.runs import StageResult
from pipelines.stages.build import Build


def benchmark_build(build: Build) -> bool:
    """Desktop latency of every file of the build in one run, and the front end's speed."""
    files = {name: build.run.path(name) for name in build.run.outputs("convert")}

    def stage(_: str) -> StageResult:
        """The stage: desktop latency of every file, the front end's, peak memory in bytes."""
        rows, refused = measure_latency(files, rounds=10, reporter=build.reporter)
        frontend = measure_frontend(build.recipe.contract())
        figures = {
            "latency": [dataclasses.asdict(row) for row in rows],
            "refused": refused,
            "frontend": frontend,
            "peak_memory_bytes": peak_memory_bytes(),
        }
        return StageResult((), figures)

    return build.run.stage("benchmark", build.run.outputs("convert"), stage)
