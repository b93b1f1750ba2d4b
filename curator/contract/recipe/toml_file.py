"""Recipes in TOML: read, changed with `--set`, checked and written out whole.

A recipe file gives only what differs from what it extends: `extends = "sd15-lora"` names a preset or, with a
path, another file. An unknown, ineffective or contradictory key is refused with the nearest key (rows S081, B12).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.regular_file import TEXT_BYTES, read_regular
from curator.contract.prompts.files import lines_of_entries
from curator.contract.recipe.checks import check_recipe
from curator.contract.recipe.fields import (
    Value,
    active_fields,
    checked,
    field_named,
    recipe_fields,
    section_names,
    toml_value,
    value_of,
)
from curator.contract.recipe.presets import preset_text, presets
from curator.contract.recipe.recipe import Recipe

_DEEPEST_EXTENDS = 16


def load_recipe(source: str | Path, sets: Sequence[str] = ()) -> Recipe:
    """The recipe named by a preset or a TOML file, with `key=value` changes applied, checked.

    Raises:
        UserError: no such recipe, bad TOML, an unknown or ineffective key, a bad value.
    """
    changes = {name: value for _, values in _layers(str(source), sets) for name, value in values.items()}
    recipe = with_values(Recipe(), changes)
    check_recipe(recipe, frozenset(changes), str(source))
    return recipe


def read_recipe(text: str, shown: str) -> Recipe:
    """The recipe in a text that extends nothing, such as one that a weights file carries; `shown` names it.

    Raises:
        UserError: as `load_recipe`.
    """
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{shown}: {error}", "it was not written by Frieze, or damaged") from error
    values = {
        name: checked(field_named(name, shown), value, shown) for name, value in _flat(tables, "", shown)
    }
    recipe = with_values(Recipe(), values)
    check_recipe(recipe, frozenset(values), shown)
    return recipe


def sources_of(source: str | Path, sets: Sequence[str] = ()) -> dict[str, str]:
    """Where each knob of the recipe has its value from: "--set", a file, a preset, or "default".

    Raises:
        UserError: as `load_recipe`.
    """
    given = {name: where for where, values in _layers(str(source), sets) for name in values}
    return {name: given.get(name, "default") for name in recipe_fields()}


def parse_set(text: str) -> tuple[str, Value]:
    """A `key=value` of the command line; the value is TOML, or a bare word for a text.

    Raises:
        UserError: no `=`, unknown key, bad value.
    """
    name, equals, raw = text.partition("=")
    name = name.strip()
    if not equals:
        raise UserError(f"--set {text}: no '='", "write --set key=value, such as --set batch.size=4")
    info = field_named(name, "--set")
    return name, checked(info, _value(raw.strip(), info.default), "--set")


def _value(raw: str, default: Value) -> object:
    if isinstance(default, str) and not raw.startswith(('"', "'")):
        return raw
    try:
        given = tomllib.loads(f"value = {raw}")
        return given["value"] if len(given) == 1 else raw
    except (tomllib.TOMLDecodeError, RecursionError):
        return raw


def with_values(recipe: Recipe, values: Mapping[str, Value]) -> Recipe:
    """`recipe` with dotted keys replaced."""
    return _replaced(recipe, values, "")


def values_of(recipe: Recipe) -> dict[str, Value]:
    """Every knob of `recipe` by dotted key, also those of sections that are not chosen."""
    return {name: value_of(recipe, name) for name in recipe_fields()}


def differences(old: Recipe, new: Recipe) -> list[tuple[str, Value, Value]]:
    """The knobs in which two recipes differ: key, old value, new value (row B07)."""
    before, after = values_of(old), values_of(new)
    return [(name, before[name], after[name]) for name in before if before[name] != after[name]]


def dump_recipe(recipe: Recipe) -> str:
    """`recipe` as complete TOML: every knob that holds stands in it, so nothing depends on later defaults."""
    lines: list[str] = []
    section = ""
    for name in active_fields(recipe):
        value = value_of(recipe, name)
        here, _, leaf = name.rpartition(".")
        if here != section:
            lines += ["", f"[{here}]"]
            section = here
        lines.append(f"{leaf} = {toml_value(value)}")
    return "\n".join(lines) + "\n"


def _layers(source: str, sets: Sequence[str]) -> list[tuple[str, dict[str, Value]]]:
    """What gives values, and which: later ones win."""
    return [*_read(source, 0), ("--set", _with_prompt_lines(dict(map(parse_set, sets)), Path()))]


def _with_prompt_lines(values: dict[str, Value], folder: Path) -> dict[str, Value]:
    """Files of prompts, named relative to `folder`, are read here: a recipe that is kept holds their lines."""
    entries = values.get("sample.prompts")
    return (
        values | {"sample.prompts": lines_of_entries(entries, folder)}
        if isinstance(entries, tuple)
        else values
    )


def _read(source: str, depth: int) -> list[tuple[str, dict[str, Value]]]:
    """The values a recipe and all it extends give, the farthest first."""
    if depth > _DEEPEST_EXTENDS:
        raise UserError(f"{source} extends itself", "break the circle of 'extends'")
    path, tables = _toml(source)
    extends = tables.pop("extends", None)
    if extends is not None and not isinstance(extends, str):
        raise UserError(f"{source}: extends is {extends!r}", "give the name of one preset or file")
    below = _read(_beside(path, extends), depth + 1) if extends else []
    values = {
        name: checked(field_named(name, source), value, source) for name, value in _flat(tables, "", source)
    }
    return [*below, (source, _with_prompt_lines(values, path.parent if path else Path()))]


def _beside(path: Path | None, extends: str) -> str:
    """A file that `extends` names stands relative to the file that names it."""
    if path is None or extends in presets():
        return extends
    return str(path.parent / extends)


def _toml(source: str) -> tuple[Path | None, dict[str, Any]]:
    if source in presets():
        return None, tomllib.loads(preset_text(source))
    path = Path(source)
    try:
        return path, tomllib.loads(read_regular(path, limit_bytes=TEXT_BYTES).decode())
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UserError(f"there is no recipe '{source}'", did_you_mean(source, presets())) from error
    except OSError as error:
        raise UserError(
            f"the recipe {path} cannot be read: {error.strerror}", "check the file's rights"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"the recipe {path} is no UTF-8 text", "save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(
            f"{path}: {error}", "mend the line; a text needs quotes, a switch is true or false"
        ) from error


def _flat(tables: Mapping[str, Any], prefix: str, source: str) -> Iterable[tuple[str, object]]:
    sections = section_names()
    for name, value in tables.items():
        if not isinstance(value, dict):
            yield prefix + name, value
        elif prefix + name in sections:
            yield from _flat(value, f"{prefix}{name}.", source)
        else:
            raise UserError(
                f"{source}: there is no section [{prefix}{name}]", did_you_mean(name, sections - {""})
            )


def _replaced(node: Any, values: Mapping[str, Value], prefix: str) -> Any:
    changes: dict[str, Any] = {}
    for each in fields(node):
        name, value = prefix + each.name, getattr(node, each.name)
        if is_dataclass(value):
            changes[each.name] = _replaced(value, values, name + ".")
        elif name in values:
            changes[each.name] = values[name]
    return replace(node, **changes)
