"""What any sub-network of a supernet costs on a board, fast enough for a search and close to what the emulator says.

A layer's int8 weights at one sparsity do not depend on the other layers' sparsities. So the int8 files of the uniform
sub-networks, one for each level, hold every layer at every level, and a configuration is put together of them:

    bytes, MACs     exact sums of the encoded layers
    flash           sums, and the code of each set of kernels, compiled and linked once
    instructions,
    cycles          sums of what each layer took in the emulator, counted once for each level and encoding in use

What the sum leaves out (the file's own scales, a pass that limits an activation) is small; the file that is shipped is
emulated whole in the end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from firmware_export.boards import board_of
from firmware_export.codegen.memory_plan import plan_memory
from firmware_export.emulation.cycles import Cycles
from firmware_export.emulation.elf import footprint
from firmware_export.emulation.emulator import emulate, plugin_digest
from firmware_export.emulation.firmware_build import PROBE, build_firmware
from firmware_export.encodings import ENCODINGS
from firmware_export.encodings.core_costs import CODE, DEFAULT_CORE, core_of
from firmware_export.encodings.cost_model import TILT, Estimate, estimate
from firmware_export.engine import Engine, assemble, engine_sources, for_core
from firmware_export.ir import Layer, Program
from firmware_export.lowering.lower import lower
from firmware_export.operators.kernels.convolution import Convolution
from kws_tfmot.files import sha256_bytes, write_json
from kws_tfmot.json_reader import read_json
from kws_tfmot.tflite.reader import read_model

MAX_ENCODINGS = 4  # kinds of kernels in one firmware, as the engine's own choice
Levels = tuple[int, ...]
_FORMAT = "2"  # of what is kept of the counts


class _Counted(NamedTuple):
    """A run with one encoding: instructions and cycles of each operator, and bytes of stack."""

    spent: dict[int, tuple[int, int]]
    stack: int


@dataclass(frozen=True)
class _Offers:
    """One layer at one level: for each set of encodings the one it would take (arrays over the sets)."""

    estimates: list[Estimate]
    chosen: np.ndarray  # index into estimates
    bytes: np.ndarray
    cycles: np.ndarray  # estimated
    uses: np.ndarray  # [sets, kinds of kernels]


class SubnetCosts:
    """Costs of the sub-networks of one supernet.

    Args:
        files: The int8 ``.tflite`` of the uniform sub-network of each level.
        layer_of: For each operator with weights that can be sparse, the number of its layer in the search space.
        board: An emulated board; without one only ``weights`` and ``macs`` are known.
        optimise: As for the engine's own choice of encodings.
        cache: Where what was linked and counted is kept between processes.
        progress: Called with what is being measured.
    """

    def __init__(
        self,
        files: Sequence[bytes],
        layer_of: Mapping[int, int],
        board: str | None = None,
        optimise: str = "balanced",
        cache: Path | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._files = list(files)
        self._layer_of = dict(layer_of)
        self._board = board_of(board) if board else None
        self._core = core_of(self._board.core) if self._board else DEFAULT_CORE
        self._tilt = TILT[optimise]
        self._say = progress or (lambda text: None)
        programs = [lower(read_model(data)) for data in self._files]
        for program in programs:
            for_core(program, self._core, optimise)
        self._base = programs[0]
        self._convolutions = [_convolutions(program) for program in programs]
        self._operators = list(self._convolutions[0])
        self._sets = [s for n in range(1, MAX_ENCODINGS + 1) for s in combinations(ENCODINGS, n)]
        self._kinds = [(name, vector) for name in ENCODINGS for vector in (False, True)]
        self._code = np.array([CODE[name] // (2 if vector else 1) for name, vector in self._kinds])
        dense = [_must(estimate("dense", op, self._core)) for op in self._convolutions[0].values()]
        self._base_cycles = sum(e.cycles for e in dense)
        self._base_bytes = sum(e.bytes for e in dense)
        self._offers: dict[tuple[int, int], _Offers] = {}
        self._known: dict[Levels, dict[str, float]] = {}
        self._arenas: dict[tuple[str, ...], int] = {}
        self._fixed: dict[frozenset[str], tuple[int, int]] = {}
        self._counted: dict[tuple[int, str], _Counted] = {}
        self._rest: tuple[int, int, int] | None = None
        engine = assemble(self._base, dense, "")
        self._constants = engine.constant_bytes - self._base_bytes
        self._cache = cache
        self._load()
        self._fixed_macs = sum(
            engine.work(n)[1] for n, layer in enumerate(self._base.layers) if layer.operation.coding == "taps"
        )

    def __call__(self, levels: Levels) -> dict[str, float]:
        """``weights`` (bytes), ``macs``; with a board also ``flash``, ``ram`` (bytes), ``instructions``, ``cycles``."""
        levels = tuple(levels)
        if levels not in self._known:
            self._known[levels] = self._cost(levels)
        return self._known[levels]

    def encodings(self, levels: Levels) -> dict[int, str]:
        """For each operator the encoding that its weights would get."""
        return {op: e.encoding for op, e in zip(self._operators, self._choose(levels), strict=True)}

    def _cost(self, levels: Levels) -> dict[str, float]:
        picked = self._choose(levels)
        data = self._constants + sum(e.bytes for e in picked)
        cost = {"weights": float(data), "macs": float(self._fixed_macs + self._macs(levels))}
        if self._board is None:
            return cost
        code, ram = self._firmware(levels, picked)
        *spent, stack = self._measured_rest()
        for op, e in zip(self._operators, picked, strict=True):
            level = self._level(op, levels)
            counts = self._count(op, level, e.encoding)
            spent = [have + more for have, more in zip(spent, counts, strict=True)]
            stack = max(stack, self._counted[level, e.encoding].stack)  # some kernels take more than the dense ones
        ram += self._arena(tuple(e.encoding for e in picked), picked)
        return (
            cost
            | {"flash": float(code + data), "ram": float(ram + stack)}
            | dict(zip(("instructions", "cycles"), map(float, spent), strict=True))
        )

    def _level(self, operator: int, levels: Levels) -> int:
        return levels[self._layer_of[operator]] if operator in self._layer_of else 0

    def _macs(self, levels: Levels) -> int:
        total = 0
        for operator in self._operators:
            operation = self._convolutions[self._level(operator, levels)][operator]
            total += int(np.count_nonzero(operation.weights)) * operation.window.output.pixels
        return total

    def _choose(self, levels: Levels) -> list[Estimate]:
        """As :func:`firmware_export.encodings.cost_model.choose`, with everything encoded once."""
        offers = [self._offer(op, self._level(op, levels)) for op in self._operators]
        used = np.logical_or.reduce([offer.uses for offer in offers])
        size = np.sum([offer.bytes for offer in offers], axis=0) + used @ self._code
        cycles = np.sum([offer.cycles for offer in offers], axis=0)
        best = int(np.argmin(cycles / self._base_cycles + self._tilt * size / self._base_bytes))
        return [offer.estimates[offer.chosen[best]] for offer in offers]

    def _offer(self, operator: int, level: int) -> _Offers:
        key = (operator, level)
        if key not in self._offers:
            operation = self._convolutions[level][operator]
            estimates = [e for name in ENCODINGS if (e := estimate(name, operation, self._core)) is not None]
            alone = np.array(
                [e.cycles / self._base_cycles + self._tilt * e.bytes / self._base_bytes for e in estimates]
            )
            allowed = np.array([[e.encoding in s for e in estimates] for s in self._sets])
            masked = np.where(allowed, alone, np.inf)
            chosen, possible = masked.argmin(axis=1), allowed.any(axis=1)
            kinds = np.array([[(e.encoding, operation.rowwise) == kind for kind in self._kinds] for e in estimates])
            self._offers[key] = _Offers(
                estimates,
                chosen,
                np.where(possible, np.array([e.bytes for e in estimates], float)[chosen], np.inf),
                np.where(possible, np.array([e.cycles for e in estimates])[chosen], np.inf),
                kinds[chosen],
            )
        return self._offers[key]

    def _engine(self, levels: Levels, picked: list[Estimate]) -> Engine:
        layers: list[Layer] = []
        for layer in self._base.layers:
            if layer.operation.coding == "matrix":
                operator = _operator(layer)
                operation = self._convolutions[self._level(operator, levels)][operator]
                layer = replace(layer, operation=operation)
            layers.append(layer)
        return assemble(replace(self._base, layers=layers), picked, "")

    def _firmware(self, levels: Levels, picked: list[Estimate]) -> tuple[int, int]:
        """Flash without constants, and static RAM without arena, of a firmware with these kernels; linked once."""
        chosen = zip(self._operators, picked, strict=True)
        functions = frozenset[str]().union(
            *(self._convolutions[self._level(op, levels)][op].functions(e.encoding) for op, e in chosen)
        )
        if functions not in self._fixed and self._board:
            self._say(f"linking {', '.join(sorted({e.encoding for e in picked}))} kernels for {self._board.core}")
            engine = self._engine(levels, picked)
            with tempfile.TemporaryDirectory() as folder:
                size = footprint(build_firmware(self._board, engine.files, "infer.c", Path(folder), (PROBE,)))
            self._fixed[functions] = (size.flash - engine.constant_bytes, size.ram - engine.plan.arena)
            self._save()
        return self._fixed[functions]

    def _arena(self, names: tuple[str, ...], picked: list[Estimate]) -> int:
        if names not in self._arenas:
            chosen = iter(picked)
            encoded = [
                (e.encoding, e.encoded) if layer.operation.coding == "matrix" and (e := next(chosen)) else None
                for layer in self._base.layers
            ]
            self._arenas[names] = plan_memory(self._base, encoded).arena
        return self._arenas[names]

    def _count(self, operator: int, level: int, encoding: str) -> tuple[int, int]:
        """Instructions and cycles of one operator, from a run of the uniform file with that encoding where it suits."""
        key = (level, encoding)
        if key not in self._counted:
            self._counted[key] = self._emulate(level, encoding)[0]
            self._save()
        return self._counted[key].spent[operator]

    def _measured_rest(self) -> tuple[int, int, int]:
        """Instructions and cycles of everything that has no encoded weights, and bytes of stack."""
        if self._rest is None:
            counted, total = self._emulate(0, "dense")
            self._counted[0, "dense"] = counted
            spent = counted.spent.values()
            instructions, cycles = (all_ - sum(c[i] for c in spent) for i, all_ in enumerate(total))
            self._rest = (instructions, cycles, counted.stack)
            self._save()
        return self._rest

    def _emulate(self, level: int, encoding: str) -> tuple[_Counted, tuple[int, int]]:
        board = self._board.name if self._board else ""
        self._say(f"counting level {level} as {encoding} on {board}")
        report = emulate(self._files[level], board, random=1, encodings=(encoding,))
        counts = dict.fromkeys(self._operators, (0, 0))
        for row in report.layers:
            number = int(row["layer"].split()[0])
            if number in counts:
                instructions, cycles = counts[number]
                counts[number] = (instructions + row["instructions"], cycles + Cycles(*row["cycles_range"]).middle)
        total = (report.instructions, Cycles(*report.cycles_range).middle)
        return _Counted(counts, report.stack_bytes), total

    @property
    def identity(self) -> str:
        """Changes with any of the files, the board, or the engine's own sources."""
        sources = [path.read_bytes() for path in engine_sources()]
        board = self._board.name if self._board else ""
        parts = [_FORMAT, board, plugin_digest(), *map(sha256_bytes, [*self._files, *sources])]
        return sha256_bytes("".join(parts).encode())

    def _save(self) -> None:
        if self._cache is None:
            return
        fixed = [[sorted(functions), list(sizes)] for functions, sizes in self._fixed.items()]
        counted = [[level, name, sorted(c.spent.items()), c.stack] for (level, name), c in self._counted.items()]
        record = {"identity": self.identity, "fixed": fixed, "counted": counted, "rest": self._rest}
        write_json(self._cache, record)

    def _load(self) -> None:
        if self._cache is None or not self._cache.is_file():
            return
        try:
            record = read_json(self._cache)
            if record["identity"] != self.identity:
                return
            fixed = {frozenset(functions): (code, ram) for functions, (code, ram) in record["fixed"]}
            counted = {
                (level, name): _Counted({op: (instructions, cycles) for op, (instructions, cycles) in spent}, stack)
                for level, name, spent, stack in record["counted"]
            }
            rest = tuple(record["rest"]) if record["rest"] else None
        except (OSError, ValueError, LookupError, TypeError, AttributeError):  # damaged, or of another version
            return
        self._fixed, self._counted, self._rest = fixed, counted, rest


def _operator(layer: Layer) -> int:
    return int(layer.name.split()[0])


def _convolutions(program: Program) -> dict[int, Convolution]:
    matrices = [x for x in program.layers if x.operation.coding == "matrix"]
    return {_operator(x): cast("Convolution", x.operation) for x in matrices}


def _must(found: Estimate | None) -> Estimate:
    if found is None:  # dense suits every matrix
        raise ValueError("no estimate")
    return found
