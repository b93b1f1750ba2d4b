"""A table of rules as editable text: with the program's comments, and back to what differs from it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.container import Container
from tomlkit.items import Table

from curator.contract.errors import UserError
from curator.filter.groups import SETTING
from curator.tags.tables import (
    Tables,
    default_tables,
    default_text,
    tables_of,
    with_changes,
)

if TYPE_CHECKING:
    from curator.index.collection import Collection

# A line that a person took out of these comes back as one that does nothing: changes are merged with the program's.
_TAKEN_OUT: Mapping[str, Callable[[str], Any]] = {
    "rating.words": lambda _: [],
    "clean.replace": lambda old: old,
    "clean.captions": lambda old: old,
    "groups": lambda _: [],
}


def text_of(collection: Collection, name: str) -> str:
    """The table `name` as TOML, the program's comments in their places."""
    document = tomlkit.parse(default_text())
    changed: Mapping[str, Any] = collection.settings.get(SETTING, {}).get(name, {})
    table = document[name]
    assert isinstance(table, Table)
    _overlay(table, changed)
    alone = tomlkit.document()
    alone.add(name, table)
    return tomlkit.dumps(alone).strip() + "\n"


def changes_of(name: str, text: str) -> Tables:
    """What the edited table `name` changes in the program's.

    Raises:
        UserError: no TOML, another table, an unknown key or a wrong type.
    """
    try:
        given = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(str(error), "mend the line; # begins a comment") from error
    others = given.keys() - {name}
    if others:
        raise UserError(f"'{min(others)}' is not of the table {name}", f"edit what stands in [{name}]")
    default = default_tables()
    changes = {name: _differences(given.get(name, {}), default[name], name)}
    with_changes(default, changes)
    return changes


def tables_with(collection: Collection, name: str, text: str) -> Tables:
    """The collection's tables, were the edited table `name` kept.

    Raises:
        UserError: as `changes_of`.
    """
    edited = with_changes(default_tables(), changes_of(name, text))
    return {**tables_of(collection), name: edited[name]}


def keep(collection: Collection, name: str, text: str) -> None:
    """Keep the edited table with the collection; the other tables stay.

    Raises:
        UserError: as `changes_of`.
    """
    changes = {key: value for key, value in changes_of(name, text).items() if value}

    def replaced(kept: Tables) -> Tables:
        return {key: value for key, value in kept.items() if key != name} | changes

    collection.settings.change(SETTING, {}, replaced)


def _overlay(table: Table | Container, changed: Mapping[str, Any]) -> None:
    for key, value in changed.items():
        old = table.get(key)
        if isinstance(old, Table) and isinstance(value, dict):
            _overlay(old, value)
        else:
            table[key] = value


def _differences(given: Mapping[str, Any], default: Mapping[str, Any], place: str) -> Tables:
    found: Tables = {}
    for key, value in given.items():
        known = default.get(key)
        if isinstance(value, dict) and isinstance(known, dict):
            inner = _differences(value, known, f"{place}.{key}")
            found |= {key: inner} if inner else {}
        elif key not in default or value != known:
            found[key] = value
    gone = _TAKEN_OUT.get(place)
    return found | ({key: gone(key) for key in default.keys() - given.keys()} if gone else {})
