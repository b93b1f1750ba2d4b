"""The list of a recipe's knobs, and the values each takes."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, NamedTuple

from curator.contract.errors import UserError, did_you_mean
from curator.contract.recipe.knobs import active_names, choice_of, chosen_names, is_class_name, needed
from curator.contract.recipe.recipe import Recipe

Value = bool | int | float | str | tuple[str, ...]


class Need(NamedTuple):
    """A choice that makes a knob hold: its key, and the values that do."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class FieldInfo:
    """One knob: `name` is its dotted key, as in `--set optimizer.unet_lr=1e-4`."""

    name: str
    default: Value
    help: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    needs: tuple[Need, ...] = ()  # the choices that make it hold
    share: bool = False  # whether it also takes a share of the run
    takes_class: bool = False  # whether it is also set to the dotted name of a class

    @property
    def section(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def kind(self) -> str:
        """ "switch", "whole number", "number", "text", "list of texts" or "whole number or share"."""
        if self.share:
            return "whole number or share"
        names = {bool: "switch", int: "whole number", float: "number", str: "text", tuple: "list of texts"}
        return names[type(self.default)]


@cache
def recipe_fields() -> dict[str, FieldInfo]:
    """All knobs by dotted key, in the order of the declarations."""
    return {info.name: info for info in _fields_of(Recipe(), "", (), "")}


def _fields_of(node: Any, prefix: str, needs: tuple[Need, ...], chooser: str) -> list[FieldInfo]:
    """`chooser` is the key of the nearest choice above."""
    found: list[FieldInfo] = []
    choice = choice_of(node)
    chooser = f"{prefix}{choice}" if choice else chooser
    for each in fields(node):
        value, name, about = getattr(node, each.name), f"{prefix}{each.name}", dict(each.metadata)
        values = needed(each)
        mine = (*needs, Need(chooser, values)) if values else needs
        if is_dataclass(value):
            found += _fields_of(value, f"{name}.", mine, chooser)
        elif each.name == choice:
            names, takes_class = chosen_names(node), bool(about["takes_class"])
            found.append(
                FieldInfo(name, value, about["help"], "", None, None, names, needs, takes_class=takes_class)
            )
        else:
            about.pop("only")
            found.append(FieldInfo(name, value, **about, needs=mine))
    return found


@cache
def section_names() -> frozenset[str]:
    """The dotted names of all sections, also of those without keys of their own."""
    return frozenset(_sections_of(Recipe(), ""))


def _sections_of(node: Any, prefix: str) -> Iterator[str]:
    for each in fields(node):
        value = getattr(node, each.name)
        if is_dataclass(value):
            yield prefix + each.name
            yield from _sections_of(value, f"{prefix}{each.name}.")


def active_fields(recipe: Recipe) -> list[str]:
    """The keys that hold in `recipe`: those of other choices than it makes do not."""
    return list(_active_of(recipe, "", frozenset()))


def _active_of(node: Any, prefix: str, chosen: frozenset[str]) -> Iterator[str]:
    """`chosen` is what the nearest choice above is."""
    active = active_names(node) if choice_of(node) else chosen
    for each in fields(node):
        value, values = getattr(node, each.name), needed(each)
        if values and active.isdisjoint(values):
            continue
        if is_dataclass(value):
            yield from _active_of(value, f"{prefix}{each.name}.", active)
        else:
            yield prefix + each.name


def value_of(recipe: Recipe, name: str) -> Value:
    """The value of the knob with dotted key `name`."""
    node: Any = recipe
    for part in name.split("."):
        node = getattr(node, part)
    return node


def field_named(name: str, where: str) -> FieldInfo:
    """The knob with dotted key `name`.

    Raises:
        UserError: there is none; the hint offers the nearest.
    """
    known = recipe_fields()
    if name not in known:
        raise UserError(f"{where}: there is no key '{name}'", did_you_mean(name, known))
    return known[name]


def checked(info: FieldInfo, value: object, where: str) -> Value:
    """`value` as the knob's type.

    Raises:
        UserError: wrong type, out of range, or no choice.
    """
    typed = _typed(info, value, where)
    for word in typed if isinstance(typed, tuple) else (typed,):
        if info.choices and str(word) not in info.choices and not _names_class(info, word):
            raise UserError(f"{where}: {info.name} is '{word}'", did_you_mean(str(word), info.choices))
    if isinstance(typed, int | float) and not isinstance(typed, bool):
        _check_range(info, typed, where)
    return typed


def _names_class(info: FieldInfo, word: object) -> bool:
    return info.takes_class and isinstance(word, str) and is_class_name(word)


def _typed(info: FieldInfo, value: object, where: str) -> Value:
    want = type(info.default)
    if info.share and type(value) in (int, float):
        return _share(info, value, where) if isinstance(value, float) else value  # type: ignore[return-value]
    if want is float and type(value) is int:
        return float(value)
    if want is tuple and isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
        return tuple(value)
    if type(value) is want:
        return value  # type: ignore[return-value]  # the type was just compared
    raise UserError(
        f"{where}: {info.name} is {value!r}, which is no {info.kind}", f"for example {example(info)}"
    )


def _share(info: FieldInfo, value: float, where: str) -> float:
    if not 0.0 <= value <= 1.0:
        raise UserError(
            f"{where}: {info.name} is {value}",
            f"give whole {info.unit} without a point, or a share of the run from 0.0 to 1.0",
        )
    return value


def _check_range(info: FieldInfo, value: float, where: str) -> None:
    if not math.isfinite(value):
        raise UserError(f"{where}: {info.name} is {value}", "give a finite number")
    if info.low is not None and value < info.low:
        raise UserError(f"{where}: {info.name} is {value}", f"the least is {info.low:g}")
    if info.high is not None and value > info.high:
        raise UserError(f"{where}: {info.name} is {value}", f"the most is {info.high:g}")


def example(info: FieldInfo) -> str:
    """A valid line of TOML for the knob."""
    return f"{info.name.rpartition('.')[2]} = {toml_value(info.default)}"


def toml_value(value: Value) -> str:
    """`value` in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(word) for word in value) + "]"
    return _toml_string(value) if isinstance(value, str) else repr(value)


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


_HIDDEN = {"Cc", "Cf", "Zl", "Zp"}  # a recipe is shown on terminals: nothing in it may be obeyed


def _toml_string(text: str) -> str:
    return '"' + "".join(_ESCAPES.get(char) or _escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if unicodedata.category(char) not in _HIDDEN:
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
