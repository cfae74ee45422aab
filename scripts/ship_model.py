"""Put a finished build among the models that ship: python scripts/ship_model.py RUN NAME [--say WORD...].

Copies the int8 model, the float model that training goes on from and the recipe, and makes one recording of the words
given, each said by another synthetic speaker that no training has. The card, `card.yaml`, is written by hand: what it
was trained on, licences, figures, limits.
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

import numpy as np
import soundfile

from kws_tfmot.data.speech import RATE, Request, Voice, render_speech
from kws_tfmot.files import replacing
from kws_tfmot.zoo import MODEL, RECIPE, SAMPLE, WEIGHTS

PAUSE_SECONDS = 0.7
ZOO = Path(__file__).resolve().parent.parent / "kws_tfmot" / "zoo"


def main() -> None:
    """Copy, pack and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the build; the folder of the model itself: nothing but the recording")
    parser.add_argument("name")
    parser.add_argument("--say", nargs="+", default=[], help="words of the recording, in order")
    given = parser.parse_args()
    folder = ZOO / given.name
    folder.mkdir(parents=True, exist_ok=True)
    if given.run.resolve() != folder.resolve():
        for name in (MODEL, RECIPE):
            with replacing(folder / name) as temporary:
                temporary.write_bytes((given.run / name).read_bytes())
        with replacing(folder / WEIGHTS) as temporary:
            pack(given.run / WEIGHTS, temporary)
    if given.say:
        record(given.say, folder / SAMPLE)
    for path in sorted(folder.iterdir()):
        print(f"{path.name}: {path.stat().st_size:,} B")


def pack(source: Path, target: Path) -> None:
    """The same Keras file, compressed, with the same bytes each time."""
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        for entry in given.infolist():
            fixed = zipfile.ZipInfo(entry.filename)
            fixed.compress_type = zipfile.ZIP_DEFLATED
            written.writestr(fixed, given.read(entry.filename))


def record(words: list[str], target: Path) -> None:
    """The words one after another, between pauses of noise far below speech, since digital silence is no room.

    The speakers are mixes of Kokoro's voices by names that are no numbers, which training draws.
    """
    rng = np.random.default_rng(0)
    pause = int(PAUSE_SECONDS * RATE)
    parts = [rng.normal(0, 4, pause)]
    for clip in render_speech([Request(word, Voice("kokoro", f"shipped {i}")) for i, word in enumerate(words)]):
        parts += [clip.samples.astype(float), rng.normal(0, 4, pause)]
    whole = np.clip(np.rint(np.concatenate(parts)), -32768, 32767).astype(np.int16)
    with replacing(target) as temporary:
        soundfile.write(str(temporary), whole, RATE, format="FLAC", subtype="PCM_16")


if __name__ == "__main__":
    main()
