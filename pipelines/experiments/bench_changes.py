"""What a run of the device bench counts more than the record before it."""

from __future__ import annotations

from typing import Any

TOLERANCE = 0.005  # of a figure: what another place in flash can cost a model of cycles
KINDS = {
    "goals": ("title", "core"),
    "boards": ("title", "core"),
    "frontends": ("kind", "core"),
}
FIGURES = {
    "instructions": ("instructions",),
    "cycles": ("cycles", "cycles_range"),
    "flash": ("flash", "flash_bytes"),
    "RAM": ("ram", "ram_bytes"),
}


def worse(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Figures of ``now`` that are above those of ``before`` by more than :data:`TOLERANCE`, as sentences.

    Args:
        before: A record as ``make bench-device`` writes it.
        now: Another. Rows that only one of them has are passed over.

    >>> row = {"title": "dense", "core": "Cortex-M3", "instructions": 1000, "cycles_range": [2000, 3000]}
    >>> worse({"goals": [row]}, {"goals": [row | {"instructions": 1002, "cycles_range": [2000, 3100]}]})
    ['dense on Cortex-M3: cycles 2,500 -> 2,550 (+2.0 %)']
    """
    found = []
    for kind in KINDS:
        old = {_key(kind, row): row for row in before.get(kind, [])}
        for row in now.get(kind, []):
            if (other := old.get(_key(kind, row))) is None:
                continue
            for name in FIGURES:
                was, is_now = _figure(other, name), _figure(row, name)
                if was and is_now and is_now > was * (1 + TOLERANCE):
                    more = 100 * (is_now / was - 1)
                    found.append(f"{' on '.join(_key(kind, row))}: {name} {was:,} -> {is_now:,} (+{more:.1f} %)")
    return found


def _key(kind: str, row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row.get(part)) for part in KINDS[kind])


def _figure(row: dict[str, Any], name: str) -> int | None:
    value = next((row[key] for key in FIGURES[name] if row.get(key) is not None), None)
    return sum(value) // 2 if isinstance(value, list) else value
