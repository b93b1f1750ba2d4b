"""The tables of derived, ordered and cleaned tags: the program's, with the user's changes.

`tables.toml` beside this file is the default and says what each key means. What a user changes is kept with the
collection. Unknown keys and wrong types are errors that name the place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.regular_file import TEXT_BYTES, read_regular
from curator.filter.groups import SETTING

if TYPE_CHECKING:
    from curator.index.collection import Collection

Tables = dict[str, Any]
# Tables whose keys are the user's own, and what stands under each key.
_FREE: dict[str, Any] = {
    "quality.presets": {},
    "quality.presets.*.counts": [0],
    "rating.words": [""],
    "clean.replace": "",
    "clean.captions": "",
    "groups": [""],
}
_OPTIONAL = {
    "quality.presets.*": {"cuts": [], "words": [], "counts": {}},
    "clean.several.groups": {"tags": [], "spared": []},
}
# What an entry may have of a list that the program leaves empty.
_ENTRIES: dict[str, Any] = {
    "relations.exclusive": {"tags": [""], "keep": "", "unless": [""]},
    "relations.when": {"has": [""], "without": [""], "add": [""], "drop": [""]},
}
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
}


def default_text() -> str:
    """The tables of the program, with their comments."""
    return Path(__file__).with_name("tables.toml").read_text("utf-8")


def default_tables() -> Tables:
    """The tables of the program."""
    return tomllib.loads(default_text())


def tables_of(collection: Collection) -> Tables:
    """The tables of a collection: the program's, with what was changed."""
    return _merged(default_tables(), collection.settings.get(SETTING, {}))


def read_changes(file: Path) -> Tables:
    """The user's changes in a file.

    Raises:
        UserError: no TOML, an unknown key, a wrong type.
    """
    try:
        changes = tomllib.loads(read_regular(file, limit_bytes=TEXT_BYTES).decode("utf-8-sig"))
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}", "give a TOML file") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: {error}", "mend the file") from error
    check(changes)
    return changes


def keep_changes(collection: Collection, changes: Tables) -> None:
    """Keep the user's changes with the collection, in place of earlier ones: an edit that can be undone."""
    check(changes)
    collection.settings.change(SETTING, {}, lambda _: changes)


def with_changes(tables: Tables, changes: Tables) -> Tables:
    """`tables` with changes of one command.

    Raises:
        UserError: an unknown key or a wrong type.
    """
    check(changes)
    return _merged(tables, changes)


def check(changes: Mapping[str, Any]) -> None:
    """Compare changes with the program's tables.

    Raises:
        UserError: an unknown key or a wrong type.
    """
    _check(changes, default_tables(), "")


def _check(given: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    pattern = _pattern(where)
    for key, value in given.items():
        place = f"{where}.{key}".lstrip(".")
        if pattern in _FREE:
            _check_free(value, _FREE[pattern], place)
            continue
        allowed = {**_OPTIONAL.get(pattern, {}), **known}
        if key not in allowed:
            raise UserError(f"the tables have no '{place}'", did_you_mean(key, allowed))
        _check_value(value, allowed[key], place)


def _pattern(where: str) -> str:
    parts = where.split(".")
    return (
        ".".join([*parts[:2], "*", *parts[3:]])
        if parts[:2] == ["quality", "presets"] and len(parts) > 2
        else where
    )


def _check_free(value: Any, like: Any, place: str) -> None:
    if place.startswith("quality.presets.") and place.count(".") == 2:
        _check_value(value, {}, place)
        if not {"words"} <= value.keys() or not {"cuts", "counts"} & value.keys():
            raise UserError(f"{place} needs words, and cuts or counts", "see 'frieze tag tables'")
        return
    _check_value(value, like, place)


def _check_value(value: Any, like: Any, place: str) -> None:
    if type(value) is not type(like) and (type(like), type(value)) != (float, int):
        raise UserError(f"{place} is {repr(value)[:60]}", f"give {_WORDS.get(type(like), 'another value')}")
    if isinstance(value, dict):
        _check(value, like, place)
    elif isinstance(value, list):
        entry = _ENTRIES.get(place, like[0] if like else None)
        for number, item in enumerate(value):
            if entry is not None and type(item) is not type(entry):
                raise UserError(f"{place}[{number}] is {repr(item)[:60]}", "see 'frieze tag tables'")
            if isinstance(item, dict):
                _check(item, {**_OPTIONAL.get(place, {}), **(entry or {})}, place)


def _merged(base: Tables, changes: Mapping[str, Any]) -> Tables:
    """Tables are merged key by key; lists and values are replaced."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
