"""C source as text: identifiers, string literals, include guards and byte arrays, the same from run to run."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np

from kws_tfmot.errors import ModelError

_KEYWORDS = frozenset(
    """
    alignas alignof and asm auto bool break case catch char class const constexpr continue default delete do double
    else enum explicit export extern false float for friend goto if inline int long mutable namespace new not nullptr
    operator or private protected public register restrict return short signed sizeof static struct switch template
    this throw true try typedef typeof union unsigned using virtual void volatile while xor
    """.split()  # noqa: SIM905 - a list of eighty quoted words reads worse
)


def identifier(text: str) -> str:
    """A C and C++ identifier made from any text.

    Raises:
        ModelError: If nothing usable is left.

    >>> identifier("größe 2"), identifier("2nd-model"), identifier("int")
    ('grosse_2', 'k2nd_model', 'int_')
    """
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    name = re.sub(r"_+", "_", re.sub(r"[^0-9A-Za-z]+", "_", letters)).strip("_")
    if not name:
        raise ModelError(f"no C identifier can be made from {text!r}.", "Use a name with ASCII letters.")
    if name[0].isdigit():
        name = f"k{name}"
    return f"{name}_" if name in _KEYWORDS else name


def string_literal(text: str) -> str:
    """A C string literal of the text's UTF-8 bytes; what is not ASCII becomes three octal digits.

    >>> print(string_literal('say "größe"'))
    "say \\"gr\\303\\266\\303\\237e\\""
    """
    pieces = []
    for byte in text.encode("utf-8"):
        character = chr(byte)
        if character in '"\\?':  # ? could begin a trigraph
            pieces.append(f"\\{character}")
        elif 32 <= byte < 127:
            pieces.append(character)
        else:
            pieces.append(f"\\{byte:03o}")
    return '"' + "".join(pieces) + '"'


def comment(text: str) -> str:
    """Text made safe inside a C comment.

    >>> comment("a */ b")
    'a * / b'
    """
    printable = "".join(each if each.isprintable() else " " for each in text)
    return printable.replace("*/", "* /").replace("/*", "/ *").encode("ascii", "replace").decode()


def guarded(guard: str, body: Iterable[str]) -> str:
    """A header's lines between include guards."""
    macro = f"{guard.upper()}_H_"
    return "\n".join([f"#ifndef {macro}", f"#define {macro}", "", *body, "", f"#endif  /* {macro} */", ""])


def byte_rows(data: bytes, width: int = 16) -> str:
    """The inside of an array initialiser, ``width`` bytes a line.

    >>> print(byte_rows(bytes(3)))
      0x00, 0x00, 0x00,
    """
    rows = (data[start : start + width] for start in range(0, len(data), width))
    return "\n".join("  " + " ".join(f"0x{byte:02x}," for byte in row) for row in rows)


def float_literal(value: float) -> str:
    """The shortest C float literal that reads back as the same 32-bit float.

    >>> float_literal(0.0625), float_literal(1.0), float_literal(2.0 ** -30)
    ('0.0625f', '1.0f', '9.313226e-10f')
    """

    text = str(np.float32(value))
    return f"{text}f" if any(each in text for each in ".e") else f"{text}.0f"
