"""Schemas looked at: their keys, and types in JSON's words."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

_PLAIN = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    object: "any",
    types.NoneType: "null",
}


def keys_of(shape: type) -> dict[str, Any]:
    """The keys of a schema and their types; `schema` first."""
    hints = get_type_hints(shape)
    return {key: hints[key] for key in sorted(hints, key=lambda key: key != "schema")}


def shapes_in(shape: type) -> Iterator[type]:
    """A schema and those inside of it, each before what it holds; one may come again."""
    yield shape
    for value in keys_of(shape).values():
        yield from _shapes_below(value)


def schema_name(shape: type) -> str:
    """`frieze/verify/1`; nothing where the schema is an item of others."""
    (name,) = get_args(keys_of(shape).get("schema")) or ("",)
    return name


def in_words(kind: Any, *, by_name: bool = True) -> str:
    """A type: `list of text`, `whole number or null`; schemas by name, or all as `object`."""
    if is_typeddict(kind):
        return kind.__name__ if by_name else "object"
    if kind in _PLAIN:
        return _PLAIN[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(f'"{value}"' for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(in_words(each, by_name=by_name) for each in inner)
    if origin is tuple:
        kinds = dict.fromkeys(in_words(each, by_name=by_name) for each in inner)
        return f"list of {len(inner)}: {', '.join(kinds)}"
    if origin in (Sequence, list):
        return f"list of {in_words(inner[0], by_name=by_name)}"
    if origin in (Mapping, dict):
        return f"object by name, of {in_words(inner[1], by_name=by_name)}"
    raise TypeError(f"{kind} is no type of JSON")


def _shapes_below(kind: Any) -> Iterator[type]:
    if is_typeddict(kind):
        yield from shapes_in(kind)
    elif get_origin(kind) not in (Literal, NotRequired):
        for each in get_args(kind):
            yield from _shapes_below(each)
