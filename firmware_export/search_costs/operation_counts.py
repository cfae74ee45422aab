"""The measurements under the cost table of a search space: layers counted, small networks linked, kept on disk.

Layers of equal shape cost the same wherever they are, so the layers of all operations are counted in a few models:
one for each expansion and map, of at most six layers each. A measurement is kept under everything that decides it:
engine, compiler, emulator, board and shape.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.boards import BOARDS, Board, board_of
from firmware_export.emulation.emulator import EMULATOR, PLUGIN_FILES, run_engine
from firmware_export.emulation.firmware_build import COMPILER, require
from firmware_export.emulation.tools import version_of
from firmware_export.engine import Engine, build, engine_sources
from firmware_export.graphs.mbconv_graph import cell_layers_model, mbconv_model
from kws_tfmot.errors import ToolchainError
from kws_tfmot.files import cache_root, json_text, sha256_bytes
from kws_tfmot.models.mbconv_cells import Cell
from kws_tfmot.search.cells.cell_space import CellSpace
from kws_tfmot.spare_cache import keep, kept_json

DENSE = ("dense",)
COUNTED = ("instructions", "cycles")
_LINKED = (8, 8, 1)  # widths and cells of the networks that are linked to learn the size of code
_LINKED_ROWS = 9
_COMPILER = Path(__file__).parent.parent


@dataclass(frozen=True)
class Linked:
    """A firmware: bytes of flash without the constants of its layers, of static data without the arena, of stack."""

    code: int
    data: int
    stack: int


class Measurements:
    """What was and is measured on one board.

    Args:
        board: Name of an emulated board.
        folder: Where measurements are kept; in the cache by default.
    """

    def __init__(self, board: str, folder: Path | None = None) -> None:
        self.board = board_of(board)
        self._folder = folder or cache_root() / "operations"
        self._identity = ""
        self._known: dict[str, Any] = {}

    def cell_layers(
        self, space: CellSpace, expansion: int, first: bool, unit: str = COUNTED[0]
    ) -> dict[tuple[str, int], int]:
        """Instructions or cycles of ``(kind, kernel)`` for the cells of one expansion (:func:`cell_layers_model`)."""
        what = {"layers": [space.maps, space.width], "expansion": expansion, "first": first}
        place = "the first cell" if first else "the other cells"

        def measure() -> list[list[Any]]:
            """Rows ``[kind, kernel, counts...]``, an operation each, from one emulated model."""
            model, keys = cell_layers_model(space, expansion, first)
            counts = self._count(model, f"operations with expansion {expansion} of {place}")
            return [[*key, *counts[number]] for number, key in enumerate(keys)]

        at = COUNTED.index(unit)
        return {(kind, kernel): counts[at] for kind, kernel, *counts in self._kept(what, measure)}

    def ends(self, space: CellSpace, unit: str = COUNTED[0]) -> int:
        """Instructions or cycles of everything but the cells: first convolution, mix, pooling and classifier."""

        def measure() -> list[int]:
            """Counts of what a network has beside its cells: all operators of a network of one cell but that cell's."""
            counts = self._count(mbconv_model(space, [Cell(3, 1)]), "what is not in a cell")
            cells = (1, 2)  # the one cell's two operators
            return [sum(row[i] for n, row in counts.items() if n not in cells) for i in range(len(COUNTED))]

        kept = self._kept({"ends": [space.input_shape, space.width, space.mix, space.classes]}, measure)
        return int(kept[COUNTED.index(unit)])

    def linked(self, cells: Sequence[Cell | None], columns: int) -> Linked:
        """Code, static data and stack of a small network with these cells on planes of so many columns."""

        def measure() -> dict[str, int]:
            """Bytes of flash and RAM beside constants and arena, and of the stack, of a linked image."""
            engine = build(mbconv_model(CellSpace(*_LINKED, (_LINKED_ROWS, columns), 2), cells), encodings=DENSE)
            size, _, stack, _ = run_engine(self.board, engine, _inputs(engine))
            return asdict(Linked(size.flash - engine.constant_bytes, size.ram - engine.plan.arena, stack))

        return Linked(**self._kept({"linked": [str(cell) for cell in cells], "columns": columns}, measure))

    def _count(self, model: bytes, what: str) -> dict[int, tuple[int, int]]:
        """Instructions and modelled cycles (the middle of their range) of each operator of a model."""
        engine = build(model, encodings=DENSE)
        try:
            spans = run_engine(self.board, engine, _inputs(engine))[1].spent()
        except ToolchainError as err:
            raise ToolchainError(
                f"{what} cannot be counted on {self.board.name}: {err.message}",
                f"Search with fewer channels, for another board ({', '.join(BOARDS)}), or by macs.",
            ) from None
        spent: dict[int, tuple[int, int]] = {}
        middles = spans.cycles(self.board.timings[0]).sum(axis=1) // 2
        for call, count, cycles in zip(engine.calls, spans.instructions.tolist(), middles.tolist(), strict=True):
            if call.label.split()[0].isdigit():  # else the input brought into planes, which no network has there
                number = int(call.label.split()[0])
                before = spent.get(number, (0, 0))
                spent[number] = (before[0] + count, before[1] + cycles)
        return spent

    def _kept(self, what: dict[str, Any], measure: Callable[[], Any]) -> Any:
        """``measure()``, or what it gave before."""
        text = json.dumps(what, sort_keys=True)
        if text not in self._known:
            self._identity = self._identity or identity(self.board)
            path = self._folder / f"{sha256_bytes((self._identity + text).encode())[:32]}.json"
            found = kept_json(path)
            if found is None:
                made = json_text(measure())
                keep(path, made.encode("utf-8"))
                found = json.loads(made)
            self._known[text] = found
        return self._known[text]


def _inputs(engine: Engine) -> np.ndarray:
    layout = engine.program.values[engine.program.input].layout
    return np.random.default_rng(0).integers(-128, 128, (1, layout.elements)).astype(np.int8)


def identity(board: Board) -> str:
    """SHA-256 of everything but the model that decides a count: engine, board, compiler and emulator.

    Raises:
        ToolchainError: If compiler or emulator is missing.
    """
    try:
        tools = [version_of(require(tool)) for tool in (COMPILER, EMULATOR)]
    except ToolchainError as err:
        raise ToolchainError(
            f"instructions, flash and RAM are measured with {COMPILER} and {EMULATOR}: {err.message}",
            f"{err.hint}. A cost in macs needs neither.",
        ) from None
    return sha256_bytes("\n".join([_engine_digest(), repr(board), *tools]).encode())


@functools.cache
def _engine_digest() -> str:
    files = [
        *_COMPILER.rglob("*.py"),
        *engine_sources(),
        *(_COMPILER / "boards").glob("*.*"),
        *PLUGIN_FILES.glob("*.[ch]"),
    ]
    files = [path for path in files if path.is_file() and not path.stem.startswith(_OTHERS)]
    return sha256_bytes("".join(sha256_bytes(path.read_bytes()) for path in sorted(files)).encode())


# files of this folder that decide no count
_OTHERS = (
    "bench",
    "cell_search",
    "choice",
    "decode",
    "device_report",
    "operation_",
    "readme",
    "search_",
    "stage",
    "subnet_",
    "tflm_",
)
