"""Listed, decoded clips of any source -> a :class:`~kws_tfmot.data.clip_index.ClipIndex`: checked, split, classed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kws_tfmot.data.clip_index import ClipIndex
from kws_tfmot.data.clip_table import ClipTable
from kws_tfmot.data.data_settings import DataSettings
from kws_tfmot.data.held_out_words import NARROW_WORDS
from kws_tfmot.data.kept_index import kept_index
from kws_tfmot.data.labels import SILENCE, UNKNOWN, same_name, spelling_key
from kws_tfmot.data.made_clips import mean_keyword_clips
from kws_tfmot.data.selection import balanced_choice
from kws_tfmot.data.source_table import SPLIT_CODES, SourceTable, table_of
from kws_tfmot.data.splits import DROPPED, Assigned, LabelledClips, assign_splits, labelled, misplaced
from kws_tfmot.data.store import AudioStore
from kws_tfmot.errors import DataError, did_you_mean

ALL = SPLIT_CODES.index("all")


def check_keywords(settings: DataSettings, words: Sequence[str], found: set[str], where: str) -> list[str]:
    """Refuse keywords that have no clip, and words spelt almost like one: they would train as other words.

    In an evaluation (split ``all``) keywords without a clip are noted, if any keyword is there.
    """
    known = [same_name(word) for word in words if not word.startswith("_")]
    missing = [word for word in settings.keywords if word not in found]
    by_spelling = {spelling_key(word): word for word in settings.keywords if word in found}
    for word in known:
        keyword = by_spelling.get(spelling_key(word), "")
        if keyword and word != same_name(keyword):
            raise DataError(
                f"{where!r} has {word!r} beside the keyword {keyword!r}: its clips would count as other words.",
                f"Move them to those of {keyword!r}, or take them away.",
            )
    if not missing:
        return []
    empty = [word for word in missing if same_name(word) in known]
    known = [word for word in known if word not in map(same_name, empty)]
    if settings.split == "all" and len(missing) < len(settings.keywords):
        return [f"no clip of: {', '.join(missing)}"]
    guesses = "".join(_guess(word, known) for word in missing if word not in empty)
    guesses += f" No sound file lies in the folder of {', '.join(map(repr, empty))}." if empty else ""
    raise DataError(
        f"no clip of {', '.join(map(repr, missing))} in {where!r}.{guesses} "
        f"Words there: {', '.join(known[:40]) or 'none'}{' ...' if len(known) > 40 else ''}.",
        "Choose the keywords among them (--keywords), or add a folder of clips for each.",
    )


def _guess(word: str, known: Sequence[str]) -> str:
    alike = next((name for name in known if spelling_key(name) == spelling_key(word)), "")
    return did_you_mean(alike or word, known)


def build_index(
    spec: str,
    settings: DataSettings,
    source: Callable[[], SourceTable],
    listed: Mapping[str, str],
    store: AudioStore,
    notes: Sequence[str] = (),
) -> ClipIndex:
    """Put decoded clips of any source into splits and classes, and make the silence of the evaluation splits.

    Args:
        spec: The source as it was given.
        settings: Classes and splits.
        source: Gives every clip; asked only where the same was not done before, with the same store.
        listed: Split of every clip that a list file names.
        store: Their audio.
        notes: What is known so far.
    """
    check_corrupt(store, settings)
    return kept_index(spec, settings, listed, store, notes, lambda: _build(settings, source(), listed, store))


def _build(
    settings: DataSettings, source: SourceTable, listed: Mapping[str, str], store: AudioStore
) -> tuple[ClipTable, list[str]]:
    """The clips with split and class, and notes on both."""
    source = source.in_order()
    good, rows = _stored(source, store)
    digests = store.digests.take(pa.array(rows))
    clips = labelled(source.take(good), settings.keywords, _same(digests))
    remarks = []
    if store.corrupt:
        remarks.append(
            f"{len(store.corrupt)} corrupt clips left out: {', '.join(path for path, _ in store.corrupt[:5])}"
        )
    present = set(np.unique(clips.labels).tolist())
    emptied = [word for word in settings.keywords if clips.names.index(word) not in present]
    if emptied and settings.split != "all":
        raise DataError(f"every clip of {', '.join(map(repr, emptied))} is corrupt: {store.corrupt[:3]}",
                        "Replace the files, or leave the keyword out.")  # fmt: skip
    remarks += _speaker_notes(clips, settings) + _double_label_notes(clips)
    if settings.split == "all":
        assigned = Assigned(np.full(len(good), ALL, np.int8), {}, [])
    else:
        assigned = assign_splits(clips, listed, settings)
    remarks += assigned.notes + _held_notes(assigned.held)
    used = _used(clips, assigned, settings)
    table = ClipTable(clips.table, assigned.splits, clips.labels, clips.names, used, rows, digests)
    return table.where(assigned.splits != DROPPED), remarks


def _stored(source: SourceTable, store: AudioStore) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Places of the clips whose audio is in ``store``, and their rows there."""
    rows = pc.index_in(_unchunked(source.paths.array), value_set=_unchunked(store.paths.array))
    good = np.flatnonzero(rows.is_valid().to_numpy(zero_copy_only=False))
    return good, rows.take(pa.array(good)).to_numpy().astype(np.int64)


def joined(first: ClipTable, clips: LabelledClips, splits: npt.NDArray[np.int8], store: AudioStore) -> ClipTable:
    """``first`` and what ``store`` has of ``clips`` in ``splits``, all used, sorted by path."""
    good, rows = _stored(clips.table, store)
    source = table_of(itertools.chain(first.source, clips.table.take(good)))
    order = pc.sort_indices(source.paths.array).to_numpy().astype(np.int64)
    digests = pa.concat_arrays([_unchunked(first.digests), _unchunked(store.digests.take(pa.array(rows)))])
    return ClipTable(
        source.take(order),
        np.concatenate([first.splits, splits[good]])[order],
        np.concatenate([first.labels, clips.labels[good]])[order],
        first.names,
        np.concatenate([first.used, np.ones(len(good), bool)])[order],
        np.concatenate([first.rows, rows])[order],
        digests.take(pa.array(order)),
    )


def _unchunked(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def _same(digests: pa.Array) -> npt.NDArray[np.int64]:
    """Numbers that are equal where the samples are, -1 for digital zero."""
    codes = digests.dictionary_encode().indices
    return codes.fill_null(-1).to_numpy().astype(np.int64)


def check_corrupt(store: AudioStore, settings: DataSettings) -> None:
    """Refuse a data set of which more than ``max_corrupt_share`` cannot be read."""
    total = len(store.paths) + len(store.corrupt)
    if len(store.corrupt) > settings.max_corrupt_share * total:
        listing = "\n".join(f"  {path}: {reason}" for path, reason in store.corrupt[:10])
        raise DataError(
            f"{len(store.corrupt)} of {total} clips are corrupt, more than the {settings.max_corrupt_share:.2%} allowed"
            f":\n{listing}",
            "Replace or delete these files, or raise max_corrupt_share.",
        )


def _speaker_notes(clips: LabelledClips, settings: DataSettings) -> list[str]:
    words, speakers = clips.table.words, clips.table.speakers
    spoken = ~np.isin(words.codes, [code for code, name in enumerate(words.names) if name == SILENCE])
    nameless = np.isin(speakers.codes, [code for code, name in enumerate(speakers.names) if not name]) & spoken
    if not nameless.any() or (clips.table.splits > 0).all():
        return []
    count, total = int(nameless.sum()), int(spoken.sum())
    which = "no clip names" if count == total else f"{count} of {total} clips do not name"
    effect = "" if settings.split == "all" else ": these are split clip by clip, so one voice may be in several splits"
    return [f"{which} a speaker that {settings.speaker_pattern!r} finds{effect}"]


def _double_label_notes(clips: LabelledClips) -> list[str]:
    heard = clips.same >= 0
    pairs = np.unique(clips.same[heard] * np.int64(len(clips.names)) + clips.labels[heard])
    several, counts = np.unique(pairs // len(clips.names), return_counts=True)
    double = np.flatnonzero(np.isin(clips.same, several[counts > 1]))
    some = [clips.table.paths[row] for row in double[:4].tolist()]
    return [f"{len(double)} clips lie in folders of different classes with the same audio: {some}"] if some else []


def _held_notes(held: Mapping[str, str]) -> list[str]:
    words = {split: sorted(word for word, own in held.items() if own == split) for split in ("validation", "test")}
    return [
        f"{len(found)} other words are held out for {split}: {', '.join(found[:12])}{' ...' if len(found) > 12 else ''}"
        for split, found in words.items()
        if found
    ]


def _used(clips: LabelledClips, assigned: Assigned, settings: DataSettings) -> npt.NDArray[np.bool_]:
    """Which clips their split takes."""
    used = ~misplaced(clips, assigned.splits, assigned.held)
    table = clips.table
    for split in ("validation", "test"):
        inside = (assigned.splits == SPLIT_CODES.index(split)) & used
        places = np.flatnonzero(inside & clips.unknown)
        # A folder that brings _unknown_ clips has chosen them already.
        if not len(places) or UNKNOWN in {table.words.names[code] for code in np.unique(table.words.codes[places])}:
            continue
        count = round(settings.unknown_share * mean_keyword_clips(clips.labels[inside], len(settings.keywords)))
        taken = np.zeros(len(places), bool)
        unheard = np.isin(table.words.codes[places], [table.words.names.index(word) for word in assigned.held])
        if len(np.unique(table.words.codes[places[unheard]])) < NARROW_WORDS:
            unheard[:] = False  # too few to represent all words alone
        taken |= _choose(table, places, unheard, count, settings.seed)
        taken |= _choose(table, places, ~taken, count - int(taken.sum()), settings.seed)
        used[places[~taken]] = False
    return used


def _choose(
    table: SourceTable, places: npt.NDArray[np.int64], among: npt.NDArray[np.bool_], count: int, seed: int
) -> npt.NDArray[np.bool_]:
    """Which of ``places`` to take: ``count`` of those that ``among`` is true for, the words in turn."""
    candidates = places[among]
    paths = list(table.paths.take(candidates))
    chosen = balanced_choice(zip(paths, table.words.take(candidates), strict=True), count, seed)
    taken = np.zeros(len(places), bool)
    taken[among] = [path in chosen for path in paths]
    return taken
