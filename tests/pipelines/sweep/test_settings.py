"""What a sweep means: which trials, in which order, under which names, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.recipe import read_values
from pipelines.stages.sweep.run import SweepPlan
from pipelines.stages.sweep.sweep_settings import Sweep, Trials, trials_of
from pipelines.sweep import resolve

ROOT = Path(__file__).resolve().parents[3]
METHODS = {"sparsity.method": ["tfmot_magnitude", "csp"], "sparsity.target": [0.9, 0.95]}


def trials(**given) -> Trials:
    return trials_of(Sweep.parse({"name": "a", "recipe": "ds_cnn_sparse_int8"} | given), Path())


def test_every_combination_of_the_lists_is_a_trial() -> None:
    found = trials(parameters=METHODS | {"train.learning_rate": [0.001, 0.002]}, seeds=2).cells
    assert len(found) == 2 * 2 * 2 * 2
    assert len({cell.name for cell in found}) == len(found)
    assert found[0].name == "tfmot_magnitude-learning_rate-0-001-0.9-seed1"
    assert found[0].recipe.sparsity.method == "tfmot_magnitude"
    assert {(cell.target, cell.seed) for cell in found} == {(0.9, 1), (0.95, 1), (0.9, 2), (0.95, 2)}


def test_another_method_leaves_the_settings_of_the_recipes_own_behind() -> None:
    recipes = {cell.recipe.sparsity.method: cell.recipe.sparsity for cell in trials(parameters=METHODS).cells}
    assert recipes["tfmot_magnitude"].end == 0.3
    assert (recipes["csp"].decay, recipes["csp"].freeze) == (2, 0.7)
    with pytest.raises(RecipeError, match="method=tfmot_magnitude has no decay"):
        trials(variants={"wrong": {"sparsity": {"method": "tfmot_magnitude", "decay": 2}}})


def test_draws_are_tried_at_every_point_and_more_samples_keep_the_first() -> None:
    drawn = {"sparsity.learning_rate": {"log_uniform": [0.001, 0.01]}, "model.width": {"integer": [16, 64]}}
    few = trials(parameters=METHODS | drawn, samples=2)
    many = trials(parameters=METHODS | drawn, samples=5)
    assert len(few.cells) == 2 * 2 * 2
    assert {cell.name for cell in few.cells} < {cell.name for cell in many.cells}
    rates = {cell.recipe.sparsity.learning_rate for cell in many.cells}
    assert len(rates) == 5
    assert all(0.001 <= rate <= 0.01 for rate in rates)
    assert all(16 <= cell.recipe.model.width <= 64 for cell in many.cells)
    for cell in many.cells:  # the name shows what was trained
        assert many.parameters[cell.variant]["sparsity.learning_rate"] == cell.recipe.sparsity.learning_rate
    other = trials(parameters=METHODS | drawn, samples=5, draw_seed=1)
    assert not {cell.name for cell in other.cells} & {cell.name for cell in many.cells}


def test_whole_groups_can_be_tried() -> None:
    models = [{"name": "ds_cnn", "width": 16}, {"name": "dnn", "width": 64}]
    assert [cell.recipe.model.name for cell in trials(parameters={"model": models}).cells] == ["ds_cnn", "dnn"]


def test_parameters_of_a_group_that_is_null_do_not_apply() -> None:
    found = trials(variants={"dense": {"sparsity": None}, "sparse": None}, parameters=METHODS).cells
    assert [cell.name for cell in found if cell.target is None] == ["dense-seed1"]
    assert len(found) == 5


def test_dense_models_come_first_where_they_are_shared() -> None:
    def plan(**given) -> SweepPlan:
        sweep = Sweep.parse({"name": "a", "recipe": "ds_cnn_sparse_int8"} | given)
        return SweepPlan(sweep, trials_of(sweep, Path()), "synthetic", Path())

    assert plan(parameters=METHODS).dense_first
    rates = {"train.learning_rate": {"log_uniform": [0.001, 0.01]}}
    assert not plan(parameters=rates, samples=4).dense_first
    assert plan(parameters=rates, samples=4, dense_first=True).dense_first
    jobs = plan(parameters=METHODS, seeds=2).preparation(list(plan(parameters=METHODS, seeds=2).builds().values()))
    assert [job.name.split("-")[0] for job in jobs] == ["check", "dense", "dense"]


@pytest.mark.parametrize("path", sorted((ROOT / "recipes" / "sweep").glob("*.yaml")), ids=lambda path: path.stem)
def test_sweeps_that_ship_can_be_built(path: Path) -> None:
    sweep = Sweep.parse(read_values(path))
    assert len(trials_of(sweep, path.parent).cells) >= 12


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"parameters": {"sparsity.methd": ["csp"]}}, "Did you mean 'method'?"),
        ({"parameters": {"sparsity.method": "csp"}}, "expected a list"),
        ({"parameters": {"sparsity.method": []}}, "at least one value"),
        ({"parameters": {"sparsity.method": ["csp", "csp"]}}, "values that differ"),
        ({"parameters": {"train.epochs": {"loguniform": [1, 2]}}}, "Did you mean 'log_uniform'?"),
        ({"parameters": {"train.epochs": {"integer": [5, 2]}}}, "lowest < highest"),
        ({"parameters": {"train.epochs": {"integer": [1.5, 2]}}}, "whole numbers"),
        ({"parameters": {"train.learning_rate": {"log_uniform": [0, 1]}}}, "above 0"),
        ({"parameters": {"seed": [1, 2]}}, "under seeds"),
        ({"parameters": METHODS, "baseline": "tfmot_magnitud"}, "Did you mean 'tfmot_magnitude'?"),
        ({"parameters": METHODS, "early_stopping": {"within": ["sparsity.taget"]}}, "Did you mean 'target'?"),
        ({"parameters": METHODS, "early_stopping": {"factor": 1}}, "early_stopping.factor"),
        ({"parameters": {"quantization.mode": ["none"]}}, "judges int8"),
        ({"parameters": {"train.epochs": list(range(1, 10**5))}}, "at most 10,000 values"),
        ({"parameters": {f"key{n}": list(range(9)) for n in range(12)}}, "at most 10,000 trials. Received: 282,4"),
        ({"parameters": {"train.epochs": {"integer": [1, 9]}}, "samples": 10**5}, "at most 10,000 trials"),
        ({"parameters": METHODS, "seeds": 10**9}, "1 to 10,000"),
        ({"parameters": {"train.epochs": {"integer": [0, 2**63]}}}, "up to 2^62"),
        ({"parameters": {"train.learning_rate": {"uniform": [-1e308, 1e308]}}}, "a number itself"),
    ],
)
def test_what_cannot_be_is_refused(given: dict, reported: str) -> None:
    with pytest.raises(RecipeError) as refused:
        trials(**given)
    assert reported in str(refused.value)


@pytest.mark.parametrize("parameters", ["5", "[a]", "text"])
def test_parameters_that_are_no_mapping_are_refused(tmp_path: Path, parameters: str) -> None:
    given = tmp_path / "sweep.yaml"
    given.write_text(f"name: x\nrecipe: demo.yaml\nparameters: {parameters}\n")
    with pytest.raises(RecipeError, match="parameters: expected a mapping"):
        resolve(given, {"train.epochs": [1]}, [], False, 0, True)
