"""Keymap: the keys of all panels, overlaid by `keys.toml` in the XDG config folder.

The file may change any of them by the id of its action: `"list.down" = "j,down,ctrl+n"`. Unknown ids and conflicts
are refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from textual.keys import _character_to_key  # Textual names keys so; it has no public function for it

from curator.contract.errors import UserError, did_you_mean
from curator.contract.files.regular_file import TEXT_BYTES, read_regular
from curator.tui import screens, widgets
from curator.tui.keyboard import app_keys, image_keys

if TYPE_CHECKING:
    from curator.tui.keyboard.keys import KeyAction

# Panels whose keys work at the same time: a key may mean one thing in each group.
_TOGETHER: tuple[tuple[str, ...], ...] = (
    ("app", "list", "cells", "images", "browse", "image"),
    ("app", "list", "tags", "browse", "image"),
    ("app", "list", "facets", "browse", "image"),
    ("app", "list", "subsets"),
    ("app", "list", "captions"),
    ("app", "list", "freeze"),
    ("app", "list", "history"),
    ("app", "list", "prepare"),
    ("app", "list", "train"),
    ("app", "list", "runs"),
    ("app", "list", "queue"),
    ("app", "list", "comparison"),
    ("app", "list", "caches"),
    ("app", "list", "models"),
    ("app", "list", "grids"),
    ("app", "list", "tagging"),
    ("app", "list", "tagslist"),
    ("tagsfind",),
    ("app", "list", "proposals"),
    ("app", "copies"),
    ("app", "list", "quarantine"),
    ("picture", "culling", "image"),
    ("samples", "run_samples"),
    ("samples", "grid_images"),
    ("judge",),
    ("list", "offer"),
    ("dialog", "entry", "choice"),
    ("filter",),
    ("facetsfind",),
    ("dialog", "value"),
    ("dialog", "written"),
    ("table",),
)


def all_actions() -> list[KeyAction]:
    """The actions of the app and of every panel. Imports all screens, which only a keys file needs at the start."""
    from pkgutil import walk_packages

    names = [
        each.name for room in (screens, widgets) for each in walk_packages(room.__path__, f"{room.__name__}.")
    ]
    declared = (vars(import_module(name)).get("KEYS", ()) for name in names)
    return [each for actions in (app_keys.KEYS, image_keys.KEYS, *declared) for each in actions]


def keys_file() -> Path:
    """Where a person's own keys stand."""
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "frieze" / "keys.toml"


def load_keymap(path: Path) -> dict[str, str]:
    """The keys a person changed, by action id; empty where there is no file.

    Raises:
        UserError: no TOML, an unknown id, no key, or two actions of one panel on one key.
    """
    try:
        changes = _read(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:  # no text, or no TOML, is a ValueError
        raise UserError(
            f"the keys file {path} cannot be read: {error}", 'a line is "list.down" = "j,down"'
        ) from error
    actions = all_actions()
    known = [each.id for each in actions]
    keymap = {name: _keys(name, value, known) for name, value in _flat(changes, "")}
    _refuse_conflicts(keymap, actions)
    return keymap


def _read(path: Path) -> dict[str, object]:
    text = read_regular(path, limit_bytes=TEXT_BYTES).decode()
    import tomllib  # hardly anybody has keys of their own

    return tomllib.loads(text)


def _flat(table: Mapping[str, object], prefix: str) -> list[tuple[str, object]]:
    """`[list]` with `down = "j"` says the same as `"list.down" = "j"`."""
    found: list[tuple[str, object]] = []
    for name, value in table.items():
        found += _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return found


def _keys(name: str, value: object, known: Sequence[str]) -> str:
    if name not in known:
        raise UserError(f"the keys file names no action: '{name}'", did_you_mean(name, known))
    if not isinstance(value, str) or not all(key.strip() for key in value.split(",")):
        raise UserError(f"the keys of {name} are {value!r}", 'give names with commas between: "j,down"')
    return ",".join(_key_name(key.strip()) for key in value.split(","))


def _key_name(key: str) -> str:
    return _character_to_key(key) if len(key) == 1 else key


def _refuse_conflicts(keymap: Mapping[str, str], actions: Sequence[KeyAction]) -> None:
    for group in _TOGETHER:
        owner: dict[str, KeyAction] = {}
        for each in (action for panel in reversed(group) for action in actions if action.panel == panel):
            for key in keymap.get(each.id, each.keys).split(","):
                other = owner.setdefault(key, each)
                if other is not each and {other.id, each.id} & keymap.keys():
                    raise UserError(
                        f"the keys file gives '{key}' to both {other.id} and {each.id}",
                        "give one another key",
                    )
