"""What the stretches of training audio are made of."""

from __future__ import annotations

import pydantic

from kws_tfmot.settings import Settings

FloatRange = tuple[float, float]


class StretchSettings(Settings):
    """Stretches of a stream that a detector trains on.

    Attributes:
        seconds: Length of a stretch.
        shares: Of the utterances: keywords, keywords that lack a part, near and other words, sentences.
        spliced_share: Of the near and other words, those that are the head of one word and the tail of another, out of
            recordings of people where there are some.
        words_share: Share of stretches in which single words follow one another, nine of ten no keyword.
        silent_share: Stretches without any speech.
        quiet_before: Share of utterances, of every kind, that come after 1 to 2.5 s in which nobody speaks, as people
            say a keyword: a front end that subtracts noise takes nothing of it for noise, of a word amid talk much.
        surroundings: Share of recorded words that come with what their clip has around them.
        cut_ms: How much of a keyword's end is missing where it is cut.
        vocal_tract: Range of the factor by which an utterance is resampled (vocal tract length, pitch and pace).
        wander: How far that factor wanders within an utterance (standard deviation of its logarithm): intonation and
            rhythm that no engine has.
        time_warp: How far the tempo of the finished stretch wanders, without a change of pitch (standard deviation of
            its logarithm).
        frequency_warp: How far each moment and part of the spectrum is moved along frequency (standard deviation in
            channels): formants that no voice here has.
        scrambled_share: Share of stretches put together anew from pieces of others: all sounds of speech, in orders
            that no sentence has.
        scrambled_ms: Range of the pieces' lengths, none long enough for a keyword.
        short_talk: Share of pieces of talk that are as short as a word, with quiet around them.
        bursts_probability: Of breaths, clicks and rustle, short noises that end a word as a hiss would.
        cut_together: Share of stretches whose parts were recorded in different rooms by different microphones.
        room_probability: Of a room (diffuse reverberation of 0.1 to 0.5 s).
        equaliser_probability: Of a microphone's own frequency response.
        equaliser_db: Standard deviation of that response in each of eight bands.
        noise_probability: Of noise.
        noise_snr_db: Range of its ratio to the speech.
        tilt: Largest coefficient of the spectral tilt either way.
        level_db: Range of the stretch's peak below full scale.
        level_skew: 1 draws levels evenly from that range; with 2, half of all stretches are in its upper quarter.
    """

    seconds: float = pydantic.Field(default=6.0, ge=3.0, le=60.0)
    shares: tuple[float, float, float, float] = (0.3, 0.15, 0.3, 0.25)
    spliced_share: float = pydantic.Field(default=0.0, ge=0.0, le=1.0)
    words_share: float = pydantic.Field(default=0.0, ge=0.0, lt=1.0)
    silent_share: float = pydantic.Field(default=0.12, ge=0.0, lt=1.0)
    quiet_before: float = pydantic.Field(default=0.0, ge=0.0, le=1.0)
    surroundings: float = pydantic.Field(default=0.0, ge=0.0, le=1.0)
    cut_ms: FloatRange = (250.0, 600.0)
    vocal_tract: FloatRange = (0.82, 1.22)
    wander: float = pydantic.Field(default=0.0, ge=0.0, le=0.5)
    time_warp: float = pydantic.Field(default=0.0, ge=0.0, le=1.0)
    frequency_warp: float = pydantic.Field(default=0.0, ge=0.0, le=10.0)
    scrambled_share: float = pydantic.Field(default=0.0, ge=0.0, lt=1.0)
    scrambled_ms: FloatRange = (60.0, 300.0)
    short_talk: float = pydantic.Field(default=0.0, ge=0.0, le=1.0)
    bursts_probability: float = pydantic.Field(default=0.0, ge=0.0, le=1.0)
    cut_together: float = pydantic.Field(default=0.0, ge=0.0, le=1.0)
    room_probability: float = pydantic.Field(default=0.6, ge=0.0, le=1.0)
    equaliser_probability: float = pydantic.Field(default=0.7, ge=0.0, le=1.0)
    equaliser_db: float = pydantic.Field(default=5.0, ge=0.0, le=20.0)
    noise_probability: float = pydantic.Field(default=0.8, ge=0.0, le=1.0)
    noise_snr_db: FloatRange = (-3.0, 35.0)
    tilt: float = pydantic.Field(default=0.4, ge=0.0, lt=1.0)
    level_db: FloatRange = (-40.0, 0.0)
    level_skew: float = pydantic.Field(default=1.0, ge=0.2, le=5.0)

    @pydantic.field_validator("shares")
    @classmethod
    def _sum_to_one(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6 or shares[0] <= 0:
            raise ValueError(f"expected four shares that add up to 1, the first above 0, got {shares}")
        return shares

    @pydantic.field_validator("scrambled_ms")
    @classmethod
    def _within_a_stretch(cls, bounds: FloatRange) -> FloatRange:
        if not 10.0 <= bounds[0] <= bounds[1] <= 3000.0:
            raise ValueError(f"expected 10 to 3000 ms, the lower bound first, got {bounds}")
        return bounds

    @pydantic.field_validator("cut_ms", "vocal_tract", "noise_snr_db", "level_db")
    @classmethod
    def _lower_first(cls, bounds: FloatRange) -> FloatRange:
        if bounds[0] > bounds[1]:
            raise ValueError(f"expected the lower bound first, got {bounds}")
        return bounds


class SpeechSettings(Settings):
    """What is spoken for the stretches.

    Attributes:
        engines: Speech engines; empty means all that are installed.
        espeak: Utterances of each keyword, of near words, and sentences, by eSpeak NG.
        kokoro: The same by Kokoro, the slowest and the most human.
        hibari: The same by hibari.
        piper: The same by each folder of Piper voices.
        foreign: The same in English with foreign accents by hibari and Piper, as a share of the above.
        kokoro_foreign: Utterances of each keyword, and of near words, by Kokoro with foreign accents.
        paused: Share of a phrase's utterances in which its words stand apart, as commas make the engines say them.
        slips: Near misses by the neural engines, a keyword with a sound or two replaced, as a share of its utterances.
        other_words: Utterances of other common words, one at a time, by each engine but Kokoro.
        kokoro_other_words: The same by Kokoro.
        enough_recordings: From so many recordings on a keyword is heard in these alone; null: always by engines too.
        near_words: Different words that sound nearly like each keyword.
    """

    engines: tuple[str, ...] = ()
    espeak: tuple[int, int, int] = (700, 480, 1200)
    kokoro: tuple[int, int, int] = (360, 60, 40)
    hibari: tuple[int, int, int] = (96, 160, 800)
    piper: tuple[int, int, int] = (300, 160, 80)
    foreign: float = pydantic.Field(default=1.0, ge=0.0, le=10.0)
    kokoro_foreign: tuple[int, int] = (96, 0)
    paused: float = pydantic.Field(default=0.0, ge=0.0, le=1.0)
    slips: float = pydantic.Field(default=0.0, ge=0.0, le=10.0)
    other_words: int = pydantic.Field(default=0, ge=0, le=100_000)
    kokoro_other_words: int = pydantic.Field(default=0, ge=0, le=100_000)
    enough_recordings: int | None = pydantic.Field(default=None, ge=1)
    near_words: int = pydantic.Field(default=40, ge=1, le=200)

    def counts(self, engine: str) -> tuple[int, int, int]:
        """Utterances of each keyword, of near words, and sentences, that ``engine`` speaks."""
        known = {"espeak": self.espeak, "kokoro": self.kokoro, "hibari": self.hibari}
        return known.get(engine, self.piper)

    def foreign_counts(self, engine: str) -> tuple[int, int, int]:
        """The same with foreign accents; none by eSpeak NG, which speaks text, not phonemes."""
        if engine == "espeak":
            return 0, 0, 0
        if engine == "kokoro":  # slow; the others speak sentences
            return *self.kokoro_foreign, 0
        words, near, sentences = (round(self.foreign * count) for count in self.counts(engine))
        return words, near, sentences
