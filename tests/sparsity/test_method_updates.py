"""What one update of each method of ours does to kernels, masks and statistics, beside the rule written out."""

from __future__ import annotations

import numpy as np
import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.sparsity.allocation import kept_weights
from kws_tfmot.sparsity.compressed_sensing import gram, hard_threshold_pursuit, importance
from kws_tfmot.sparsity.compressed_sensing_pruning import CompressedSensingPruning
from kws_tfmot.sparsity.criteria import comparable, deviation, mean_abs
from kws_tfmot.sparsity.group import parse_sparsity
from kws_tfmot.sparsity.importance_pruning import ImportancePruning
from kws_tfmot.sparsity.method import SparseState, initial_masks
from kws_tfmot.sparsity.method_registry import make_method
from kws_tfmot.sparsity.patterns import Pattern, select
from kws_tfmot.sparsity.schedules import Moment

SHAPES = {"a": (12, 5), "b": (8, 4)}
PATTERNS = dict.fromkeys(SHAPES, Pattern())


def importance_pruning(
    patterns=PATTERNS, criterion="affine", allocation="global", floor=0.3, **more
) -> ImportancePruning:
    return ImportancePruning(patterns, criterion, allocation, floor=0.3, **more)


def csp(patterns=PATTERNS, sensing="inputs", allocation="global", pull=0.5) -> CompressedSensingPruning:
    return CompressedSensingPruning(patterns, sensing, allocation, floor=0.3, l1=0.0, pull=pull, decay=0.0)


DURING, AT_LAST = Moment(0.5, False), Moment(0.75, True)


def kernels(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    found["a"][0, 0] = 0.0
    return found


def inputs(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.gamma(1.0, 1.0, (30, shape[0])) * rng.gamma(1.0, 1.0, shape[0]) for name, shape in SHAPES.items()}


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    assert left.keys() == right.keys()
    for name, values in left.items():
        np.testing.assert_allclose(values, right[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_mean_and_a_deviation_are_of_each_input() -> None:
    rows = np.array([[1.0, -2.0], [-3.0, 6.0]])
    assert mean_abs(rows).tolist() == [2.0, 4.0]
    assert deviation(rows).tolist() == [2.0, 4.0]
    assert deviation(rows + 7).tolist() == [2.0, 4.0]


def test_comparable_scores_are_the_share_of_what_larger_ones_leave() -> None:
    scores = {"a": np.array([[3.0, 1.0], [2.0, 0.0]]), "dead": np.zeros((1, 2)), "b": np.array([[2.0, -np.inf, 1.0]])}
    found = comparable(scores)
    np.testing.assert_allclose(found["a"], [[1.0, 1 / 14], [4 / 13, 0.0]])
    np.testing.assert_allclose(found["b"], [[1.0, -np.inf, 1 / 5]])
    assert not found["dead"].any()


@pytest.mark.parametrize("allocation", ["layer", "global"])
@pytest.mark.parametrize("returns", [False, True])
@pytest.mark.parametrize("criterion", ["magnitude", "affine", "deviation"])
def test_importance_pruning_keeps_the_best_by_running_statistics(criterion, allocation, returns: bool) -> None:
    method = importance_pruning(PATTERNS, criterion, allocation, returns=returns)
    first, state = kernels(), method.init(kernels())
    assert not state.masks["a"][0, 0] and state.masks["b"].all() and not state.statistics
    size = {"affine": lambda x: np.abs(x).mean(axis=0), "deviation": lambda x: np.std(x, axis=0)}.get(criterion)
    known: dict[str, np.ndarray] = {}
    for number, moment in enumerate((DURING, DURING, AT_LAST)):
        seen, weights = inputs(number), kernels(number + 1)
        now = {name: size(rows) for name, rows in seen.items()} if size else {}
        known = {name: 0.8 * known[name] + 0.2 * value if known else value for name, value in now.items()}
        scores = {name: np.abs(w) * known[name][:, None] if known else np.abs(w) for name, w in weights.items()}
        if not returns:
            scores = {name: np.where(state.masks[name], values, -np.inf) for name, values in scores.items()}
        kept = kept_weights(allocation, scores, moment.sparsity, 0.3, PATTERNS)
        before = state
        changed, state = method.update(weights, state, moment, seen)
        masks = {name: select(values, kept[name]) for name, values in scores.items()}
        if not returns:
            masks = {name: mask & before.masks[name] for name, mask in masks.items()}
        same(state.masks, masks)
        same(state.statistics, {name: value[:, None] for name, value in known.items()})
        trains_on = returns and not moment.final
        same(changed, {name: w if trains_on else w * masks[name] for name, w in weights.items()})
    assert first["a"].any()


def test_without_new_inputs_the_statistics_stay() -> None:
    for method in (importance_pruning(PATTERNS, "affine"), csp(PATTERNS, "inputs")):
        state = method.update(kernels(), method.init(kernels()), DURING, inputs(0))[1]
        assert state.statistics
        same(method.update(kernels(), state, DURING, None)[1].statistics, state.statistics)


@pytest.mark.parametrize("criterion", ["magnitude"])
def test_a_method_that_looks_at_no_inputs_keeps_none(criterion) -> None:
    for method in (importance_pruning(PATTERNS, criterion), csp(PATTERNS, "weights")):
        assert not method.uses_inputs
        assert not method.update(kernels(), method.init(kernels()), DURING, inputs(0))[1].statistics
    assert importance_pruning(PATTERNS, "deviation").uses_inputs and csp(PATTERNS).uses_inputs
    assert not importance_pruning(PATTERNS).returns and csp(PATTERNS).returns


@pytest.mark.parametrize("allocation", ["layer", "global"])
@pytest.mark.parametrize("sensing", ["inputs", "weights", "random"])
def test_compressed_sensing_pulls_towards_the_sparse_approximation(sensing, allocation) -> None:
    method = csp(PATTERNS, sensing, allocation, pull=0.25)
    state = method.init(kernels())
    same(state.masks, initial_masks(kernels()))
    drawn = state.statistics
    known: dict[str, np.ndarray] = {}
    for number, moment in enumerate((DURING, DURING, AT_LAST)):
        seen, weights = inputs(number), kernels(number + 1)
        metrics = {name: np.eye(len(w), dtype=np.float32) for name, w in weights.items()}
        if sensing == "inputs":
            now = {name: gram(rows) for name, rows in seen.items()}
            known = {name: 0.8 * known[name] + 0.2 * value if known else value for name, value in now.items()}
            metrics = known
        elif sensing == "random":
            metrics = drawn
        scores = {name: importance(w, metrics[name]) for name, w in weights.items()}
        kept = kept_weights(allocation, scores, moment.sparsity, 0.3, PATTERNS)
        sparse = {name: hard_threshold_pursuit(w, metrics[name], kept[name]) for name, w in weights.items()}
        changed, state = method.update(weights, state, moment, seen)
        same(state.masks, {name: values != 0 for name, values in sparse.items()})
        pull = 1.0 if moment.final else 0.25
        same(changed, {name: (1 - pull) * w + pull * sparse[name] for name, w in weights.items()})
        same(state.statistics, drawn if sensing == "random" else known)


def test_a_random_metric_is_a_gaussian_projection_of_half_the_inputs_of_its_own_for_each_layer() -> None:
    wide = {name: np.ones((fan_in, 2), np.float32) for name, fan_in in (("x", 120), ("y", 120), ("one", 1))}
    drawn = csp(dict.fromkeys(wide, Pattern()), "random").init(wide).statistics
    x = drawn["x"]
    assert np.linalg.matrix_rank(x) == 60 and drawn["one"].shape == (1, 1)
    assert np.mean(np.diag(x)) == pytest.approx(1.0, abs=0.05)  # E of A^T A is the identity
    off = x[~np.eye(120, dtype=bool)]
    assert off.mean() == pytest.approx(0.0, abs=0.02) and off.std() == pytest.approx(60**-0.5, rel=0.05)
    assert np.abs(x - drawn["y"]).max() > 0.1
    again = csp(dict.fromkeys(wide, Pattern()), "random").init(wide).statistics
    same(drawn, again)


def test_patterns_are_those_of_the_layer() -> None:
    patterns = {"a": Pattern.parse("1x4"), "b": Pattern.parse("1x2")}
    for method in (importance_pruning(patterns, "magnitude"), csp(patterns, "weights")):
        masks = method.update(kernels(), SparseState(initial_masks(kernels(3)), {}), DURING, None)[1].masks
        assert set(masks["b"].reshape(-1, 2, 4).sum(axis=1).ravel()) == {0, 2}


RANKED = {"criterion": "deviation", "allocation": "layer", "floor": 0.4}


@pytest.mark.parametrize(
    ("values", "made"),
    [
        ({"method": "one_shot", **RANKED}, ("deviation", "layer", 0.4, 0.0, False, 0.0)),
        ({"method": "l1", **RANKED, "l1": 0.2}, ("deviation", "layer", 0.4, 0.2, False, 0.0)),
        ({"method": "gradual", "l1": 0.3}, ("magnitude", "global", 0.7, 0.3, False, 0.0)),
        ({"method": "iterative", **RANKED, "l1": 0.1}, ("deviation", "layer", 0.4, 0.1, False, 0.0)),
        ({"method": "mask_regrowth", "l1": 0.1, "decay": 2}, ("magnitude", "global", 0.7, 0.1, True, 2.0)),
    ],
)
def test_every_setting_reaches_its_method(values: dict, made: tuple) -> None:
    assert make_method(parse_sparsity(values), PATTERNS) == ImportancePruning(PATTERNS, *made)


def test_every_setting_of_compressed_sensing_reaches_it() -> None:
    values = {"sensing": "random", "allocation": "layer", "floor": 0.4, "l1": 0.2, "pull": 0.3, "decay": 2}
    made = CompressedSensingPruning(PATTERNS, "random", "layer", 0.4, 0.2, 0.3, 2.0)
    assert make_method(parse_sparsity({"method": "csp"} | values), PATTERNS) == made
    with pytest.raises(RecipeError, match="tfmot_magnitude is no method of masks"):
        make_method(parse_sparsity({}), PATTERNS)
