"""What a data set is made of and how training clips are varied: two frozen groups of settings."""

from __future__ import annotations

import math
from typing import Literal

import pydantic
import regex
from typing_extensions import Self

from kws_tfmot.data.labels import SILENCE, UNKNOWN, is_printable, same_name
from kws_tfmot.settings import Settings

_MOST, _MOST_REPEATED = 200, 1000  # characters of a pattern, and times that a part of it may be compiled
_REPEATED = regex.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")
_LONGEST_WORD = 200  # bytes: it names folders and files


class SyntheticSettings(Settings):
    """The built-in spoken data: how many speakers say every word, and how much the rooms and levels differ.

    Attributes:
        speakers: Voice-accent pairs that speak; each is one speaker of the splits.
        clips_per_word: Clips rendered for every keyword.
        unknown_words: Words that make ``_unknown_``; empty means a built-in list of common words.
        near_words: For every keyword, so many more of these words that sound nearly like it, and with them the parts
            of keywords of several words (``hey`` and ``nova`` of ``hey nova``); 0 for none.
        clips_per_unknown_word: Clips rendered for each of them.
        noise_seconds: Length of each generated background noise.
        engines: Who speaks: ``espeak``, ``kokoro``, ``hibari``, ``piper``, ``piper:FOLDER``; empty for all that are
            installed.
        language: eSpeak NG's name of the language; engines that do not speak it stay silent.
    """

    speakers: int = pydantic.Field(default=100, ge=10, le=700)
    clips_per_word: int = pydantic.Field(default=250, ge=20, le=20000)
    unknown_words: tuple[str, ...] = ()
    near_words: int = pydantic.Field(default=0, ge=0, le=100)
    clips_per_unknown_word: int = pydantic.Field(default=12, ge=3, le=20000)
    noise_seconds: int = pydantic.Field(default=30, ge=10, le=600)
    engines: tuple[str, ...] = ("espeak",)
    language: str = pydantic.Field(default="en", min_length=2)


class SplitSettings(Settings):
    """Classes and splits of a data set: the recipe's group ``data``.

    Attributes:
        keywords: The words to spot; the classes are these in this order, then ``_unknown_`` and ``_silence_``.
        unknown_share: Clips of ``_unknown_`` in validation and test, as a share of the mean keyword's clips.
        silence_share: The same for ``_silence_``.
        held_out_words: Share of the other words that test has to itself, with half as many for validation: training
            hears no clip of them. 0 tests ``_unknown_`` on the words that trained it, as the papers do. Below four
            other words, and where clips of ``_unknown_`` bear no word, none is held out.
        split: ``official`` (list files, else the published SHA-1 rule), ``percent`` (by speaker hash), ``auto``
            (official if it gives every split every class, else percent) or ``all`` (evaluation: one split, every clip).
        percent: Train, validation and test in per cent for ``percent``; a 0 leaves that split out.
        speaker_pattern: Regular expression searched in the file name; group 1 is the speaker.
        seed: Of the percentages, of the selection of unknown clips and of the silence clips.
        max_corrupt_share: Share of unreadable clips above which nothing is built.
        negatives: Folders of long recordings in which no keyword is said, read by pieces; recipes with ``streams``
            train on them.
        spoken: Also train on synthesised keywords and other words, beside the recordings of a folder; validation and
            test stay recordings. ``augment.recorded_share`` says how much of each word is recorded.
        synthetic: How speech is synthesised, for the sources ``synthetic`` and for ``spoken``.
    """

    keywords: tuple[str, ...] = ("down", "go", "left", "right", "up")
    unknown_share: float = pydantic.Field(default=1.0, ge=0.0, le=20.0)
    silence_share: float = pydantic.Field(default=1.0, ge=0.0, le=20.0)
    held_out_words: float = pydantic.Field(default=0.2, ge=0.0, le=0.5)
    split: Literal["auto", "official", "percent", "all"] = "auto"
    percent: tuple[float, float, float] = (80.0, 10.0, 10.0)
    speaker_pattern: str = r"([0-9a-zA-Z]+)_nohash"
    seed: int = pydantic.Field(default=0, ge=0, lt=1 << 32)
    max_corrupt_share: float = pydantic.Field(default=0.01, ge=0.0, le=1.0)
    negatives: tuple[str, ...] = ()
    spoken: bool = False
    synthetic: SyntheticSettings = SyntheticSettings()

    def for_evaluation(self) -> Self:
        """These settings with ``split="all"``: every clip is used, missing classes are only noted."""
        return self.model_copy(update={"split": "all"})

    @pydantic.field_validator("keywords", mode="before")
    @classmethod
    def _words_of_a_line(cls, keywords: object) -> object:
        """``left,right`` is what ``--keywords`` takes, so it is taken here too."""
        if isinstance(keywords, str):
            return tuple(word.strip() for word in keywords.split(",") if word.strip())
        return keywords

    @pydantic.field_validator("keywords")
    @classmethod
    def _check_keywords(cls, keywords: tuple[str, ...]) -> tuple[str, ...]:
        if not keywords:
            raise ValueError("expected at least one keyword")
        if len({same_name(word).casefold() for word in keywords}) != len(keywords):
            raise ValueError("expected every keyword once, whatever its case")
        for word in keywords:
            if not is_printable(word):
                raise ValueError(f"expected words of printable letters, got {word!r}")
            if len(word.encode()) > _LONGEST_WORD:
                raise ValueError(f"expected words of at most {_LONGEST_WORD} bytes, got {word[:20]!r}...")
            if not word.strip() or word in (UNKNOWN, SILENCE) or "/" in word or word.startswith((".", "_")):
                raise ValueError(f"expected words that can name a folder and are no class of their own, got {word!r}")
        return keywords

    @pydantic.field_validator("percent")
    @classmethod
    def _check_percent(cls, percent: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(percent) < 0 or percent[0] <= 0 or abs(sum(percent) - 100) > 1e-6:
            raise ValueError("expected train, validation and test in per cent, adding up to 100, train above 0")
        return percent

    @pydantic.field_validator("speaker_pattern")
    @classmethod
    def _check_pattern(cls, pattern: str) -> str:
        # A stranger's model brings one too, and what is repeated is compiled as often: 20 letters could take gigabytes.
        repeated = math.prod(max([1, *map(int, filter(None, pair))]) for pair in _REPEATED.findall(pattern[:_MOST]))
        if len(pattern) > _MOST or repeated > _MOST_REPEATED:
            raise ValueError(f"expected at most {_MOST} characters, and counts in braces of {_MOST_REPEATED} in all")
        try:
            groups = regex.compile(pattern).groups
        except (regex.error, ArithmeticError, RecursionError) as err:
            raise ValueError(f"expected a regular expression ({err})") from None
        if groups < 1:
            raise ValueError("expected a regular expression with one group in parentheses, the speaker")
        return pattern


class DataSettings(SplitSettings):
    """What a data set is made of: classes, splits, and the clips that a front end takes.

    Attributes:
        sample_rate: Samples a second after resampling.
        clip_ms: Length of every clip in milliseconds.
    """

    sample_rate: int = pydantic.Field(default=16000, ge=4000, le=48000)
    clip_ms: int = pydantic.Field(default=1000, ge=100, le=10000)

    @classmethod
    def of(cls, splits: SplitSettings, sample_rate: int, clip_ms: int) -> Self:
        """``splits`` with clips of this rate and length.

        Raises:
            RecipeError: If no data set has such clips.
        """
        groups = {name: getattr(splits, name) for name in SplitSettings.model_fields}
        return cls.parse(groups | {"sample_rate": sample_rate, "clip_ms": clip_ms}, "frontend")

    @property
    def clip_samples(self) -> int:
        """Samples of one clip."""
        return self.sample_rate * self.clip_ms // 1000


class AugmentSettings(Settings):
    """How a training epoch is drawn and varied. All probabilities are per clip, all levels in dB.

    Attributes:
        epoch_clips: Clips of an epoch; ``None`` means every keyword clip once, plus unknown and silence.
        repeats: Epochs one after the other that train on the same varied clips, in another order and under other masks
            of SpecAugment: for small networks making clips takes longer than training on them.
        unknown_share: Clips of ``_unknown_`` in an epoch, as a share of the mean keyword's clips.
        silence_share: The same for ``_silence_``.
        recorded_share: Where a user's recordings are beside synthetic clips, their share of every class that has any.
        unknown_balance: How often each other word is drawn: ``clip`` (as its clips), ``sqrt``, or ``word`` (all alike).
        shift_ms: Largest random shift either way.
        speed_percent: Largest change of speed and pitch either way, by resampling.
        speed_probability: Of that change.
        gain_db: Range of the volume change.
        noise_probability: Of mixing background noise into a word.
        noise_snr_db: Range of the signal-to-noise ratio of that mix.
        generated_noise_share: Share of those mixes that take white, pink or brown noise made here.
        tilt: Largest coefficient ``a`` of the spectral tilt ``y[n] = x[n] - a x[n-1]`` either way.
        tilt_probability: Of the tilt.
        reverb_probability: Of a short synthetic room (early reflections with an exponential decay).
        spliced_unknown: Share of the unknown clips made of the first part of one word and the end of another.
        reversed_unknown: Share of the unknown clips made by playing a keyword backwards.
        cut_unknown: Share of the unknown clips that the window holds a part of alone: moved by up to seven tenths of it
            either way, as a window that slides over a stream cuts other words.
        time_masks: SpecAugment: masks along time.
        time_mask_frames: Longest of them.
        frequency_masks: SpecAugment: masks along the coefficients.
        frequency_mask_bins: Widest of them.
        mixup_alpha: Parameter of the Beta distribution of mixup; 0 turns it off.
    """

    epoch_clips: int | None = pydantic.Field(default=None, ge=1, le=10_000_000)
    repeats: int = pydantic.Field(default=1, ge=1, le=100)
    unknown_share: float = pydantic.Field(default=1.0, ge=0.0, le=20.0)
    silence_share: float = pydantic.Field(default=0.5, ge=0.0, le=20.0)
    recorded_share: float = pydantic.Field(default=0.5, ge=0.0, le=1.0)
    unknown_balance: Literal["clip", "sqrt", "word"] = "sqrt"
    shift_ms: float = pydantic.Field(default=100.0, ge=0.0, le=1000.0)
    speed_percent: float = pydantic.Field(default=8.0, ge=0.0, le=50.0)
    speed_probability: float = pydantic.Field(default=0.7, ge=0.0, le=1.0)
    gain_db: tuple[float, float] = (-12.0, 6.0)
    noise_probability: float = pydantic.Field(default=0.5, ge=0.0, le=1.0)
    noise_snr_db: tuple[float, float] = (5.0, 45.0)
    generated_noise_share: float = pydantic.Field(default=0.2, ge=0.0, le=1.0)
    tilt: float = pydantic.Field(default=0.25, ge=0.0, le=0.95)
    tilt_probability: float = pydantic.Field(default=0.5, ge=0.0, le=1.0)
    reverb_probability: float = pydantic.Field(default=0.1, ge=0.0, le=1.0)
    spliced_unknown: float = pydantic.Field(default=0.2, ge=0.0, le=1.0)
    reversed_unknown: float = pydantic.Field(default=0.05, ge=0.0, le=1.0)
    cut_unknown: float = pydantic.Field(default=0.0, ge=0.0, le=1.0)
    time_masks: int = pydantic.Field(default=0, ge=0, le=10)
    time_mask_frames: int = pydantic.Field(default=5, ge=0, le=1000)
    frequency_masks: int = pydantic.Field(default=0, ge=0, le=10)
    frequency_mask_bins: int = pydantic.Field(default=1, ge=0, le=1000)
    mixup_alpha: float = pydantic.Field(default=0.0, ge=0.0, le=10.0)

    @pydantic.field_validator("gain_db", "noise_snr_db")
    @classmethod
    def _check_range(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if bounds[0] > bounds[1]:
            raise ValueError("expected the lower bound first")
        return bounds

    @pydantic.model_validator(mode="after")
    def _check_shares(self) -> Self:
        if self.spliced_unknown + self.reversed_unknown > 1:
            raise ValueError("expected spliced_unknown + reversed_unknown <= 1")
        return self

    @classmethod
    def none(cls, **values: object) -> Self:
        """Settings that leave every clip as it is; ``values`` turn single variations on again."""
        off: dict[str, object] = {
            "shift_ms": 0.0, "speed_probability": 0.0, "gain_db": (0.0, 0.0), "noise_probability": 0.0,
            "tilt_probability": 0.0, "reverb_probability": 0.0, "spliced_unknown": 0.0, "reversed_unknown": 0.0,
        }  # fmt: skip
        return cls.model_validate(off | values)
