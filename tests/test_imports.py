"""Imports run one way, as CONTRIBUTING draws it: no circles between modules, no package imports one further right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.conftest import ROOT

# From what imports nothing to what imports all. A name is a module or a package with all below it.
ORDER = """
kws_tfmot.errors kws_tfmot.lazy kws_tfmot.damage kws_tfmot.kinds kws_tfmot.progress kws_tfmot.files
kws_tfmot.array_files kws_tfmot.settings
kws_tfmot.keras kws_tfmot.tfmot
kws_tfmot.yaml_reader kws_tfmot.json_reader kws_tfmot.cache kws_tfmot.spare_cache kws_tfmot.source_changes
kws_tfmot.jobs kws_tfmot.provenance kws_tfmot.source_digest kws_tfmot.runs kws_tfmot.zoo kws_tfmot.host_library
kws_tfmot.frontend kws_tfmot.data kws_tfmot.models kws_tfmot.sparsity kws_tfmot.training kws_tfmot.quantization
kws_tfmot.search kws_tfmot.tflite kws_tfmot.detection kws_tfmot.manifest kws_tfmot.contract kws_tfmot.adapt
kws_tfmot.recipe kws_tfmot.evaluation kws_tfmot.api kws_tfmot
firmware_export.boards firmware_export.encodings firmware_export.time_rules firmware_export.ir firmware_export.codegen
firmware_export.operators firmware_export.lowering firmware_export.streaming firmware_export.engine
firmware_export.streaming_summary firmware_export.tflm firmware_export.graphs firmware_export.emulation
firmware_export.search_costs firmware_export.packages firmware_export.browser firmware_export
pipelines.stages pipelines pipelines.experiments
""".split()  # noqa: SIM905 - a list of sixty quoted words reads worse


IMPORT = re.compile(r"^ *from ((?:kws_tfmot|firmware_export|pipelines)[\w.]*) import (\([^)]*\)|[^\n(]*)", re.MULTILINE)
FOR_TYPES = re.compile(r"^if TYPE_CHECKING:\n(?: .*\n|\n)*", re.MULTILINE)


def sources() -> dict[str, str]:
    """The text of every module of the three packages, by its dotted name."""
    paths = (path for top in ("kws_tfmot", "firmware_export", "pipelines") for path in (ROOT / top).rglob("*.py"))
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path.read_text("utf-8")
        for path in paths
    }


def imported(text: str, known: Container[str]) -> Iterator[str]:
    """The modules that a module imports, in functions too, but for types alone."""
    for package, names in IMPORT.findall(FOR_TYPES.sub("", text)):
        for name in re.findall(r"\w+(?: as \w+)?", names.split("#")[0] if "(" not in names else names):
            whole = f"{package}.{name.split()[0]}"
            yield whole if whole in known else package


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    known = sources()
    return {name: set(imported(text, known)) - {name} for name, text in known.items()}


def place(module: str) -> int:
    while module not in ORDER:
        module = module.rpartition(".")[0]
    return ORDER.index(module)


def test_no_module_imports_itself_by_others(graph) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_no_package_imports_one_further_right(graph) -> None:
    wrong = [f"{name} imports {other}" for name, own in graph.items() for other in own if place(other) > place(name)]
    # The package's own names, __version__ above all, may be taken by whatever is in it.
    assert [text for text in wrong if text.rpartition(" ")[2] not in ("kws_tfmot", "firmware_export")] == []


def test_the_graph_is_that_of_the_files(graph) -> None:
    assert "kws_tfmot.errors" in graph["kws_tfmot.data.prepare"]
    assert "firmware_export.operators.kernels.append" in graph["firmware_export.streaming.plan"]


def test_no_two_files_have_one_name() -> None:
    """But for a command, its stage and what it calls: ``pipelines/build.py`` runs ``pipelines/stages/build.py``."""
    paths = [path for top in ("kws_tfmot", "firmware_export") for path in (ROOT / top).rglob("*.py")]
    paths += [path for folder in ("experiments", "stages/sweep") for path in (ROOT / "pipelines" / folder).glob("*.py")]
    names = Counter(path.name for path in paths if path.name != "__init__.py")
    # A Keras layer and the operator that it becomes; users' code imports the layer from its module.
    assert {name for name, count in names.items() if count > 1} == {"hard_swish.py"}
