"""The accuracy of a `.tflite` on a data set, through a named interpreter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kws_tfmot.contract import ModelContract
from kws_tfmot.data import SILENCE, UNKNOWN, ClipIndex, prepare
from kws_tfmot.data.class_levels import class_level_notes
from kws_tfmot.data.large_arrays import features_of
from kws_tfmot.errors import DataError, ModelError
from kws_tfmot.evaluation.accuracy import Accuracy
from kws_tfmot.evaluation.model_scores import Runnable, judge, model_input_of, scores_of
from kws_tfmot.evaluation.streaming.heard_clips import hear_clips
from kws_tfmot.evaluation.streaming.spotter import Opener, StreamModel
from kws_tfmot.files import cache_root, sha256_bytes
from kws_tfmot.frontend import Frontend
from kws_tfmot.progress import SILENT, Reporter
from kws_tfmot.recipe import Recipe
from kws_tfmot.tflite.document import read_source
from kws_tfmot.tflite.graph import Graph
from kws_tfmot.tflite.interpreter import input_spec, open_interpreter
from kws_tfmot.tflite.reader import read_model


@dataclass(frozen=True)
class ModelAccuracy:
    """Accuracy with everything that belongs beside it.

    Attributes:
        detector: What :func:`~kws_tfmot.evaluation.streaming.heard_clips.hear_clips` says of a network for streams.
    """

    result: Accuracy
    interpreter: str
    model_sha256: str
    source: str
    split: str
    split_sha256: str
    notes: tuple[str, ...] = ()
    breadth: dict[str, Any] = field(default_factory=dict)
    detector: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return self.result.to_dict() | {
            "interpreter": self.interpreter,
            "model_sha256": self.model_sha256,
            "source": self.source,
            "split": self.split,
            "split_sha256": self.split_sha256,
            "notes": list(self.notes),
            "breadth": self.breadth,
            **({"detector": self.detector} if self.detector else {}),
        }


def evaluate_model(
    model: str | Path | bytes,
    source: str,
    *,
    split: str = "test",
    kind: str = "tflm",
    opener: Callable[[bytes], Runnable] | None = None,
    hearing: Opener | None = None,
    recipe: Recipe | None = None,
    cache: Path | None = None,
    reporter: Reporter = SILENT,
) -> ModelAccuracy:
    """Judge ``model`` on ``source`` with the labels and front end that it carries.

    Args:
        model: Path or bytes of a ``.tflite``.
        source: ``folder:PATH``, ``tfds:NAME`` or ``synthetic``.
        split: ``train``, ``validation``, ``test``, or ``all`` for every clip of the source.
        kind: The interpreter, one of :data:`kws_tfmot.tflite.interpreter.KINDS`.
        opener: Opens the model in place of ``kind``: how the device engine is judged.
        hearing: Opens a network for streams once more, as the detector that hears every clip: best one that steps. In
            its place whole windows are run as for the scores.
        recipe: Settings for a model that carries none.
        cache: Where decoded audio is kept.
        reporter: Where progress goes.

    Raises:
        ModelError: If the model is corrupt or does not fit its own settings.
        DataError: If the data set does not fit the model or has no such split.
    """
    data = read_source(model)
    contract = ModelContract.of_model(model, recipe.contract() if recipe else None)  # its path: a manifest may be there
    graph = read_model(data)
    _check_takes_clips(graph, contract)
    interpreter = opener(data) if opener else open_interpreter(data, kind)
    index = _index(contract, source, split, cache or cache_root(), reporter)
    if sorted(index.labels) != sorted(contract.labels):
        raise DataError(
            f"the data set has the classes {', '.join(index.labels)}, the model {', '.join(contract.labels)}.",
            "Give the data that belong to the model.",
        )
    audio = index.audio(split)
    features = features_of(audio, Frontend(contract.frontend))
    inputs = model_input_of(input_spec(graph), features, contract.frontend.scale)
    # A model from elsewhere may have its outputs in another order than the data's classes.
    order = [contract.labels.index(label) for label in index.labels]
    scores = scores_of(interpreter, inputs, reporter)[:, order]
    result, reach = judge(index, audio, scores)
    detector = None
    if contract.streams:
        heard = StreamModel.open(model, hearing or (lambda _: interpreter), recipe)
        detector = hear_clips(heard, index, audio, reporter)
    return ModelAccuracy(
        detector=detector,
        result=result,
        breadth=reach,
        interpreter=interpreter.name,
        model_sha256=sha256_bytes(data),
        source=source,
        split=split,
        split_sha256=index.split_sha256(split),
        notes=(*index.notes, *class_level_notes(index, split)),
    )


def _check_takes_clips(graph: Graph, contract: ModelContract) -> None:
    """Refuse a model that has no accuracy on single clips: a detector of one word, or one that keeps state."""
    missing = [label for label in (UNKNOWN, SILENCE) if label not in contract.labels]
    if missing or graph.stateful:
        what = f"lacks {' and '.join(missing)}" if missing else "keeps state from one inference to the next"
        raise ModelError(
            "accuracy on single clips needs a model that takes a whole clip and tells the keywords, other words and "
            f"silence apart. Received: one with the outputs {', '.join(contract.labels)}, which {what}.",
            "Judge a detector by missed words and false accepts an hour: `kws det MODEL --positives WORD=FOLDER "
            "--negatives FOLDER`.",
        )


def _index(contract: ModelContract, source: str, split: str, cache: Path, reporter: Reporter) -> ClipIndex:
    settings = contract.clips.for_evaluation() if split == "all" else contract.clips
    with reporter.task("reading clips", None) as task:
        return prepare(source, settings, cache / "audio", task.reach)
