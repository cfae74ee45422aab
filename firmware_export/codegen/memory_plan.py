"""The static memory plan: where every activation and every scratch area lies in the one arena.

Values are placed by lifetime; two values may share bytes when they are never needed at the same time, and a layer that
can work in place writes its output where its input is. The plan is exact: the arena ends with the last byte used.
States, which live from step to step, are at the start of the arena and share their bytes with nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from firmware_export.encodings import Encoded
from firmware_export.ir import Layer, Program
from kws_tfmot.errors import OUR_FAULT, ModelError

ALIGNMENT = 4


@dataclass(frozen=True)
class Span:
    """Bytes ``start..start + size`` needed during layers ``first..last``."""

    name: str
    size: int
    first: int
    last: int
    start: int = 0

    def meets(self, other: Span) -> bool:
        """Whether both are needed at some time."""
        return self.first <= other.last and other.first <= self.last

    def overlaps(self, other: Span) -> bool:
        """Whether both are needed at some time and share a byte."""
        apart = self.start + self.size <= other.start or other.start + other.size <= self.start
        return self.meets(other) and not apart


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets in the arena. ``values[v]`` of a constant is -1, ``scratch[l]`` of a layer without scratch too."""

    arena: int
    values: tuple[int, ...]
    scratch: tuple[int, ...]
    scratch_bytes: tuple[int, ...]
    spans: tuple[Span, ...]
    state_bytes: int = 0  # of the arena's start that must stay untouched between steps


def scratch_bytes(layer: Layer, encoding: str) -> int:
    """Scratch a layer needs with its weights in ``encoding``, ``""`` where it has none."""
    return layer.operation.scratch_bytes(encoding)


def works_in_place(layer: Layer, program: Program) -> bool:
    """Whether the kernel may write its output where its first input is."""
    if not layer.inputs:
        return False
    source, target = program.values[layer.inputs[0]].layout, program.values[layer.output].layout
    return layer.operation.works_in_place(source, target)


def lifetimes(program: Program) -> dict[int, tuple[int, int]]:
    """First and last layer during which each value is needed; the input from the start, the output to the end.

    States live through every layer.
    """
    spans: dict[int, tuple[int, int]] = {program.input: (0, 0)}
    for number, layer in enumerate(program.layers):
        for value in (*layer.inputs, layer.output):
            if program.values[value].data is None:
                first, _ = spans.get(value, (number, number))
                spans[value] = (first, number)
    first, _ = spans[program.output]
    spans[program.output] = (first, len(program.layers) - 1)
    return spans | {state.value: (0, len(program.layers) - 1) for state in program.states}


def _shared(program: Program, lives: dict[int, tuple[int, int]]) -> dict[int, int]:
    """Which value each one shares its place with: the first of a chain of in-place layers."""
    root = {value: value for value in lives}
    states = {state.value for state in program.states}
    writers: dict[int, int] = {}
    for layer in program.layers:
        writers[layer.output] = writers.get(layer.output, 0) + 1
    for number, layer in enumerate(program.layers):
        if not works_in_place(layer, program) or writers[layer.output] > 1 or states & {layer.inputs[0], layer.output}:
            continue
        source = layer.inputs[0]
        if program.values[source].data is None and lives[source][1] == number and layer.inputs.count(source) == 1:
            root[layer.output] = root[source]
    return root


def _chains(program: Program) -> dict[int, list[Span]]:
    """For each place the values that lie there one after another, as spans that follow each other without a gap.

    While a layer works in place its input and output are one; from the next layer on only the output's bytes count.
    """
    lives = lifetimes(program)
    chains: dict[int, list[int]] = {}
    for value, root in _shared(program, lives).items():
        chains.setdefault(root, []).append(value)
    spans: dict[int, list[Span]] = {}
    for root, values in chains.items():
        pieces: list[Span] = []
        for number in range(min(lives[v][0] for v in values), max(lives[v][1] for v in values) + 1):
            alive = [v for v in values if lives[v][0] <= number <= lives[v][1]]
            largest = max(alive, key=lambda v: program.values[v].layout.bytes)
            size = program.values[largest].layout.bytes
            if pieces and pieces[-1].size == size:
                pieces[-1] = replace(pieces[-1], last=number)
            else:
                pieces.append(Span(f"value {largest}", size, number, number))
        spans[root] = pieces
    return spans


def live_bytes(program: Program, encoding: str) -> list[int]:
    """For each layer the bytes that must exist while it runs, all weights in one encoding.

    No plan has an arena smaller than the largest of them.
    """
    needed = [scratch_bytes(layer, encoding) for layer in program.layers]
    for span in (span for chain in _chains(program).values() for span in chain):
        for number in range(span.first, span.last + 1):
            needed[number] += span.size
    return needed


def plan_memory(program: Program, encoded: list[tuple[str, Encoded] | None]) -> MemoryPlan:
    """Place every activation and scratch area.

    Args:
        program: The lowered model.
        encoded: Encoding of each layer's weights, ``None`` for layers without.

    Returns:
        The plan with the smallest arena of several greedy orders (largest first, longest-lived first).
    """
    root = _shared(program, lifetimes(program))
    chains = _chains(program)
    states = _place_states([chains.pop(state.value)[0] for state in program.states])
    state_bytes = -(-_arena(states) // ALIGNMENT) * ALIGNMENT
    wanted = [
        scratch_bytes(layer, choice[0] if choice else "") for layer, choice in zip(program.layers, encoded, strict=True)
    ]
    groups = [*chains.values(), *([Span(f"scratch {n}", size, n, n)] for n, size in enumerate(wanted) if size)]
    placed = min((_place(groups, key, states) for key in _ORDERS), key=_arena)
    by_name = {span.name: span.start for span in placed}
    place = {first: by_name[chain[0].name] for first, chain in chains.items()}
    place |= {state.value: span.start for state, span in zip(program.states, states, strict=True)}
    offsets = [place[root[v]] if v in root else -1 for v in range(len(program.values))]
    scratch = [by_name.get(f"scratch {n}", -1) for n in range(len(program.layers))]
    plan = MemoryPlan(_arena(placed), tuple(offsets), tuple(scratch), tuple(wanted), tuple(placed), state_bytes)
    check_plan(plan)
    return plan


def check_plan(plan: MemoryPlan) -> None:
    """Refuse a plan in which anything overlaps, is misaligned, leaves the arena, or leaves a byte of it unused.

    Raises:
        ModelError: Naming the two spans or the offset.
    """
    for i, a in enumerate(plan.spans):
        if a.start % ALIGNMENT or a.start < 0 or a.start + a.size > plan.arena:
            raise ModelError(f"memory plan: {a} is misaligned or leaves the arena of {plan.arena} bytes", OUR_FAULT)
        for b in plan.spans[i + 1 :]:
            if a.overlaps(b):
                raise ModelError(f"memory plan: {a} and {b} share bytes", OUR_FAULT)
    if plan.arena != _arena(list(plan.spans)):
        raise ModelError(
            f"memory plan: the arena of {plan.arena} bytes is not the {_arena(list(plan.spans))} in use", OUR_FAULT
        )


def _arena(spans: list[Span]) -> int:
    return max((span.start + span.size for span in spans), default=0)


def _place_states(spans: list[Span]) -> list[Span]:
    """One after the other from the start of the arena."""
    placed, start = [], 0
    for span in spans:
        placed.append(replace(span, start=start))
        start += -(-span.size // ALIGNMENT) * ALIGNMENT
    return placed


def _place(groups: list[list[Span]], key: object, before: list[Span]) -> list[Span]:
    """Give each group, in the order of ``key`` of the whole of it, the lowest place free while its spans live."""
    placed = list(before)
    for group in sorted(groups, key=lambda group: key(_whole(group))):  # type: ignore[operator]
        start, moved = 0, True
        while moved:
            shifted = [replace(span, start=start) for span in group]
            ends = [p.start + p.size for p in placed for span in shifted if p.overlaps(span)]
            moved = bool(ends)
            if moved:
                start = -(-min(ends) // ALIGNMENT) * ALIGNMENT
        placed += shifted
    return placed


def _whole(group: list[Span]) -> Span:
    first = group[0]
    return Span(first.name, max(span.size for span in group), first.first, group[-1].last)


_ORDERS = (
    lambda s: (-s.size, s.first, s.name),
    lambda s: (s.first - s.last, -s.size, s.name),
    lambda s: (s.first, -s.size, s.name),
    lambda s: (-s.size * (s.last - s.first + 1), s.first, s.name),
)
