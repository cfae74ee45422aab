"""What silicon has reached on MLPerf Tiny's keyword model, to compare with modelled cycles.

Cycles are the clock over inferences a second, from MLPerf Tiny's published results v1.1 to v1.3; flash wait states,
caches and the engines' own code are in them, and none of those in a model without wait states.
"""

from __future__ import annotations

from typing import NamedTuple


class Silicon(NamedTuple):
    """One published result."""

    core: str
    part: str
    engine: str
    cycles: int


PUBLISHED = (
    Silicon("Cortex-M0+", "", "HALE", 30_400_000),
    Silicon("Cortex-M4", "STM32L4R5", "ST", 5_180_000),
    Silicon("Cortex-M4", "STM32L4R5", "Plumerai", 5_730_000),
    Silicon("Cortex-M4", "STM32L4R5", "HALE", 7_220_000),
    Silicon("Cortex-M4", "STM32L4R5", "microTVM with CMSIS-NN", 12_000_000),
    Silicon("Cortex-M33", "STM32U575", "ST", 4_640_000),
    Silicon("Cortex-M7", "STM32H7A3", "ST", 3_170_000),
    Silicon("Cortex-M55", "", "heliaAOT", 1_780_000),
)


def silicon_of(core: str) -> str:
    """The results of a core, as one line; empty where there is none.

    >>> silicon_of("Cortex-M33F")
    '4.64 M cycles (ST, STM32U575); measured, wait states included, other weights and code than these'
    """
    found = [one for one in PUBLISHED if core.removesuffix("F") in (one.core, one.core.removesuffix("+"))]
    if not found:
        return ""
    each = [f"{one.cycles / 1e6:.3g} M cycles ({', '.join(filter(None, (one.engine, one.part)))})" for one in found]
    return f"{'; '.join(each)}; measured, wait states included, other weights and code than these"
