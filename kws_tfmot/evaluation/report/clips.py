"""Clips to look at and listen to: what the front end makes of them, and which ones the model got wrong."""

from __future__ import annotations

import base64
import io
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps, image

from kws_tfmot.contract import ModelContract
from kws_tfmot.data import SILENCE, AudioSplit, prepare
from kws_tfmot.data.large_arrays import features_of
from kws_tfmot.detection.detector import DetectorPlan
from kws_tfmot.detection.posterior import ONE, probability_posteriors, softmax_posteriors
from kws_tfmot.errors import DataError
from kws_tfmot.evaluation.model_scores import Runnable, model_input_of, scores_of
from kws_tfmot.evaluation.report.contents import RunFacts
from kws_tfmot.files import cache_root
from kws_tfmot.frontend import Frontend
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.interpreter import input_spec
from kws_tfmot.tflite.reader import read_model

PICTURES = 6
_COLUMNS = 240  # of a drawn waveform


@dataclass(frozen=True)
class ShownClip:
    """A clip in the page: ``picture`` and ``sound`` are data URIs, ``wave`` is the outline of a 240 x 40 drawing.

    ``score`` and ``score_of_truth`` are posteriors, 0 to 1.
    """

    path: str
    truth: str
    predicted: str
    score: float
    score_of_truth: float
    picture: str
    wave: str
    sound: str


@dataclass(frozen=True)
class Clips:
    """What the test clips show.

    Attributes:
        pictures: One rightly heard clip of each of some classes, the surest one.
        mistakes: The surest mistakes; their sound is in the page.
        wrong: How many mistakes there are.
        n: How many clips were judged.
        interpreter: What ran the model.
        rows: Frames and features of a picture.
    """

    pictures: tuple[ShownClip, ...]
    mistakes: tuple[ShownClip, ...]
    wrong: int
    n: int
    interpreter: str
    rows: tuple[int, int]


def judge_clips(
    facts: RunFacts, source: str, runner: Runnable, count: int, cache: Path | None = None, reporter: Reporter = SILENT
) -> Clips:
    """Run the test clips through the run's model and pick some to show.

    Args:
        facts: The run.
        source: Where its clips are, as given to `kws build`.
        runner: The opened model.
        count: How many mistakes to show at most, the surest first.
        cache: Where decoded audio is kept.
        reporter: Where progress goes.

    Raises:
        DataError: If the test clips are not those the run was judged on.
    """
    data = read_source(facts.model)
    contract, graph = ModelContract.of_model(data), read_model(data)
    with reporter.task("reading clips", None) as task:
        index = prepare(source, contract.clips, (cache or cache_root()) / "audio", task.reach)
    judged = facts.accuracy["split_sha256"]
    if index.labels != contract.labels or (found := index.split_sha256("test")) != judged:
        received = ", ".join(index.labels) if index.labels != contract.labels else f"a split {found[:12]}"
        raise DataError(
            f"the run was judged on other test clips (split {judged[:12]}). Received: {source} with {received}",
            f"Give the data that the run was built from: --data {facts.metrics['data']['source']}",
        )
    split, frontend = index.audio("test"), Frontend(contract.frontend)
    features = features_of(split, frontend)
    outputs = scores_of(runner, model_input_of(input_spec(graph), features, contract.frontend.scale), reporter)
    table = DetectorPlan.of(graph, contract.labels, contract.frontend, contract.detection).table
    posteriors = (softmax_posteriors(outputs, table) if table else probability_posteriors(outputs)) / ONE
    show = _Shower(contract.labels, split, features, outputs.argmax(axis=1), posteriors, contract.frontend.sample_rate)
    wrong = np.flatnonzero(show.predicted != split.labels)
    surest = wrong[np.argsort(-show.posteriors[wrong].max(axis=1), kind="stable")][:count]
    return Clips(
        pictures=tuple(show(i, sound=False) for i in _one_of_each(show)),
        mistakes=tuple(show(i, sound=True) for i in surest),
        wrong=len(wrong),
        n=len(split),
        interpreter=runner.name,
        rows=(features.shape[1], features.shape[2]),
    )


@dataclass(frozen=True)
class _Shower:
    labels: tuple[str, ...]
    split: AudioSplit
    features: npt.NDArray[np.int8]
    predicted: npt.NDArray[np.int64]
    posteriors: npt.NDArray[np.float64]
    rate: int

    def __call__(self, i: int, sound: bool) -> ShownClip:
        (samples,), own = self.split.gather(np.array([i])), self.posteriors[i]
        truth = int(self.split.labels[i])
        return ShownClip(
            path=self.split.paths[i],
            truth=self.labels[truth],
            predicted=self.labels[int(self.predicted[i])],
            score=float(own[self.predicted[i]]),
            score_of_truth=float(own[truth]),
            picture=feature_picture(self.features[i]),
            wave=outline(samples),
            sound=wav_uri(samples, self.rate) if sound else "",
        )


def _one_of_each(show: _Shower) -> list[int]:
    """The surest rightly heard clip of each class but silence, of the first few classes."""
    chosen = []
    for number, label in enumerate(show.labels):
        right = np.flatnonzero((show.split.labels == number) & (show.predicted == number))
        if label != SILENCE and len(right):
            chosen.append(int(right[show.posteriors[right, number].argmax()]))
    return chosen[:PICTURES]


def wav_uri(samples: npt.NDArray[np.int16], rate: int) -> str:
    """``data:audio/wav;base64,...`` of one channel of 16-bit samples."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
    return "data:audio/wav;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def feature_picture(features: npt.NDArray[np.int8]) -> str:
    """A PNG data URI of int8 ``[frames, features]``: time runs right, the feature's number up, one pixel a value.

    Colours span the range of each feature over the clip where there are few features (cepstra differ by far in size),
    else the range of the whole clip.
    """
    values = features.astype(np.float64)
    axis = 0 if features.shape[1] < 20 else None
    low, high = values.min(axis=axis), values.max(axis=axis)
    shown = ((values - low) / np.maximum(high - low, 1)).T[::-1]
    stream = io.BytesIO()
    pixels = (colormaps["magma"](shown)[..., :3] * 255).round().astype(np.uint8)
    image.imsave(stream, pixels, format="png", metadata={"Software": ""})  # not the version that drew it
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def outline(samples: npt.NDArray[np.int16]) -> str:
    """Corners of a polygon around the waveform, 240 wide and 40 high, its largest swing filling the height.

    >>> outline(np.zeros(240, np.int16)).split(" ")[0]
    '0,19.5'
    """
    blocks = np.array_split(samples.astype(np.float64), min(_COLUMNS, len(samples)))
    highest = max(float(np.abs(samples.astype(np.int32)).max()), 1.0)
    above = [19.5 - 19 * block.max() / highest for block in blocks]
    below = [20.5 - 19 * block.min() / highest for block in blocks]
    step = _COLUMNS / len(blocks)
    points = [(i * step, y) for i, y in enumerate(above)] + [(i * step, y) for i, y in reversed(list(enumerate(below)))]
    return " ".join(f"{x:g},{y:.1f}" for x, y in points)
