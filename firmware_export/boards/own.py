"""A board of the user's own, described in YAML."""

from __future__ import annotations

import re
from pathlib import Path

import pydantic

from firmware_export.boards.emulated import BOARDS
from firmware_export.boards.real import BUDGETS, Budget
from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.settings import Settings
from kws_tfmot.yaml_reader import read_yaml_file

# core -> emulated board, table of cycles
_CORES = {
    "cortex-m0": ("microbit", "m0"),
    "cortex-m0+": ("microbit", "m0plus"),
    "cortex-m3": ("mps2-an385", "m3"),
    "cortex-m4": ("mps2-an386", "m4"),
    "cortex-m7": ("mps2-an500", "m7"),
    "cortex-m33": ("mps2-an505", "m33"),
    "cortex-m55": ("mps3-an547", "m55"),
    "none": ("", ""),
}
_UNITS = {"": 1, "b": 1, "k": 1024, "kb": 1024, "kib": 1024, "m": 1 << 20, "mb": 1 << 20, "mib": 1 << 20}
_EXAMPLE = (
    "For example:\n  name: my board\n  core: cortex-m4\n  clock_mhz: 80\n  flash: 256K\n  ram: 64K\n  wait_states: 4"
)


class OwnBoard(Settings):
    """What a board's file says.

    Attributes:
        name: What it is called in tables.
        core: ``cortex-m0``, ``cortex-m0+``, ``cortex-m3``, ``-m4``, ``-m7``, ``-m33``, ``-m55``, or ``none`` for
            another architecture, on which the C runs without assembly.
        clock_mhz: Its clock.
        flash: Bytes, or with K or M (1024 and 1024 squared): ``256K``.
        ram: The same.
        wait_states: Of the flash.
        like: A board that this one differs from in what the file says: a real one's name, or an emulated board.
        source: Where the figures are from.
    """

    name: str = pydantic.Field(default="", max_length=80)
    core: str | None = None
    clock_mhz: float | None = pydantic.Field(default=None, gt=0, le=10_000)
    flash: int | str | None = None
    ram: int | str | None = None
    wait_states: int | None = pydantic.Field(default=None, ge=0, le=30)
    like: str | None = None
    source: str = ""

    @pydantic.field_validator("core")
    @classmethod
    def _known(cls, core: str | None) -> str | None:
        if core is None:
            return None
        name = re.sub(r"^(cortex-?)?m(?=\d)", "cortex-m", core.strip().lower()).replace("plus", "+")
        name = name.removesuffix("f")  # a floating-point unit changes nothing here
        if name not in _CORES:
            raise ValueError(f"expected one of {', '.join(_CORES)}.{did_you_mean(name, _CORES)}")
        return name

    @pydantic.field_validator("flash", "ram")
    @classmethod
    def _size(cls, size: int | str | None) -> int | None:
        if size is None:
            return None
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmM]?i?[bB]?)\s*", str(size))
        bytes_ = round(float(found[1]) * _UNITS.get(found[2].lower(), 0)) if found else 0
        if not 0 < bytes_ <= 1 << 32:
            raise ValueError("expected bytes, such as 65536, 64K or 1M")
        return bytes_


def read_board(path: str | Path) -> Budget:
    """The board that a YAML file describes, see :class:`OwnBoard`.

    Raises:
        RecipeError: If the file is missing or no YAML, a key or value is wrong, or something is neither said nor taken
            from ``like``.
    """
    path = Path(path)
    if not path.is_file():
        raise RecipeError(f"there is no board at {path}.", _EXAMPLE)
    values = read_yaml_file(path, _EXAMPLE)
    if not isinstance(values, dict):
        raise RecipeError(f"{path} holds {type(values).__name__}, expected a board's settings.", _EXAMPLE)
    return _budget(OwnBoard.parse(values, path.name), path)


def _budget(own: OwnBoard, path: Path) -> Budget:
    parent = _parent(own.like) if own.like else None
    like, timing = _CORES[own.core] if own.core else (parent.like, parent.timing) if parent else ("", "")
    if parent and own.core and own.core != "none" and parent.like not in ("", like):
        raise RecipeError(f"{path.name}: core {own.core} and like {own.like!r} contradict each other: leave one out.")
    clock = own.clock_mhz or (parent.mhz if parent else 0)
    flash, ram = int(own.flash or (parent.flash if parent else 0)), int(own.ram or (parent.ram if parent else 0))
    missing = [key for key, value in (("clock_mhz", clock), ("flash", flash), ("ram", ram)) if not value]
    missing += [] if own.core or parent else ["core"]
    if missing:
        raise RecipeError(
            f"{path.name} does not say {', '.join(missing)}.", f"Say them, or a board it is like. {_EXAMPLE}"
        )
    waits = own.wait_states if own.wait_states is not None else parent.wait_states if parent else 0
    name, source = own.name or path.stem, own.source or path.name
    return Budget(name, like, flash, ram, clock, path.stem, timing, source, waits)


def _parent(name: str) -> Budget:
    for budget in BUDGETS:
        if name.lower() in (budget.key, budget.name.lower()):
            return budget
    if name in BOARDS:
        board = BOARDS[name]
        return Budget(name, name, 0, 0, 0, name, board.timings[0], "")
    names = [*(budget.key for budget in BUDGETS), *BOARDS]
    raise RecipeError(f"like: unknown board {name!r}.{did_you_mean(name.lower(), names)} Allowed: {', '.join(names)}.")
