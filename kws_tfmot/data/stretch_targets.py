"""What a stretch of training audio holds, and so what every decision over it should say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kws_tfmot.data.audio import Int16

OTHER = -1


class Stretch(NamedTuple):
    """One stretch.

    Attributes:
        samples: int16.
        ends: The keywords in it, as (number, sample after its end).
        speech: Where speech sounds.
        words: Whole words in it, keywords too, as (class of :attr:`Speech.word_classes`, sample after its end).
    """

    samples: Int16
    ends: tuple[tuple[int, int], ...]
    speech: tuple[tuple[int, int], ...]
    words: tuple[tuple[int, int], ...] = ()


def decision_targets(
    stretch: Stretch, ends: npt.NDArray[np.int64], window: int, classes: int, after: tuple[int, int], margin: int
) -> npt.NDArray[np.int8]:
    """The class of every decision: a keyword, other words, silence, or -1 where neither answer is wrong.

    Args:
        stretch: What was composed.
        ends: Last sample plus one under the window of each decision.
        window: Samples under a window.
        classes: Keywords, then other words, then silence.
        after: A window ending this many samples after a keyword's end, from and to, holds the keyword.
        margin: Samples before and after that range in which the decision is left open.
    """
    spoken = np.zeros(len(ends), bool)
    for first, last in stretch.speech:
        spoken |= (ends > first) & (ends - window < last)
    targets = np.where(spoken, classes - 2, classes - 1).astype(np.int8)
    for _, end in stretch.ends:
        since = ends - end
        targets[(since >= after[0] - margin) & (since <= after[1] + 4 * margin)] = -1
    for number, end in stretch.ends:
        since = ends - end
        targets[(since >= after[0]) & (since <= after[1])] = number
    return targets


def word_targets(
    stretch: Stretch, ends: npt.NDArray[np.int64], after: tuple[int, int]
) -> npt.NDArray[np.int16]:  # fmt: skip
    """The class of the word that ended just before each decision, as in :func:`decision_targets`; -1 where none did."""
    targets = np.full(len(ends), OTHER, np.int16)
    for word, end in stretch.words:
        since = ends - end
        targets[(since >= after[0]) & (since <= after[1])] = word
    return targets
