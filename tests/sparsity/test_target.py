"""The share of zeros that was asked for is met to the weight, refused before training, or its lack is said."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

from kws_tfmot.errors import BudgetError, RecipeError
from kws_tfmot.keras import keras
from kws_tfmot.sparsity.allocation import by_layer, by_threshold, wanted_zeros
from kws_tfmot.sparsity.coverage import coverage
from kws_tfmot.sparsity.group import parse_sparsity
from kws_tfmot.sparsity.method_registry import make_method
from kws_tfmot.sparsity.patterns import Pattern, select
from kws_tfmot.sparsity.rounds import Round
from kws_tfmot.sparsity.schedules import Moment
from kws_tfmot.sparsity.sparsity_settings import METHODS
from kws_tfmot.sparsity.target import check_reachable, check_target, reachable_zeros
from kws_tfmot.sparsity.tfmot_pruning import strip_pruning, wrap_for_pruning

# Layers that hold no share evenly: 3 x 5 = 15, 5 x 7 = 35, 7 x 24 = 168, 24 x 3 = 72 weights
UNITS = (5, 7, 24, 3)


@functools.cache
def built() -> keras.Model:
    inputs = x = keras.Input((3,))
    for number, units in enumerate(UNITS):
        x = keras.layers.Dense(units, name=f"dense{number}")(x)
    return keras.Model(inputs, x)


def network() -> keras.Model:
    rng = np.random.default_rng(0)
    built().set_weights([rng.normal(size=values.shape) for values in built().get_weights()])
    return built()


def masked(method: str, target: float, pattern: str) -> keras.Model:
    """``network`` after the final update of the masks."""
    options = {"criterion": "magnitude"} if "criterion" in METHODS[method].model_fields else {"sensing": "weights"}
    settings = parse_sparsity({"method": method, "target": target, "pattern": pattern, **options})
    model = network()
    rows = [row for row in coverage(model, settings) if not row.reason]
    kernels = {row.layer: model.get_layer(row.layer).kernel.numpy() for row in rows}
    rule = make_method(settings, {row.layer: row.pattern for row in rows})
    state = rule.init(kernels)
    for share, final in ((target / 2, False), (target, True)):
        kernels, state = rule.update(kernels, state, Moment(share, final), None)
    for name, values in kernels.items():
        model.get_layer(name).kernel.assign(values)
    check_target(model, settings, target)
    return model


@pytest.mark.parametrize("target", [0.0, 0.1, 1 / 3, 0.75, 0.9, 0.93])
@pytest.mark.parametrize("method", ["one_shot", "gradual", "mask_regrowth", "csp"])
def test_every_method_makes_as_many_zeros_as_asked_for_to_the_weight(method: str, target: float) -> None:
    for pattern in ("unstructured", "1x1", "2x3", "3x1"):
        if target < 0.8 or pattern == "unstructured":
            masked(method, target, pattern)


def test_layers_that_divide_unevenly_hold_the_total_together() -> None:
    sizes = {"a": 15, "b": 35, "c": 168, "d": 72}
    for target in np.linspace(0, 0.98, 197):
        kept = by_layer(sizes, target)
        assert -1e-9 <= 290 - sum(kept.values()) - 290 * target < 1
        assert all(abs(kept[name] - (1 - target) * size) < 2 for name, size in sizes.items())
        for floor in (0.0, 0.7, 1.0):
            scores = {name: np.random.default_rng(1).random((size, 1)) for name, size in sizes.items()}
            zeros = 290 - sum(by_threshold(scores, target, floor).values())
            assert wanted_zeros(target, 290) == zeros


def test_blocks_are_counted_whole_and_no_layer_dies() -> None:
    blocks = {"a": Pattern(outputs=2, inputs=4), "b": Pattern()}
    assert by_layer({"a": 64, "b": 10}, 0.7, blocks) == {"a": 16, "b": 3}
    assert by_layer({"a": 8, "b": 10}, 0.5, blocks) == {"a": 8, "b": 4}  # a group more than its share, not all
    kept = by_threshold({"a": np.ones((8, 8)), "b": np.ones((10, 1))}, 0.7, 1.0, blocks)
    assert kept["a"] % 8 == 0 and 74 - sum(kept.values()) >= 0.7 * 74
    assert select(np.ones((8, 8)), kept["a"], blocks["a"]).sum() == kept["a"]


@pytest.mark.parametrize("method", [name for name in METHODS if name != "iterative"])
def test_a_target_that_large_blocks_cannot_hold_is_refused_before_training(method: str) -> None:
    settings = parse_sparsity({"method": method, "target": 0.9, "pattern": "12x7"})
    inputs = keras.Input((7,))
    model = keras.Model(inputs, keras.layers.Dense(24, name="wide")(inputs))
    with pytest.raises(RecipeError, match=r"84 of the 168 weights that are pruned, 50.00 %, can be zero") as refused:
        check_reachable(model, settings)
    assert "Set sparsity.target to 0.5 or less" in refused.value.hint
    check_reachable(model, parse_sparsity({"method": method, "target": 0.5, "pattern": "12x7"}))


@pytest.mark.parametrize(("method", "lacks"), itertools.product(("gradual", "tfmot_magnitude"), (1, 12)))
def test_a_single_weight_too_few_is_said_or_refused(method: str, lacks: int) -> None:
    settings = parse_sparsity({"method": method, "target": 0.75})
    model = network()
    sizes = {row.layer: row.weights for row in coverage(model, settings)}
    assert reachable_zeros(coverage(model, settings), settings, 0.75) == 218  # of 290
    for (name, kept), short in zip(by_layer(sizes, 0.75).items(), (0, 0, lacks, 0), strict=True):
        flat = np.zeros(sizes[name], np.float32)
        flat[: kept + short] = 1
        kernel = model.get_layer(name).kernel
        kernel.assign(flat.reshape(kernel.shape))
    if method == "tfmot_magnitude" and lacks == 1:
        assert check_target(model, settings, 0.75).startswith("of 75 % zeros in the pruned layers 74.82 %, 217 of 290")
    else:
        with pytest.raises(BudgetError, match=f"218 of 290 weights. Received: {218 - lacks}, .* points too few"):
            check_target(model, settings, 0.75)


def test_tfmot_makes_as_many_zeros_as_asked_for() -> None:
    settings = parse_sparsity({"method": "tfmot_magnitude", "target": 0.71})
    model = wrap_for_pruning(network(), settings, Round(0.71, 1, 0.0, 1.0).ramp(4))
    for layer in model.layers[1:]:
        layer.pruning_step.assign(3)
        layer.pruning_obj.conditional_mask_update()
        layer.pruning_obj.weight_mask_op()
    assert check_target(strip_pruning(model), settings, 0.71) == ""
