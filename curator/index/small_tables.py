"""Decides how settings, subsets and quarantined files are kept: small tables, read whole."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from curator.contract.buckets import CROP_MODES, CropMode
from curator.contract.captions import CaptionRules
from curator.contract.errors import UserError
from curator.contract.text import visible
from curator.index.database import Database
from curator.index.paths import from_blob, to_blob

if TYPE_CHECKING:
    from curator.contract.manifest import MaskMode  # the app opens without it

_ALIASES = "alias generation"


class Settings:
    """JSON values by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str, default: Any = None) -> Any:
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM setting WHERE key=?", (key,)).fetchone()
        return json.loads(row[0]) if row else default

    def put(self, key: str, value: Any) -> None:
        with self._database.writing(durable=True) as connection:
            row = (key, json.dumps(value))
            connection.execute("INSERT OR REPLACE INTO setting(key, value) VALUES(?,?)", row)


@dataclass(frozen=True)
class Subset:
    """One concept of the training: the images of a filter, how often they come, and how their captions vary."""

    name: str
    filter: str
    repeats: float = 1.0
    loss_weight: float = 1.0
    flip: bool = False
    rules: CaptionRules = field(default_factory=CaptionRules)
    is_reg: bool = False
    crop: CropMode = "center"
    mask: MaskMode = "none"


_COLUMNS = "name, filter, repeats, loss_weight, flip, rules, is_reg, crop, mask"
_MOST = 1e6  # of repeats and loss weight; also what refuses numbers that are none


def _check(subset: Subset) -> None:
    from curator.contract.manifest import MASK_MODES

    if not subset.name.strip() or visible(subset.name) != subset.name:
        raise UserError(f"'{visible(subset.name)}' cannot name a subset", "give a name of printable letters")
    for what, number in (("repeats", subset.repeats), ("loss weight", subset.loss_weight)):
        if not 0 <= number <= _MOST:
            raise UserError(f"subset {subset.name}: {what} is {number:g}", "give 0 or more, such as 1.5")
    if visible(subset.rules.trigger) != subset.rules.trigger:
        trigger = visible(subset.rules.trigger)
        raise UserError(f"subset {subset.name}: the trigger is '{trigger}'", "give printable letters")
    for what, given, modes in (("crop", subset.crop, CROP_MODES), ("mask", subset.mask, MASK_MODES)):
        if given not in modes:
            raise UserError(
                f"subset {subset.name}: {what} is '{visible(given)}'", f"choose of {', '.join(modes)}"
            )


class SubsetTable:
    """Subsets in the order they were made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[Subset]:
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM subset ORDER BY position").fetchall()
        return [
            Subset(
                name,
                text,
                repeats,
                weight,
                bool(flip),
                CaptionRules(**json.loads(rules)),
                bool(reg),
                crop,
                mask,
            )
            for name, text, repeats, weight, flip, rules, reg, crop, mask in rows
        ]

    def get(self, name: str) -> Subset | None:
        return next((subset for subset in self.list() if subset.name == name), None)

    def save(self, subset: Subset) -> None:
        """Add a subset at the end, or change the one of this name where it stands."""
        _check(subset)
        with self._database.writing(durable=True) as connection:
            connection.execute(
                f"INSERT INTO subset(position, {_COLUMNS})"
                " VALUES((SELECT coalesce(max(position), 0) + 1 FROM subset), ?,?,?,?,?,?,?,?,?)"
                " ON CONFLICT(name) DO UPDATE SET filter=excluded.filter, repeats=excluded.repeats,"
                " loss_weight=excluded.loss_weight, flip=excluded.flip, rules=excluded.rules,"
                " is_reg=excluded.is_reg, crop=excluded.crop, mask=excluded.mask",
                (
                    subset.name,
                    subset.filter,
                    subset.repeats,
                    subset.loss_weight,
                    subset.flip,
                    json.dumps(asdict(subset.rules)),
                    subset.is_reg,
                    subset.crop,
                    subset.mask,
                ),
            )

    def put_first(self, name: str) -> None:
        """Let a subset choose its pictures before all others."""
        with self._database.writing(durable=True) as connection:
            query = "UPDATE subset SET position=(SELECT min(position) - 1 FROM subset) WHERE name=?"
            connection.execute(query, (name,))

    def rename(self, old: str, subset: Subset) -> None:
        """Change the subset `old`, its name too, where it stands.

        Raises:
            UserError: the new name is taken.
        """
        with self._database.writing(durable=True) as connection:
            if subset.name != old and self.get(subset.name):
                raise UserError(f"there is a subset '{subset.name}'", "choose another name")
            _check(subset)
            connection.execute("UPDATE subset SET name=? WHERE name=?", (subset.name, old))
            self.save(subset)

    def remove(self, name: str) -> bool:
        """Whether there was one."""
        with self._database.writing(durable=True) as connection:
            return connection.execute("DELETE FROM subset WHERE name=?", (name,)).rowcount > 0


@dataclass(frozen=True)
class SavedFilter:
    """A filter under a name, for `saved:NAME` and the app's menu."""

    name: str
    filter: str


class SavedFilters:
    """Saved filters by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[SavedFilter]:
        with self._database.reading() as connection:
            rows = connection.execute("SELECT name, filter FROM saved_filter ORDER BY name").fetchall()
        return [SavedFilter(*row) for row in rows]

    def get(self, name: str) -> SavedFilter | None:
        return next((each for each in self.list() if each.name == name), None)

    def save(self, saved: SavedFilter) -> None:
        """Keep a filter, in place of the one of this name."""
        if not saved.name.strip():
            raise UserError("a saved filter needs a name", "give one")
        with self._database.writing(durable=True) as connection:
            query = "INSERT OR REPLACE INTO saved_filter(name, filter) VALUES(?,?)"
            connection.execute(query, (saved.name, saved.filter))

    def remove(self, name: str) -> bool:
        """Whether there was one."""
        with self._database.writing(durable=True) as connection:
            return connection.execute("DELETE FROM saved_filter WHERE name=?", (name,)).rowcount > 0


class Aliases:
    """Other words for tags, by which they are found (not under which they are kept)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, str]:
        """Tag names by alias."""
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT alias, tag FROM alias ORDER BY alias").fetchall())

    def generation(self) -> str:
        """Changes whenever any alias does."""
        return str(Settings(self._database).get(_ALIASES, ""))

    def put(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Keep (alias, tag) pairs, in place of what these aliases meant before."""
        with self._database.writing(durable=True) as connection:
            connection.executemany("INSERT OR REPLACE INTO alias(alias, tag) VALUES(?,?)", list(pairs))
            Settings(self._database).put(_ALIASES, secrets.token_hex(8))

    def remove(self, aliases: Iterable[str]) -> None:
        with self._database.writing(durable=True) as connection:
            connection.executemany("DELETE FROM alias WHERE alias=?", [(alias,) for alias in aliases])
            Settings(self._database).put(_ALIASES, secrets.token_hex(8))


@dataclass(frozen=True)
class Quarantined:
    """A file a scan could not use, and why."""

    path: str
    reason: str
    at: float


class Quarantine:
    """Files that could not be used at the last scan that met them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def list(self) -> list[Quarantined]:
        rows = self._connection.execute("SELECT path, reason, at FROM quarantine ORDER BY path")
        return [Quarantined(from_blob(row[0]), row[1], row[2]) for row in rows]

    def put(self, entries: Iterable[tuple[str, str]]) -> None:
        rows = [(to_blob(path), reason, time.time()) for path, reason in entries]
        self._connection.executemany("INSERT OR REPLACE INTO quarantine VALUES(?,?,?)", rows)

    def release(self, paths: Iterable[str]) -> None:
        """These files are fine now, or gone."""
        self._connection.executemany(
            "DELETE FROM quarantine WHERE path=?", [(to_blob(path),) for path in paths]
        )
