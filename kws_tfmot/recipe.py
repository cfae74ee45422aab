"""The recipe: one frozen, validated configuration of a whole build. YAML in, YAML out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml

from kws_tfmot.contract import ModelContract
from kws_tfmot.data.data_settings import AugmentSettings, DataSettings, SplitSettings
from kws_tfmot.data.labels import SILENCE, UNKNOWN
from kws_tfmot.detection.detection_settings import DetectionSettings
from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.frontend.frontend_settings import FrontendSettings
from kws_tfmot.kinds import received
from kws_tfmot.models.model_settings import ModelSettings
from kws_tfmot.quantization.quantization_settings import QuantizationSettings
from kws_tfmot.search.cells.cell_search_settings import CellSearchSettings
from kws_tfmot.search.omni.omni_settings import OmniSettings
from kws_tfmot.settings import FolderName, Settings, no_text
from kws_tfmot.sparsity.group import RecipeSparsity, with_method
from kws_tfmot.training.stream_settings import StreamTrainSettings
from kws_tfmot.training.training_settings import TrainSettings, fitting_warmup
from kws_tfmot.yaml_reader import is_unclear, read_yaml, read_yaml_file

FileKind = Literal["float32", "int16x8", "sparse_float32", "sparse_int8"]


class ConvertSettings(Settings):
    """Which files a build writes besides ``model_int8.tflite``.

    Attributes:
        also: More formats for desktop use; sparse-encoded ones are never exported to a device.
        softmax: ``drop`` ends the graph at the logits (their order is that of the probabilities), where TFLM and
            LiteRT agree on every byte; ``keep`` leaves the softmax in, where they may differ by one.
    """

    also: tuple[FileKind, ...] = ("float32",)
    softmax: Literal["drop", "keep"] = "drop"


class ExportSettings(Settings):
    """The C code a build writes.

    Attributes:
        targets: ``tflm`` writes the model as a C array for TensorFlow Lite Micro, with its settings and op resolver;
            ``engine`` writes it as C code with kernels of its own, which neither store nor multiply zeros.
        optimise: What the engine's encodings are chosen for.
        core: Whose cycles decide them; the code runs on every core.
        name: Prefix of every C identifier of the ``tflm`` target.
    """

    targets: tuple[Literal["tflm", "engine"], ...] = pydantic.Field(default=("tflm", "engine"), min_length=1)
    optimise: Literal["balanced", "speed", "size"] = "balanced"
    core: Literal[
        "cortex-m0", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "cortex-m85"
    ] = "cortex-m4"
    name: str = pydantic.Field(default="kws_model", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")


class Recipe(Settings):
    """Everything that decides what a build makes, apart from the clips themselves.

    Attributes:
        name: Names the run in reports and tables.
        seed: What is drawn at random follows from it: weights, epochs, calibration clips.
        data: The classes, and which clips train, validate and test.
        frontend: Samples to features, and with them the rate and length of clips.
        augment: How training clips are varied.
        model: The network.
        train: The dense training.
        streams: Training on composed streams in place of ``train``, for a detector.
        sparsity: Which weights become zero; null leaves all.
        quantization: How the network becomes int8, or fewer bits.
        convert: Which files are written.
        export: The C code.
        detection: From scores to detections.
        omni: A supernet's training.
        search: A search for the network's cells.
    """

    name: FolderName = "kws"
    seed: int = pydantic.Field(default=1, ge=0, lt=1 << 32)
    data: SplitSettings = SplitSettings()
    frontend: FrontendSettings = FrontendSettings()
    augment: AugmentSettings = AugmentSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    streams: StreamTrainSettings | None = None
    sparsity: RecipeSparsity | None = None
    quantization: QuantizationSettings = QuantizationSettings()
    convert: ConvertSettings = ConvertSettings()
    export: ExportSettings = ExportSettings()
    detection: DetectionSettings = DetectionSettings()
    omni: OmniSettings | None = None
    search: CellSearchSettings | None = None

    @pydantic.model_validator(mode="after")
    def _parts_agree(self) -> Recipe:
        rate, length = self.frontend.sample_rate, self.frontend.clip_ms
        if not 100 <= length <= 10_000:
            raise ValueError(f"frontend.clip_ms: expected clips of 100 to 10000 ms. Received: {length}")
        DataSettings.of(self.data, rate, length)
        if self.quantization.low_bit and "sparse_int8" in self.convert.also:
            raise ValueError("convert.also=[sparse_int8] cannot hold the levels of quantization.low_bit; leave it out")
        if self.sparsity and self.quantization.clusters == 2:
            raise ValueError("quantization.clusters=2 leaves one value beside zero; a sparse network needs 3 or more")
        preserve = self.quantization.preserve
        if self.sparsity and self.quantization.mode == "qat" and preserve in ("nothing", "clusters"):
            raise ValueError(
                f"quantization.preserve={preserve} would lose the zeros that sparsity makes; "
                "set quantization.preserve=auto, or sparsity=null"
            )
        if self.search and self.model.weights:
            raise ValueError("search trains every network from scratch: leave out model.weights")
        for word in self.detection.thresholds:
            if word not in self.data.keywords:
                raise ValueError(f"detection.thresholds names {word!r}, which is none of data.keywords")
        return self

    @pydantic.model_validator(mode="before")
    @classmethod
    def _clips_belong_to_the_front_end(cls, values: Any) -> Any:
        """Rate and length of clips stood under ``data`` as well once, and had to be equal."""
        data, front = (values.get(name) for name in ("data", "frontend")) if isinstance(values, dict) else (None, None)
        if not isinstance(data, dict) or not isinstance(front, dict | None):
            return values
        once = {key: data[key] for key in ("sample_rate", "clip_ms") if key in data}
        for key, value in once.items():
            if front and front.get(key, value) != value:
                raise ValueError(
                    f"data.{key}={value} and frontend.{key}={front[key]} differ; leave data.{key} out, "
                    f"frontend.{key} alone says it"
                )
        own = {key: value for key, value in data.items() if key not in once}
        return values | {"data": own, "frontend": (front or {}) | once} if once else values

    @property
    def clips(self) -> DataSettings:
        """Classes, splits, and the rate and length of the clips that the front end takes."""
        return DataSettings.of(self.data, self.frontend.sample_rate, self.frontend.clip_ms)

    def contract(self) -> ModelContract:
        """What whatever this recipe builds promises: its labels, front end, splits and detector."""
        labels = (*self.data.keywords, UNKNOWN, SILENCE)
        return ModelContract(labels, self.frontend, self.data, self.detection, streams=self.streams is not None)

    def to_yaml(self) -> str:
        """The recipe with every default written out, in the order of the fields."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_recipe(path: str | Path, overrides: list[str] | tuple[str, ...] = ()) -> Recipe:
    """Read a recipe and apply ``key=value`` overrides with dotted keys.

    Args:
        path: A YAML file.
        overrides: For example ``["sparsity.target=0.9", "sparsity=null"]``; values are YAML.

    Raises:
        RecipeError: If the file is missing, is no YAML mapping, or a key or value is not allowed.
    """
    values = recipe_values(path)
    for override in overrides:
        apply_override(values, override)
    _shrink(values, {override.partition("=")[0].strip() for override in overrides})
    return Recipe.parse(values)


def check_is_recipe(values: dict[str, Any], path: str | Path) -> None:
    """Refuse the ``values`` of a comparison or a sweep, which name a recipe and what to try with it.

    Raises:
        RecipeError: It says which command takes the file.
    """
    if "recipe" in values:
        command = "sweep" if values.keys() & {"parameters", "samples", "early_stopping", "dense_first"} else "compare"
        raise RecipeError(
            f"expected a recipe. Received: {str(path)!r}, which names one and what to try with it",
            f"`kws {command}` takes it.",
        )


def _shrink(values: dict[str, Any], overridden: set[str]) -> None:
    """Let what a recipe writes out follow an override that makes the training shorter: its warm-up."""
    train = values.get("train")
    if isinstance(train, dict) and "train.epochs" in overridden and "train.warmup_epochs" not in overridden:
        train |= fitting_warmup(train.get("epochs"), train.get("warmup_epochs"))


def recipe_values(path: str | Path) -> dict[str, Any]:
    """Keys and values of a recipe on top of those of the recipe that it names as ``base``, which may have one too.

    Raises:
        RecipeError: As :func:`read_values` and :func:`check_is_recipe`; or a recipe is its own base, by others or at
            once.
    """
    path = find_recipe(path)
    values, seen = _recipe_alone(path), [path.resolve()]
    while (base := values.pop("base", None)) is not None:
        if not isinstance(base, str) or not base or no_text(base):
            raise RecipeError(f"{path}: base is the path or the name of a recipe. Received: {base!r}")
        path = find_recipe(base, path.parent)
        below = _recipe_alone(path)
        if path.resolve() in seen:  # asked of a file that was read: a link to itself has no such path
            raise RecipeError(f"{path} is its own base.", f"Take `base: {base}` out of one of these recipes.")
        seen.append(path.resolve())
        values = merge(below, values)
    return values


def _recipe_alone(path: Path) -> dict[str, Any]:
    values = read_values(path)
    check_is_recipe(values, path)
    return values


def read_values(path: str | Path) -> dict[str, Any]:
    """Keys and values of a YAML file as they are there.

    Raises:
        RecipeError: If the file is missing or is no YAML mapping.
    """
    path = find_recipe(path)
    if other := received(path, "a recipe"):
        raise RecipeError(*other)
    if not path.is_file():
        names = [Path(shipped).stem for shipped in shipped_recipes()]
        guess = did_you_mean(path.stem, names)
        raise RecipeError(f"there is no recipe at {path}.{guess}", f"Shipped recipes: {', '.join(shipped_recipes())}.")
    values = read_yaml_file(path, "Compare it with a recipe in recipes/.")
    if values is None:  # what a full disk leaves of a file, and then every default would be built
        raise RecipeError(f"{path} holds nothing.", "Write the settings into it; {} means every default.")
    if not isinstance(values, dict):
        raise RecipeError(f"{path} holds {type(values).__name__}, expected a mapping of settings.")
    return values


def find_recipe(name: str | Path, folder: Path = Path()) -> Path:
    """The file that ``name`` means: a path relative to ``folder``, else the name of a recipe that ships."""
    name = Path(name)
    here, shipped = folder / name, _shipped_folder() / f"{name}.yaml"
    return shipped if name.suffix == "" and not here.exists() and shipped.is_file() else here


def shipped_recipes() -> list[str]:
    """Paths of the recipes that ship, relative to the clone; an installed package has them too, by their names."""
    return sorted(f"recipes/{path.name}" for path in _shipped_folder().glob("*.yaml"))


def _shipped_folder() -> Path:
    """In the package where it is installed from a wheel (see ``setup.py``), else beside the packages of the clone."""
    package = Path(__file__).resolve().parent
    installed = package / "recipes"
    return installed if installed.is_dir() else package.parent / "recipes"


def apply_override(values: dict[str, Any], override: str) -> None:
    """Change ``values`` as ``key=value`` says: dotted keys, the value in YAML.

    With another ``sparsity.method`` the settings that only the former one has are dropped.

    Raises:
        RecipeError: If it is not of that form, or a part of the key is a value, not a group.
    """
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise RecipeError(f"expected key=value. Received: {override!r}", "For example: --set sparsity.target=0.9")
    as_text = f"As text: --set '{key}=\"{text.strip()}\"'." if is_unclear(text) else ""
    value = read_yaml(text, f"the value of {key!r}, {text[:80]!r},", as_text)
    *parents, last = key.strip().split(".")
    here = values
    for part in parents:
        if here.get(part) is None:
            here[part] = {}
        here = here[part]
        if not isinstance(here, dict):
            raise RecipeError(
                f"cannot set {key!r}: {part!r} is a value, not a group of settings.", "See `kws recipes show`."
            )
    if key.strip() == "sparsity.method":
        own, change = with_method(here, {last: value})
        values["sparsity"] = own | change
    else:
        here[last] = value


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes``: groups are merged key by key, everything else is replaced.

    >>> merge({"train": {"epochs": 5, "batch_size": 9}, "sparsity": {"target": 0.5}},
    ...       {"train": {"epochs": 2}, "sparsity": None})
    {'train': {'epochs': 2, 'batch_size': 9}, 'sparsity': None}

    With another ``sparsity.method`` the settings that only the former one has are dropped.
    """
    own, other = base.get("sparsity"), changes.get("sparsity")
    if isinstance(own, dict) and isinstance(other, dict) and "method" in other:
        own, other = with_method(own, other)
        base, changes = base | {"sparsity": own}, changes | {"sparsity": other}
    result = dict(base)
    for key, change in changes.items():
        here = result.get(key)
        result[key] = merge(here, change) if isinstance(here, dict) and isinstance(change, dict) else change
    return result
