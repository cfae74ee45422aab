"""What every method of sparse training must obey: one contract for TFMOT's and ours."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from kws_tfmot.errors import RecipeError
from kws_tfmot.keras import keras, seed_everything
from kws_tfmot.models import ModelSettings, build_model
from kws_tfmot.sparsity.coverage import Coverage, coverage
from kws_tfmot.sparsity.group import parse_sparsity
from kws_tfmot.sparsity.method_registry import SparseTraining, prepare_training
from kws_tfmot.sparsity.shrink.shrink import shrink
from kws_tfmot.sparsity.sparsity_settings import METHODS, MaskRegrowth, SparsitySettings
from kws_tfmot.sparsity.survival import as_tflite, match_zeros
from kws_tfmot.sparsity.zero_counts import zeros_per_layer
from kws_tfmot.tflite.convert import convert
from kws_tfmot.tflite.inspect import zero_masks
from kws_tfmot.training import TrainSettings
from kws_tfmot.training.epoch_features import ArraySource
from kws_tfmot.training.loop import Plugins, train
from tests.resuming import copies

SHAPE, CLASSES, BATCH, STEPS = (12, 8), 4, 25, 8
ONE_TRAINING = [method for method in METHODS if method != "iterative"]
CASES = [
    *({"method": method} for method in ONE_TRAINING),
    {"method": "one_shot", "criterion": "affine", "allocation": "global"},
    {"method": "gradual", "criterion": "affine", "allocation": "layer"},
    {"method": "gradual", "l1": 0.05},
    {"method": "mask_regrowth", "criterion": "deviation"},
    {"method": "csp", "sensing": "weights", "allocation": "layer"},
    {"method": "csp", "sensing": "random", "decay": 1.0},
]


@pytest.fixture(scope="module")
def data() -> tuple[ArraySource, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(250, *SHAPE, 1)).astype(np.float32)
    y = np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, 250)]
    return ArraySource(x[:200], y[:200]), (x[200:], y[200:])


def model(name: str = "ds_cnn") -> keras.Model:
    seed_everything(1)
    return build_model(ModelSettings(name=name, width=16, blocks=1), SHAPE, CLASSES)


class Watch(keras.callbacks.Callback):
    """Notes every method's zeros after each step."""

    def __init__(self, layers: list[str]) -> None:
        super().__init__()
        self.layers, self.masks = layers, []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        network = self.model.network
        names = {layer.name.removeprefix("prune_low_magnitude_"): layer for layer in network.layers}
        kernels = [next(w for w in names[name].weights if "kernel" in w.name) for name in self.layers]
        masks = [next((w for w in names[name].weights if "mask" in w.name), None) for name in self.layers]
        # TFMOT applies its mask at the beginning of the next step.
        self.masks.append(
            [(mask if mask is not None else kernel).numpy() == 0 for mask, kernel in zip(masks, kernels, strict=True)]
        )


def settings_of(case: dict, **changes) -> SparsitySettings:
    common = {"target": 0.75, "epochs": 4, "learning_rate": 0.01}
    ramp = {"frequency": 3} if "frequency" in METHODS[case["method"]].model_fields else {}
    return parse_sparsity(common | ramp | case | changes)


def prepare(data, settings: SparsitySettings, network: keras.Model) -> SparseTraining:
    (plan,) = settings.plan()
    return prepare_training(network, settings, plan, STEPS, data[0].features, seed=1)


def run(data, prepared: SparseTraining, epochs: int, callbacks=(), **arguments) -> keras.Model:
    plugins = Plugins((*prepared.callbacks, *callbacks), (), prepared.after_step, prepared.keep_from_epoch)
    settings = TrainSettings(epochs=epochs, batch_size=BATCH, warmup_epochs=0, learning_rate=0.01)
    train(prepared.network, *data, settings, plugins=plugins, **arguments)
    return prepared.strip(prepared.network)


def sparse(data, settings: SparsitySettings, network: keras.Model, callbacks=(), **arguments) -> keras.Model:
    return run(data, prepare(data, settings, network), settings.epochs, callbacks, **arguments)


def resumable(state: Path, on_epoch) -> dict:
    """What :func:`train` is given to keep its state after every epoch."""
    return {"run_key": "k", "state_path": state, "save_seconds": 0.0, "on_epoch": on_epoch}


@dataclass(frozen=True)
class Trained:
    """What a method made of the model, and what it looked like on the way."""

    settings: SparsitySettings
    before: list[np.ndarray]
    dense: keras.Model
    rows: list[Coverage]
    watch: Watch
    result: keras.Model
    state: Path

    @property
    def pruned(self) -> list[Coverage]:
        return [row for row in self.rows if not row.reason]


def name_of(case: dict) -> str:
    return "-".join(map(str, case.values()))


@pytest.fixture(scope="module")
def kept() -> dict[str, Trained]:
    """What was trained already; a fixture with parameters would be made anew whenever the tests change between them."""
    return {}


@pytest.fixture(params=CASES, ids=name_of)
def trained(
    request: pytest.FixtureRequest, data, kept: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """One whole training a case, for all that the contract says about it."""
    name = name_of(request.param)
    if name not in kept:
        settings, network = settings_of(request.param), model()
        before, rows = network.get_weights(), coverage(network, settings)
        watch = Watch([row.layer for row in rows if not row.reason])
        folder = tmp_path_factory.mktemp("states")
        state, half = folder / "state.npz", folder / "half.npz"
        result = sparse(data, settings, network, [watch], **resumable(state, copies(state, half, epoch=1)))
        kept[name] = Trained(settings, before, network, rows, watch, result, half)
    return kept[name]


def test_the_target_is_met_and_zeros_are_held(trained: Trained) -> None:
    settings, pruned = trained.settings, trained.pruned
    zeros = zeros_per_layer(trained.result)
    if settings.resolved_allocation == "layer":
        for row in pruned:
            assert zeros[row.layer][0] == pytest.approx(0.75 * row.weights, abs=1)
    total = sum(zeros[row.layer][0] for row in pruned)
    assert total >= 0.75 * sum(row.weights for row in pruned)
    assert total == pytest.approx(0.75 * sum(row.weights for row in pruned), abs=len(pruned))
    assert [row.layer for row in trained.rows if row.reason] == ["block1_depthwise"]
    assert zeros["block1_depthwise"][0] == 0
    masks = trained.watch.masks
    shares = [sum(mask.sum() for mask in step) for step in masks]
    # under the L1 norm weights touch zero and return, until masks are final
    if not getattr(settings, "l1", 0) and not isinstance(settings, MaskRegrowth):
        assert shares == sorted(shares)
    (plan,) = settings.plan()
    final = masks[plan.ramp(STEPS).final :]
    assert len(final) >= 3
    for mask, last in zip(final[1], final[-1], strict=True):
        np.testing.assert_array_equal(mask, last)


def _kernel_zeros(network: keras.Model) -> dict[str, np.ndarray]:
    """Where the zeros of every kernel are, in the layout of a TFLite file."""
    return {
        layer.name: as_tflite(kernel.numpy() == 0, hasattr(layer, "depthwise_kernel"))
        for layer in network.layers
        if (kernel := getattr(layer, "depthwise_kernel", getattr(layer, "kernel", None))) is not None
    }


def test_zeros_survive_conversion_layer_by_layer(trained: Trained, data) -> None:
    int8 = convert(trained.result, "int8", data[1][0], input_quantization=(0.05, 0))
    for row in match_zeros(_kernel_zeros(trained.result), zero_masks(int8)):
        assert not row.lost
        assert row.zeros >= row.keras_zeros


# TFMOT's state, a mask alone, weights behind it that return, statistics: the other cases hold no other.
@pytest.mark.parametrize(
    "trained",
    [{"method": method} for method in ("tfmot_magnitude", "l1", "csp")]
    + [case for case in CASES if case["method"] == "mask_regrowth" and len(case) > 1],
    ids=name_of,
    indirect=True,
)
def test_a_training_goes_on_from_its_state_bit_for_bit(trained: Trained, data, tmp_path: Path) -> None:
    again: list[int] = []
    state = Path(shutil.copyfile(trained.state, tmp_path / "state.npz"))
    prepared = prepare(data, trained.settings, model())
    resumed = run(data, prepared, 4, **resumable(state, lambda epoch, _: again.append(epoch)))
    assert again == [2, 3]
    for left, right in zip(trained.result.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_the_dense_model_is_left_alone(trained: Trained) -> None:
    for old, new in zip(trained.before, trained.dense.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def some_of(*methods: str) -> pytest.MarkDecorator:
    """``methods``, and the others, whose masks are made by the same functions, among the slow tests."""
    return pytest.mark.parametrize(
        "method", [pytest.param(name, marks=() if name in methods else pytest.mark.slow) for name in ONE_TRAINING]
    )


@some_of("tfmot_magnitude", "one_shot")
def test_n_of_m_keeps_n_of_every_group_along_the_inputs(data, method: str) -> None:
    result = sparse(data, settings_of({"method": method}, pattern="2:4", target=0.5, epochs=2), model())
    kernel = result.get_layer("block1_pointwise").kernel.numpy()[0, 0]
    np.testing.assert_array_equal(np.count_nonzero(kernel.reshape(4, 4, 16), axis=1), 2)


@some_of("tfmot_magnitude", "gradual")
def test_blocks_live_and_die_as_a_whole(data, method: str) -> None:
    settings = settings_of({"method": method}, pattern="1x4", epochs=2)
    result, notes = sparse(data, settings, model()), {row.layer: row.note for row in coverage(model(), settings)}
    kernel = result.get_layer("classifier").kernel.numpy()
    assert set(np.unique(np.count_nonzero(kernel.reshape(-1, 4, CLASSES), axis=1))) == {0, 4}
    for layer, shape in (("conv", (10, 4, 16)), ("block1_pointwise", (4, 4, 16))):
        kept = np.count_nonzero(result.get_layer(layer).kernel.numpy().reshape(shape), axis=1)
        if method == "tfmot_magnitude":
            assert notes[layer] == "unstructured: TFMOT prunes blocks in fully connected kernels only"
            assert set(np.unique(kept)) != {0, 4}
        else:
            assert notes[layer] == ""
            assert set(np.unique(kept)) == {0, 4}


def test_rounds_begin_where_the_last_one_ended(data) -> None:
    settings = settings_of({"method": "iterative"}, rounds=2, target=0.875, epochs=2)
    network, dead = model(), None
    for plan in settings.plan():
        prepared = prepare_training(network, settings, plan, STEPS, data[0].features, seed=1)
        network = run(data, prepared, plan.epochs)
        zeros = {layer.name: layer.kernel.numpy() == 0 for layer in network.layers if hasattr(layer, "kernel")}
        if dead is not None:
            assert all(np.all(zeros[name][mask]) for name, mask in dead.items())
        dead = zeros
    counts = zeros_per_layer(network)
    pruned = [row for row in coverage(network, settings) if not row.reason]
    assert sum(counts[r.layer][0] for r in pruned) == pytest.approx(0.875 * sum(r.weights for r in pruned), abs=3)


def test_a_criterion_without_clips_is_refused() -> None:
    settings = settings_of({"method": "csp"})
    with pytest.raises(RecipeError, match="there are no clips to look at"):
        prepare_training(model(), settings, settings.plan()[0], STEPS, None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "mask_regrowht"}, "Did you mean 'mask_regrowth'"),
        (
            {"method": "tfmot_magnitude", "criterion": "affine"},
            "has no criterion, which one_shot, l1, gradual, iterative, mask_regrowth take. It takes begin",
        ),
        ({"method": "csp", "pattern": "2:4", "target": 0.75}, "set sparsity.target=0.5"),
        ({"method": "csp", "pattern": "2:4", "target": 0.5, "allocation": "global"}, "set sparsity.allocation=layer"),
        ({"method": "csp", "schedule": "rounds"}, "method=csp has no schedule: the method says it"),
        ({"method": "csp", "max_accuracy_drop": 0.01}, "has no max_accuracy_drop, which iterative takes"),
        ({"method": "iterative", "epochs": 3}, "an epoch for each of 4 rounds"),
        ({"method": "iterative", "pattern": "2:4", "target": 0.5}, "rounds need several"),
        ({"pattern": "1x4", "shrink": True}, "removing units breaks the groups of the pattern 1x4"),
        ({"pattern": "3:2"}, "expected N:M with 0 < N < M"),
        ({"method": "gradual", "freeze": 0.8}, "has no freeze, which mask_regrowth, csp take"),
        ({"method": "gradual", "returns": True}, "pruned weights return with mask_regrowth"),
        ({"method": "csp", "end": 0.5, "freeze": 0.4}, "expected end <= freeze, got end=0.5 and freeze=0.4"),
        ({"method": "l1", "decay": 1.0}, "method=l1 has no decay"),
    ],
)
def test_impossible_recipes_are_refused(values: dict, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_sparsity(values)


def test_between_end_and_freeze_the_target_stands_and_weights_change_places(data) -> None:
    case = {"method": "mask_regrowth", "allocation": "layer"}
    settings = settings_of(case, end=0.2, freeze=0.7, epochs=6)
    (plan,) = settings.plan()
    ramp = plan.ramp(STEPS)
    network = model()
    watch = Watch([row.layer for row in coverage(network, settings) if not row.reason])
    sparse(data, settings, network, [watch])
    masks = [np.concatenate([mask.ravel() for mask in step]) for step in watch.masks]
    assert ramp.end < ramp.final < len(masks) - 1
    between, fixed = masks[ramp.end : ramp.final], masks[ramp.final :]
    assert {int(mask.sum()) for mask in between} == {int(fixed[0].sum())}
    assert any((mask != between[0]).any() for mask in between[1:])
    assert all((mask == fixed[0]).all() for mask in fixed[1:])


@pytest.mark.parametrize("name", ["dnn", "ds_cnn"])
def test_units_that_died_can_all_be_removed(data, name: str) -> None:
    settings = settings_of(
        {"method": "gradual", "criterion": "affine"}, target=0.95, floor=0.0, shrink=True, frequency=5
    )
    result = sparse(data, settings, model(name))
    smaller, sizes = shrink(result)
    np.testing.assert_allclose(smaller(data[1][0]).numpy(), result(data[1][0]).numpy(), atol=1e-5)
    assert any(size.units_after < size.units_before for size in sizes)
    for layer in smaller.layers:  # nothing dead is left
        if layer.name in ("dense2", "block1_pointwise"):
            kernel = layer.kernel.numpy().reshape(-1, layer.kernel.shape[-1])
            assert kernel.any(axis=0).all() or kernel.shape[1] == 1
