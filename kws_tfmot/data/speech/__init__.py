"""Speech for training, from several engines behind one protocol: voices x texts -> clips that know where they end."""

from __future__ import annotations

from kws_tfmot.data.speech.engines import ENGINES, choose_voices, open_engine, usable_engines
from kws_tfmot.data.speech.render import RATE, deal, every_voice, render_parts, render_speech
from kws_tfmot.data.speech.request import Request, SpeechEngine, SpokenClip, Voice

__all__ = [
    "ENGINES",
    "RATE",
    "Request",
    "SpeechEngine",
    "SpokenClip",
    "Voice",
    "choose_voices",
    "deal",
    "every_voice",
    "open_engine",
    "render_parts",
    "render_speech",
    "usable_engines",
]
