"""Names of a package's files and C identifiers: every one begins with the package's name, so that two link together."""

from __future__ import annotations

import re

from firmware_export.codegen.c_source import checked_name
from firmware_export.codegen.c_text import identifier
from kws_tfmot.errors import RecipeError
from kws_tfmot.files import sha256_bytes

DEFAULT_NAME = "spotter"
# \0 and \1 hold the place of the name, which may itself contain what is looked for.
_PLACES = {
    "kws_": "\0_kws_",
    "KWS_": "\1_KWS_",
    "MODEL_": "\1_MODEL_",
    "VERIFIER_": "\1_VERIFIER_",
    "SPOTTER_": "\1_",
}
_DIGEST = re.compile(r"SHA-256 of what follows: [0-9a-f]{64} \*/\n")
_COMMENT = re.compile(r"(/\*.*?\*/)", re.DOTALL)


def package_name(name: str) -> str:
    """Check that ``name`` can begin the identifiers of C and C++ code.

    Raises:
        RecipeError: Where it cannot, a keyword of the languages included.

    >>> package_name("hey_nova")
    'hey_nova'
    """
    if checked_name(name) != identifier(name):
        raise RecipeError(f"expected a name that is no keyword of C or C++. Received: {name!r}")
    return name


def renamed(text: str, name: str) -> str:
    """C source of the runtime or the example with every public identifier under ``name``.

    ``kws_x`` becomes ``NAME_kws_x``, ``spotter_x`` ``NAME_x``, ``model_x`` ``NAME_model_x`` and ``verifier_x``
    ``NAME_verifier_x``, macros and file names alike. The words spotter and model stay in comments.

    >>> renamed("/* A model. */ kws_status spotter_f(model *m); /* kws_add */", "nova")
    '/* A model. */ nova_kws_status nova_f(nova_model *m); /* nova_kws_add */'
    """
    text = re.sub(r"\b(kws_|KWS_|MODEL_|VERIFIER_|SPOTTER_)", lambda found: _PLACES[found[1]], text)
    pieces = _COMMENT.split(text)
    for number in range(0, len(pieces), 2):  # the odd ones are comments
        code = re.sub(r"\b(model|verifier)(?=_[a-z]|\b)", "\0_\\1", pieces[number])
        pieces[number] = re.sub(r"\bspotter(?=_[a-z]|\b)", "\0", code)
    return _digested("".join(pieces).replace("\0", name).replace("\1", name.upper()))


def renamed_file(file: str, name: str) -> str:
    """The name that a file of the runtime or the example has in a package.

    >>> [renamed_file(file, "nova") for file in ("kws_add.c", "spotter.h", "spotter_selftest.c", "microphone.h")]
    ['nova_kws_add.c', 'nova.h', 'nova_selftest.c', 'microphone.h']
    """
    found = re.match(r"(kws_|spotter(?=[._])|model(?=\.)|verifier(?=[._]))", file)
    if not found:
        return file
    new = {"kws_": f"{name}_kws_", "spotter": name, "model": f"{name}_model", "verifier": f"{name}_verifier"}[found[1]]
    return new + file[found.end() :]


def _digested(text: str) -> str:
    """The front end's tables with the digest of what is below it now."""
    found = _DIGEST.search(text)
    if not found:
        return text
    rest = text[found.end() :]
    return f"{text[: found.start()]}SHA-256 of what follows: {sha256_bytes(rest.encode())} */\n{rest}"
