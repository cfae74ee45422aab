"""`kws recipes`: the recipes that ship, one of them in full, and what each of its keys means."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, get_args

import pydantic
import typer

from kws_tfmot.errors import RecipeError, did_you_mean
from kws_tfmot.recipe import Recipe, find_recipe, load_recipe, shipped_recipes
from kws_tfmot.settings import Settings, options_of
from pipelines.console import friendly_errors, line, table

group = typer.Typer(help=__doc__, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})


class Key(NamedTuple):
    """A key of a recipe: its dotted path, the values it takes, its default and its meaning."""

    path: str
    allowed: str
    default: str
    meaning: str


@group.command("list")
def list_command() -> None:
    """The recipes that ship with the project, and what each is for."""
    with friendly_errors():
        names = [path.removeprefix("recipes/").removesuffix(".yaml") for path in shipped_recipes()]
        rows = [[name, _first_comment(find_recipe(name).read_text(encoding="utf-8"))] for name in names]
        table("recipes that ship", ["name", "what it is for"], rows)


@group.command("show")
def show_command(
    recipe: Annotated[str, typer.Argument(help="The name of a shipped recipe, or a YAML file.")],
    overrides: Annotated[list[str], typer.Option("--set", help="Change the recipe: key=value, dotted keys.")] = [],  # noqa: B006 - typer copies it
) -> None:
    """A recipe with every default written out."""
    with friendly_errors():
        line(load_recipe(recipe, overrides).to_yaml().rstrip(), markup=False)


@group.command("explain")
def explain_command(
    key: Annotated[str, typer.Argument(help="A key, a group of keys, or a part of a name; all without one.")] = "",
) -> None:
    """What a key of a recipe means, the values it takes and its default."""
    with friendly_errors():
        for found in find_keys(key):
            line(f"{found.path}  ({found.allowed}; default {found.default})", markup=False)
            line(f"    {found.meaning}", markup=False)


def find_keys(wanted: str) -> list[Key]:
    """The keys below ``wanted``, or, where there is no such group, those whose name holds it.

    Raises:
        RecipeError: There is none.
    """
    keys = list(keys_of(Recipe))
    below = [key for key in keys if not wanted or key.path == wanted or key.path.startswith(f"{wanted}.")]
    found = below or [key for key in keys if wanted in key.path]
    if not found:
        guess = did_you_mean(wanted, [name for key in keys for name in (key.path, key.path.split(".")[-1])])
        raise RecipeError(f"a recipe has no key {wanted!r}.{guess}", "All of them: kws recipes explain")
    return found


def keys_of(settings: type[Settings], prefix: str = "") -> Iterator[Key]:
    """Every key of ``settings`` and of the settings inside it, in order."""
    meanings = _meanings(settings)
    for name, field in settings.model_fields.items():
        path = f"{prefix}{name}"
        groups = [one for one in options_of(field.annotation) if isinstance(one, type) and issubclass(one, Settings)]
        if len(groups) > 1:
            yield from _keys_of_kinds(groups, f"{path}.")
        elif groups:
            yield from keys_of(groups[0], f"{path}.")
        else:
            yield Key(
                path, _allowed(field), _shown(field.get_default(call_default_factory=True)), meanings.get(name, "")
            )


def _keys_of_kinds(kinds: list[type[Settings]], prefix: str) -> Iterator[Key]:
    """Keys of settings that are one of several classes, named by the first field: each once, with who takes it."""
    tag = next(iter(kinds[0].model_fields))
    found: dict[str, dict[str, Key]] = {}
    for kind in kinds:
        for key in keys_of(kind, prefix):
            found.setdefault(key.path, {})[str(kind.model_fields[tag].default)] = key
    names = [str(kind.model_fields[tag].default) for kind in kinds]
    for path, takers in found.items():
        first = next(iter(takers.values()))
        if path == f"{prefix}{tag}":
            yield first._replace(allowed=" or ".join(names), default=names[0])
            continue
        values = {key.default: [name for name in takers if takers[name].default == key.default]
                  for key in takers.values()}  # fmt: skip
        default = ", ".join(f"{value} ({', '.join(who)})" if len(values) > 1 else value
                            for value, who in values.items())  # fmt: skip
        only = "" if len(takers) == len(kinds) else f" Only with {tag}={' or '.join(takers)}."
        yield first._replace(default=default, meaning=first.meaning + only)


def _meanings(settings: type[Settings]) -> dict[str, str]:
    """What the docstrings of a class and of those above it say of their attributes."""
    found: dict[str, str] = {}
    for one in reversed(settings.__mro__):
        found |= _attributes(one.__doc__ or "") if issubclass(one, Settings) else {}
    return found


def _attributes(text: str) -> dict[str, str]:
    """``{name: meaning}`` of a docstring's section "Attributes"."""
    section = re.search(r"Attributes:\n(.*?)(?:\n\s*\n|\Z)", text, flags=re.DOTALL)
    found: dict[str, str] = {}
    for name, meaning in re.findall(r"^ {8}([\w, ]+):\s(.*?)(?=^ {8}\S|\Z)", section[1] + "\n" if section else "",
                                    flags=re.DOTALL | re.MULTILINE):  # fmt: skip
        found.update(dict.fromkeys(name.split(", "), " ".join(meaning.split())))
    return found


def _allowed(field: pydantic.fields.FieldInfo) -> str:
    """The type of a field and its bounds, in words.

    >>> _allowed(pydantic.fields.FieldInfo(annotation=int | None, ge=1))
    'int or null, >= 1'
    """
    names = []
    for option in options_of(field.annotation):
        if type(option).__name__ == "_LiteralGenericAlias":
            names += [str(value) for value in get_args(option)]
        else:
            names.append(
                "null" if option is type(None) else re.sub(r"\w+\.", "", getattr(option, "__name__", str(option)))
            )
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [
        f"{sign} {getattr(rule, word)}"
        for rule in field.metadata
        for word, sign in signs.items()
        if getattr(rule, word, None) is not None
    ]
    return " or ".join(names) + (f", {', '.join(bounds)}" if bounds else "")


def _shown(value: Any) -> str:
    return "null" if value is None else str(list(value) if isinstance(value, tuple) else value)


def _first_comment(text: str) -> str:
    """The first sentence of the comment at the head of a recipe, without commands and sources.

    >>> _first_comment("# One wake word from words alone: kws build x.\\n# More.\\nname: x")
    'One wake word from words alone'
    """
    rows = itertools.takewhile(lambda row: row.startswith("#"), text.splitlines())
    sentence = re.split(r"(?<=[a-z)`])(?<! al)(?:\.|: kws) | \(", " ".join(row.lstrip("# ") for row in rows))[0]
    return sentence.rstrip(".")
