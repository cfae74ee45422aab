"""YAML from outside, read so that nothing in it can hang, grow without end or be lost silently."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from kws_tfmot.errors import RecipeError

MOST_NODES = 30_000
"""Values that a file may expand to, aliases counted at each use."""

MOST_NESTING = 50
"""Groups inside groups."""

MOST_BYTES = 1_000_000
"""Of a file."""

# What PyYAML makes of scalars that are not what their tag says.
_NO_VALUES = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)

_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_UNCLEAR = "!unclear"  # the tag of a scalar that YAML 1.1 and 1.2 take for different numbers


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with bounds on aliases and nesting, no key twice, and no number of two meanings."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0
        self._nodes = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node; an alias counts as much as what it represents."""
        mark = self.peek_event().start_mark
        alias = self.check_event(yaml.AliasEvent)
        before = self._nodes
        self._depth += 1
        if self._depth > MOST_NESTING:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MOST_NESTING}", problem_mark=mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        self._nodes += self._sizes.get(id(node), 1) if alias else 1
        if self._nodes > MOST_NODES:
            raise yaml.MarkedYAMLError(
                problem=f"it holds over {MOST_NODES:,} values, aliases expanded", problem_mark=mark
            )
        self._sizes[id(node)] = self._nodes - before
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        """A mapping as it is written, before merges; a key that is in it twice is refused."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} occurs twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return node

    def construct_scalar(self, node: Any) -> Any:
        """A scalar; two halves of a surrogate pair are one character, as JSON writes an emoji."""
        value = super().construct_scalar(node)
        return _PAIR.sub(_joined, value) if isinstance(value, str) else value

    def construct_yaml_int(self, node: Any) -> int:
        """An integer of at most 64 bits: a longer one can be neither used nor, beyond 4,300 digits, shown."""
        value = super().construct_yaml_int(node)
        if not -(1 << 63) <= value < 1 << 64:
            raise yaml.MarkedYAMLError(problem="an integer of more than 64 bits", problem_mark=node.start_mark)
        return value

    def refuse_set(self, node: Any) -> Any:
        """Refuse ``!!set``: Python's sets have another order in every process, and classes are numbered by theirs."""
        raise yaml.MarkedYAMLError(problem="a set has no order; write a list", problem_mark=node.start_mark)

    def refuse_unclear(self, node: Any) -> Any:
        """Refuse ``0777``, 511 in YAML 1.1 and 777 in 1.2, and ``1:30``, 90 and a text."""
        raise yaml.MarkedYAMLError(
            problem=f"{node.value} is another number in YAML 1.1 than it looks like; "
            "write it without leading zeros and colons, or in quotes where it is text",
            problem_mark=node.start_mark,
        )


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


# YAML 1.2's truth values: "yes", "no", "on" and "off", which YAML 1.1 takes for truth values too, are words here.
_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
# The first that matches decides, hence before YAML 1.1's numbers to the base 8 and 60.
_unclear = re.compile(r"^[-+]?(?:0[0-9_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)$")
for _letter in "+-0123456789":
    _Loader.yaml_implicit_resolvers.setdefault(_letter, []).insert(0, (_UNCLEAR, _unclear))
_Loader.add_constructor(_UNCLEAR, _Loader.refuse_unclear)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:set", _Loader.refuse_set)


def is_unclear(text: str) -> bool:
    """Whether ``text`` is a number that YAML 1.1 and 1.2 read differently.

    >>> is_unclear("2:4"), is_unclear("0777"), is_unclear("24")
    (True, True, False)
    """
    return bool(_unclear.match(text.strip()))


def read_yaml(text: str, what: str, hint: str = "") -> Any:
    """The value that ``text`` holds.

    Args:
        text: YAML.
        what: What the text is, for the message.
        hint: The way out.

    Raises:
        RecipeError: For what is no YAML, a key given twice, over :data:`MOST_NODES` values or :data:`MOST_NESTING`
            levels, scalars that are not what their tag says, sets, and numbers with leading zeros or colons.

    >>> read_yaml("{a: &x [1, 2], b: *x}", "an example")
    {'a': [1, 2], 'b': [1, 2]}
    >>> read_yaml("[yes, off, true]", "an example")
    ['yes', 'off', True]
    >>> read_yaml("{a: 1, a: 2}", "an example")
    Traceback (most recent call last):
    kws_tfmot.errors.RecipeError: an example is not valid YAML: line 1: the key 'a' occurs twice
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as err:
        where = f"line {err.problem_mark.line + 1}: " if err.problem_mark else ""
        raise RecipeError(f"{what} is not valid YAML: {where}{err.problem or err.context}", hint) from None
    except (yaml.YAMLError, *_NO_VALUES) as err:
        reason = str(err).splitlines()[0] if str(err) else type(err).__name__
        raise RecipeError(f"{what} is not valid YAML: {reason}", hint) from None


def read_yaml_file(path: str | os.PathLike[str], hint: str = "") -> Any:
    """The value in the file at ``path``, YAML in UTF-8.

    Args:
        path: Of a file that exists.
        hint: The way out where it is read and is no YAML.

    Raises:
        RecipeError: As :func:`read_text` and :func:`read_yaml`.
    """
    return read_yaml(read_text(path, hint), str(Path(path)), hint)


def read_text(path: str | os.PathLike[str], hint: str = "") -> str:
    """The text in the file at ``path``, in UTF-8.

    Args:
        path: Of a file that exists.
        hint: The way out where it is too large.

    Raises:
        RecipeError: It cannot be read, is no file or no text, or is larger than :data:`MOST_BYTES`.
    """
    file = Path(path)
    try:
        if file.exists() and not file.is_file():  # a pipe would be waited for, a device may never end
            raise RecipeError(f"{file} is no file.", hint)
        if (size := file.stat().st_size) > MOST_BYTES:
            raise RecipeError(f"{file} has {size:,} bytes, expected at most {MOST_BYTES:,}.", hint)
        return file.read_text(encoding="utf-8")
    except OSError as err:
        raise RecipeError(f"{file} cannot be read: {err.strerror}.", "Check its permissions.") from None
    except UnicodeDecodeError as err:
        raise RecipeError(f"{file} cannot be read as text: {err}", "Save it as UTF-8.") from None
