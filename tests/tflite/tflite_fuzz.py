"""Mutations of a model, reproducible from a seed: of its bytes, and of its fields."""

from __future__ import annotations

import copy
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from kws_tfmot.errors import KwsError
from kws_tfmot.tflite.document import pack, unpack
from kws_tfmot.tflite.schema import ModelT

_EXTREMES = (0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC)


def mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` variants: flipped bits, extreme words, cut, doubled, swapped and zeroed stretches."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(int(rng.integers(1, 5))):
            at = int(rng.integers(0, max(len(changed) - 4, 1)))
            match int(rng.integers(0, 7)):
                case 0:
                    changed[at] ^= 1 << int(rng.integers(0, 8))
                case 1:
                    changed[at & ~3 : (at & ~3) + 4] = struct.pack("<I", int(rng.choice(_EXTREMES)))
                case 2:
                    changed[at] = int(rng.integers(0, 256))
                case 3:
                    del changed[at:]
                case 4:
                    changed[at : at + 4] = changed[:4]
                case 5:
                    to = int(rng.integers(0, max(len(changed) - 4, 1)))
                    changed[at & ~3 : (at & ~3) + 4] = changed[to & ~3 : (to & ~3) + 4]
                case _:
                    changed[at : at + 16] = bytes(len(changed[at : at + 16]))
            if len(changed) < 8:
                break
        yield bytes(changed)


def field_mutations(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` variants that are sound flatbuffers: fields with other values, lists cut, swapped and doubled.

    Most flipped bytes end at the first offset that leads nowhere; these reach the checks behind that.
    """
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        root = copy.deepcopy(unpack(data))
        for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
            _change_a_field(root, rng)
        try:
            changed = pack(root)
        except KwsError:  # a value too large for its field
            continue
        made += 1
        yield changed


def _change_a_field(root: ModelT, rng: np.random.Generator) -> None:
    places: list[tuple[Any, Any]] = []
    # Operators and their options first: the many tensors would crowd them out.
    start: Any = root.subgraphs[0] if root.subgraphs and rng.random() < 0.8 else root
    if start is not root and rng.random() < 0.5 and start.operators:
        start = start.operators[int(rng.integers(len(start.operators)))]
    _collect(start, places)
    if places:
        holder, key = places[int(rng.integers(len(places)))]
        was, now = holder[key], _another(holder[key], rng)
        if now is None and isinstance(holder, list):
            del holder[key]
        else:
            holder[key] = 0 if now is None and isinstance(was, (bool, int, float)) else now


def _collect(value: Any, places: list[tuple[Any, Any]]) -> None:
    """Every place below ``value`` that holds something: a table's fields, entries of lists of tables."""
    holder: Any = value if isinstance(value, list) else vars(value)
    for key, inner in enumerate(holder) if isinstance(holder, list) else list(holder.items()):
        if inner is None:
            continue
        if holder is not value:
            places.append((holder, key))
        if isinstance(inner, list) or hasattr(inner, "Pack"):
            _collect(inner, places)


def _another(value: Any, rng: np.random.Generator) -> Any:
    """A value of the same kind, or ``None`` to leave it out."""
    if rng.random() < 0.08:
        return None
    if isinstance(value, (bool, int)):
        near = [value + 1, value - 1, -value, 0, 1, 2, 3, -1, 127, int(rng.integers(0, 40))]
        return int(rng.choice([*near, 1 << 15, (1 << 31) - 1, -(1 << 31)]))
    if isinstance(value, float):
        return float(rng.choice([0.0, -value, np.inf, -np.inf, np.nan, 1e-30, 1e30, value * 2]))
    if isinstance(value, np.ndarray):
        return _another_array(value, rng)
    if isinstance(value, list):
        order = rng.permutation(len(value)) if len(value) else []
        turn = int(rng.integers(4))
        if turn == 0:
            return value[:-1]
        if turn == 1:
            return value + value[:1]
        return [value[i] for i in order] if turn == 2 else []
    if isinstance(value, bytes):
        return [b"", value + b"x", b"\xff\xfe", value[:-1]][int(rng.integers(4))]
    return None if rng.random() < 0.5 else type(value)()


def _another_array(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    changed = np.array(value)
    turn = int(rng.integers(6))
    if turn == 0 or not changed.size:
        return changed[:-1] if changed.size else np.array([0, 1], changed.dtype)
    if turn == 1:
        return np.concatenate([changed, changed[-1:]])
    if turn == 2:
        return changed[::-1].copy()
    at = int(rng.integers(len(changed)))
    if changed.dtype.kind == "f":
        changed[at] = rng.choice([0.0, -1.0, np.inf, np.nan, 1e-30, 1e30])
        return changed
    info = np.iinfo(changed.dtype)
    extremes = [0, 1, 2, 3, 5, info.min, info.max, -1 if info.min else info.max, int(changed[at]) + 1]
    changed[at] = np.clip(int(rng.choice(extremes)), info.min, info.max)
    return changed
