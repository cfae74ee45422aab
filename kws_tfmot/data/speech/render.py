"""Requests -> clips at 16 kHz on disk, by several processes, begun again where it was left."""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from kws_tfmot.array_files import open_arrays, write_arrays
from kws_tfmot.damage import DAMAGE
from kws_tfmot.data.audio import Int16
from kws_tfmot.data.speech.engines import open_engine, usable_engines
from kws_tfmot.data.speech.request import Float, Request, SpokenClip, Voice, delivery, generator
from kws_tfmot.data.speech.vocal_tract import reshape_voice, sounding_span
from kws_tfmot.data.store import unwritable
from kws_tfmot.errors import DataError
from kws_tfmot.files import cache_root
from kws_tfmot.jobs import Job, JobOutcome, keep_traces, run_jobs
from kws_tfmot.progress import SILENT, Reporter, Task

RATE = 16000
_VERSION, _VERSIONS = 3, {"kokoro": 1}  # of the way that an engine's speech is made, where it is not like the others'
_BLOCK = 48  # utterances of one job and one file of the cache
_DONE_BY = {"kokoro": 0.75}  # of all blocks; one of Kokoro's takes a minute or two
_LEAD, _TRAIL = RATE * 50 // 1000, RATE * 100 // 1000


def every_voice(texts: Sequence[str], voices: Sequence[Voice], takes: int = 1, seed: int = 0) -> list[Request]:
    """Every text by every voice, ``takes`` times."""
    return [Request(text, voice, take, seed) for text in texts for take in range(takes) for voice in voices]


def deal(texts: Sequence[str], voices: Sequence[Voice], count: int, seed: int = 0) -> list[Request]:
    """``count`` utterances: the texts in turn, each said by the voices in turn from a random one on.

    So every text comes equally often, by as many different voices as there are, before any pair comes again.
    """
    first = {text: int(generator(seed, "deal", text).integers(len(voices))) for text in dict.fromkeys(texts)}
    found = []
    for i in range(count):
        text, turn = texts[i % len(texts)], i // len(texts)
        found.append(Request(text, voices[(first[text] + turn) % len(voices)], turn // len(voices), seed))
    return found


def render_speech(
    requests: Sequence[Request],
    cache: Path | None = None,
    reporter: Reporter = SILENT,
    processes: int = 0,
    description: str = "speaking",
) -> list[SpokenClip]:
    """The clips of ``requests``, in their order: :func:`render_parts` of one part."""
    (clips,) = render_parts([requests], cache, reporter, processes, description)
    return clips


def render_parts(
    parts: Sequence[Sequence[Request]],
    cache: Path | None = None,
    reporter: Reporter = SILENT,
    processes: int = 0,
    description: str = "speaking",
) -> list[list[SpokenClip]]:
    """The clips of the requests of every part, in their order; what the cache holds is not spoken again.

    A part is found in the cache whatever is spoken beside it. What is missing of all is spoken by the same processes:
    they load each engine once, and none waits for the last block of a part.

    Args:
        parts: Requests: see :func:`every_voice` and :func:`deal`.
        cache: A folder; ``None`` is the project's cache. An interruption costs at most the blocks under way.
        reporter: Is informed how many utterances are done.
        processes: That speak at once, one thread each; 0 is one for every core.
        description: What the progress is called.

    Raises:
        DataError: Something makes no sound, or a voice is unknown.
        ToolchainError: An engine that the voices need is not installed, or failed.
        CacheError: The cache cannot be written.
    """
    folder = (cache or cache_root()) / "speech"
    blocks = {path: block for part in parts for path, block in _blocks(part)}
    clips: dict[Request, SpokenClip] = {}
    missing = []
    for path, block in blocks.items():
        stored = _read(folder / path, block)
        clips.update(zip(block, stored or (), strict=stored is not None))
        if stored is None:
            missing.append((path, block))
    if missing:
        _speak_missing(folder, slow_first(missing), reporter, processes, description)
    for path, block in missing:
        clips.update(zip(block, _read(folder / path, block) or (), strict=True))
    return [[clips[request] for request in part] for part in parts]


def slow_first(missing: Sequence[tuple[str, tuple[Request, ...]]]) -> list[tuple[str, tuple[Request, ...]]]:
    """Blocks in the order to speak them: engines evenly mixed, so that progress foretells the end, long blocks first.

    A slow engine is done at three quarters of the way, and what is left then are short blocks for every process.
    """
    by_engine: dict[str, list[tuple[str, tuple[Request, ...]]]] = {}
    for path, block in sorted(missing, key=lambda one: -sum(len(request.text) for request in one[1])):
        by_engine.setdefault(block[0].voice.engine, []).append((path, block))
    placed = [(_DONE_BY.get(engine, 1.0) * i / len(own), one)
              for engine, own in by_engine.items() for i, one in enumerate(own)]  # fmt: skip
    return [one for _, one in sorted(placed, key=lambda pair: pair[0])]


def _blocks(requests: Sequence[Request]) -> list[tuple[str, tuple[Request, ...]]]:
    """Name in the cache and requests of every block: one engine's, in their order."""
    fingerprints = usable_engines(sorted({request.voice.engine for request in requests}))
    by_engine: dict[str, dict[Request, None]] = {}
    for request in requests:
        by_engine.setdefault(request.voice.engine, {})[request] = None
    found = []
    for engine, wanted in by_engine.items():
        if engine not in fingerprints:
            open_engine(engine).fingerprint()  # says what is missing
        for block in itertools.batched(wanted, _BLOCK) if hasattr(itertools, "batched") else _batched(wanted):
            text = json.dumps([_VERSIONS.get(engine, _VERSION), fingerprints[engine], block], ensure_ascii=False)
            digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
            found.append((f"{engine.partition(':')[0]}/{digest}.npz", block))
    return found


def _batched(wanted: dict[Request, None]) -> Iterator[tuple[Request, ...]]:
    rest = list(wanted)
    return (tuple(rest[first : first + _BLOCK]) for first in range(0, len(rest), _BLOCK))


def _speak_missing(
    folder: Path, missing: list[tuple[str, tuple[Request, ...]]], reporter: Reporter, processes: int, description: str
) -> None:
    alone = multiprocessing.current_process().daemon  # a worker may have no processes of its own
    workers = 1 if alone else min(processes or os.cpu_count() or 1, len(missing))
    jobs = [Job(path, speak_block, (str(folder / path), block)) for path, block in missing]
    with reporter.task(description, sum(len(block) for _, block in missing)) as task:
        outcomes = run_jobs(jobs, workers, 1, _Watch(task, {path: len(block) for path, block in missing}))
    failed = {name: outcome.error for name, outcome in outcomes.items() if outcome.error}
    fault = keep_traces(outcomes, folder / "errors")
    if failed:
        name, error = next(iter(failed.items()))
        message, _, hint = error.partition("\n")
        again = "What was spoken so far is kept; run it again to go on."
        if fault:
            raise DataError(f"speech could not be made ({name}): {message}", f"{fault} {again}")
        raise DataError(message, hint or again)
    if reason := next((outcome.result for outcome in outcomes.values() if outcome.result), ""):
        raise unwritable(folder, reason)


class _Watch:
    """Turns ended jobs into progress."""

    def __init__(self, task: Task, sizes: dict[str, int]) -> None:
        self._task, self._sizes = task, sizes

    def began(self, job: str) -> None:
        """Nothing to tell."""

    def progressed(self, job: str, description: str, done: int, total: int | None, note: str) -> None:
        """Nothing to tell."""

    def noted(self, text: str) -> None:
        """Nothing to tell."""

    def ended(self, job: str, outcome: JobOutcome) -> None:
        """A block is done."""
        self._task.advance(self._sizes[job])


def speak_block(path: str, block: Sequence[Request], _reporter: Reporter) -> str:
    """Speak ``block``, all of one engine, into the file at ``path`` (the work of one job); why it cannot be written."""
    said = open_engine(block[0].voice.engine).speak(block)
    clips = [finish(request, samples, rate) for request, (samples, rate) in zip(block, said, strict=True)]
    try:
        write_arrays(
            path,
            samples=np.concatenate([clip.samples for clip in clips]),
            lengths=np.array([len(clip.samples) for clip in clips], np.int64),
            spans=np.array([(clip.word_start, clip.word_end) for clip in clips], np.int64),
        )
    except OSError as error:
        return error.strerror or str(error)
    return ""


def finish(request: Request, samples: Float, rate: int) -> SpokenClip:
    """What an engine gave as a clip: pitch and formants moved, cut to its sound, at its level.

    Raises:
        DataError: There is nothing to hear.
    """
    how = delivery(request)
    shaped = reshape_voice(samples, rate, how.pitch, how.formants) if len(samples) else samples
    first, last = sounding_span(shaped, RATE)
    if first == last:
        raise DataError(f"the voice {request.voice.engine} {request.voice.name} makes no sound of {request.text!r}.",
                        "Choose a word that can be spoken.")  # fmt: skip
    begin = max(0, first - _LEAD)
    kept = shaped[begin : last + _TRAIL]
    kept = kept * np.float32(32767 * 10 ** (how.peak_db / 20) / np.abs(kept).max())
    padded = np.pad(
        kept, (max(0, _LEAD - first), max(0, _LEAD + last - first + _TRAIL - max(0, _LEAD - first) - len(kept)))
    )
    exact: Int16 = np.rint(padded).astype(np.int16)
    return SpokenClip(exact, request.text, request.voice, _LEAD, _LEAD + last - first)


def _read(path: Path, block: Sequence[Request]) -> list[SpokenClip] | None:
    """The clips of a block; ``None`` where its file is missing or cannot be read, as after a power cut."""
    try:
        with open_arrays(path) as archive:
            samples, lengths, spans = archive["samples"], archive["lengths"], archive["spans"]
    except DAMAGE:
        return None
    if not len(lengths) == len(spans) == len(block) or lengths.sum() != len(samples):
        return None
    pieces = np.split(samples, np.cumsum(lengths)[:-1])
    return [
        SpokenClip(piece, one.text, one.voice, int(span[0]), int(span[1]))
        for piece, one, span in zip(pieces, block, spans, strict=True)
    ]
