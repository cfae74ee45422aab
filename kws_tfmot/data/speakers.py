"""Who speaks in a clip, and which split that speaker belongs to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from kws_tfmot.data.labels import SPLITS

_HASH_STEPS = 2**27 - 1  # "about 134 million": the constant of the data set's published rule


def speaker_of(file_name: str, pattern: str) -> str:
    """The speaker named in ``file_name``, or an empty string.

    >>> speaker_of("backward_0c540988_nohash_0.wav.wav", r"([0-9a-zA-Z]+)_nohash")
    '0c540988'
    >>> speaker_of("take 3.wav", r"([0-9a-zA-Z]+)_nohash")
    ''
    """
    found = re.search(pattern, file_name)
    return (found.group(1) or "") if found else ""


def official_split(speaker: str, validation_percent: float = 10.0, test_percent: float = 10.0) -> str:
    """The split that Speech Commands' own rule gives to ``speaker``.

    ``p = (SHA-1(speaker) mod 2^27) * 100 / (2^27 - 1)``; validation if ``p < validation_percent``, test if
    ``p < validation_percent + test_percent``, else train. Source: ``which_set`` in the data set's README
    (P. Warden 2018, arXiv 1804.03209).

    >>> official_split("00176480")
    'train'
    """
    number = int(hashlib.sha1(speaker.encode("utf-8"), usedforsecurity=False).hexdigest(), 16)
    percentage = (number % (_HASH_STEPS + 1)) * (100.0 / _HASH_STEPS)
    if percentage < validation_percent:
        return "validation"
    return "test" if percentage < validation_percent + test_percent else "train"


def percent_splits(clips_of: Mapping[str, int], percent: Sequence[float], seed: int) -> dict[str, str]:
    """Give every speaker to one split so that the clips come close to ``percent``.

    Speakers stand in the order of ``SHA-256(seed:speaker)``; each goes to the split that is furthest below its
    share of the clips seen so far, so small data sets come as near to the percentages as their speakers allow.

    Args:
        clips_of: Number of clips of every speaker.
        percent: Train, validation and test, adding up to 100.
        seed: Another seed gives another order.

    >>> splits = percent_splits({f"s{i}": 1 for i in range(10)}, (80, 10, 10), seed=0)
    >>> [list(splits.values()).count(name) for name in ("train", "validation", "test")]
    [8, 1, 1]
    """
    order = sorted(clips_of, key=lambda speaker: hashlib.sha256(f"{seed}:{speaker}".encode()).hexdigest())
    share = {name: value / 100.0 for name, value in zip(SPLITS, percent, strict=True)}
    filled = dict.fromkeys(SPLITS, 0)
    total = 0
    result: dict[str, str] = {}
    for speaker in order:
        total += clips_of[speaker]
        chosen = max(SPLITS, key=lambda name: (share[name] * total - filled[name], share[name]))
        result[speaker] = chosen
        filled[chosen] += clips_of[speaker]
    return result
