"""A trial and the folder of its sweep, without Ray: lost workers, failures, epochs that count once, other sweeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_tfmot.errors import DataError, RecipeError
from pipelines.stages.sweep.run import SweepPlan, _gather
from pipelines.stages.sweep.sweep_folder import SweepFolder
from pipelines.stages.sweep.sweep_settings import Sweep, trials_of
from pipelines.stages.sweep.trial import attend
from pipelines.stages.sweep.tuning import _results
from tests.pipelines.sweep.fake import train

LOST = RuntimeError("the worker was lost")


@pytest.fixture
def plan(tmp_path: Path) -> SweepPlan:
    rates = {"train.learning_rate": [0.1, 0.2]}
    changes = {"sparsity": None, "quantization": {"mode": "ptq"}, "train": {"epochs": 4}}
    sweep = Sweep.parse({"name": "a", "recipe": "demo", "changes": changes, "parameters": rates})
    made = SweepPlan(sweep, trials_of(sweep, Path()), "synthetic", tmp_path, work=train)
    SweepFolder(tmp_path).claim(made.record())
    (tmp_path / "pace").write_text("0")
    return made


def run(plan: SweepPlan, name: str, work=train, lost_after: int = 99) -> list[dict]:
    reported: list[dict] = []

    def report(result: dict) -> None:
        reported.append(result)
        if len(reported) == lost_after:
            raise KeyboardInterrupt  # nothing catches it: the worker is gone

    builds = plan.builds()
    attend({"trial": name}, builds=builds, folder=plan.folder, work=work, cores=0, report=report)
    return reported


def test_a_lost_worker_costs_no_epoch_and_none_counts_twice(plan: SweepPlan) -> None:
    name, other = plan.builds()
    folder = SweepFolder(plan.folder)
    with pytest.raises(KeyboardInterrupt):
        run(plan, name, lost_after=2)
    assert not folder.is_over(name)
    assert [epoch for _, epoch, _ in folder.epochs(name)] == [0, 1]
    reported = run(plan, name)
    assert [result["epoch"] for result in reported] == [3, 4]  # it went on where the first worker was
    assert [epoch for _, epoch, _ in folder.epochs(name)] == [0, 1, 2, 3]
    assert run(plan, name) == []  # finished trials are not run again
    run(plan, other)
    result = _gather([name, other], folder, {})
    assert [row["cell"] for row in result.rows] == [name, other]
    assert [row["epochs"] for row in result.rows] == [4, 4]


def test_an_epoch_that_is_repeated_is_reported_under_its_own_number(plan: SweepPlan) -> None:
    name = next(iter(plan.builds()))
    with pytest.raises(KeyboardInterrupt):
        run(plan, name, lost_after=3)
    (plan.folder / "fake" / name / "epochs").write_text("1")  # the last saved state is older than the last epoch
    assert [result["epoch"] for result in run(plan, name)] == [2, 3, 4]
    assert len(SweepFolder(plan.folder).epochs(name)) == 4


def test_what_fails_is_written_down_and_tried_again(plan: SweepPlan) -> None:
    name = next(iter(plan.builds()))
    folder = SweepFolder(plan.folder)

    def refuse(build, reporter, on_epoch):
        raise DataError("no clips.", "Add some.")

    def fail(build, reporter, on_epoch):
        raise ValueError("unforeseen")

    run(plan, name, refuse)
    assert folder.failure(name) == "no clips.\nAdd some."
    run(plan, name, fail)
    assert folder.failure(name) == "ValueError: unforeseen"
    folder.forget_failures()
    run(plan, name)
    assert folder.row(name) is not None
    assert folder.failure(name) == ""


def test_a_stopped_trial_is_not_run_again_and_a_finished_one_is_finished(plan: SweepPlan) -> None:
    name, other = plan.builds()
    folder = SweepFolder(plan.folder)
    folder.write_stopped(name, 2, 0.1)
    assert run(plan, name) == []
    run(plan, other)
    folder.write_stopped(other, 4, 0.2)  # stopped at the very moment when its row was written
    result = _gather([name, other], folder, {})
    assert list(result.stopped) == [name]
    assert [row["cell"] for row in result.rows] == [other]


def test_a_node_without_the_shared_folder_says_so(plan: SweepPlan, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").unlink()
    with pytest.raises(RecipeError, match="storage that all nodes share"):
        run(plan, next(iter(plan.builds())))


def test_another_sweep_is_refused_in_the_same_folder(plan: SweepPlan, tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    folder.claim(plan.record())
    values = plan.sweep.model_dump(mode="json")
    changed = Sweep.parse(values | {"parameters": {"train.learning_rate": [0.1, 0.3]}, "early_stopping": None})
    other = SweepPlan(changed, trials_of(changed, Path()), "synthetic", tmp_path)
    with pytest.raises(RecipeError) as refused:
        folder.claim(other.record())
    assert "early_stopping was {" in refused.value.message
    assert "of its trials 1 would be new, 1 would be gone" in refused.value.message
    assert "--out" in refused.value.hint
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(RecipeError, match="holds no sweep"):
        SweepFolder(tmp_path / "other").claim(plan.record())


@pytest.mark.parametrize("error", [EOFError("Ran out of input"), OSError(28, "No space left on device")])
def test_a_record_that_ray_cannot_keep_is_an_error(tmp_path: Path, error: Exception) -> None:
    class Tuner:
        def fit(self) -> None:
            raise error

    with pytest.raises(DataError, match=r"could not keep its record in .*(Ran out|No space)"):
        _results(Tuner(), tmp_path)
