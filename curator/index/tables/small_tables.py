"""Settings, subsets, saved filters, aliases and quarantined files: small tables, read whole.

What people edit there is changed by commits of the journal (`record_edits.py`).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from curator.contract.errors import UserError, did_you_mean
from curator.contract.text import visible
from curator.index.changes.records import ALIASES_CHANGE_COUNTER, Key, key_of_name, read, read_all
from curator.index.file.paths import to_blob
from curator.index.tables.listed import (
    Quarantined,
    SavedFilter,
    kept_setting,
    quarantined_files,
    saved_filters,
)
from curator.index.tags.tag_names import folded

if TYPE_CHECKING:  # who only names a subset loads none of it
    from curator.index.changes.edits import Commit
    from curator.index.changes.record_paths import Record
    from curator.index.file.database import Database
    from curator.index.tables.record_edits import RecordEdits
    from curator.index.tables.rows import Subset


class Settings:
    """JSON values by name: what the programs remember, and rules that people edit."""

    def __init__(self, database: Database, edits: RecordEdits) -> None:
        self._database = database
        self._edits = edits

    def get(self, key: str, default: Any = None) -> Any:
        with self._database.reading() as connection:
            return kept_setting(connection, key, default)

    def put(self, key: str, value: Any) -> None:
        """Remember a value; no edit, so never undone."""
        self.put_all({key: value})

    def put_all(self, values: Mapping[str, Any]) -> None:
        """Remember several values, or none of them."""
        with self._database.writing(durable=True) as connection:
            rows = [(key, json.dumps(value)) for key, value in values.items()]
            connection.executemany("INSERT OR REPLACE INTO setting(key, value) VALUES(?,?)", rows)

    def put_changed(self, key: str, default: Any, change: Callable[[Any], Any]) -> None:
        """Read a value (`default` where nothing was kept), change it and remember it, while nobody else writes."""
        with self._database.writing(durable=True):
            self.put(key, change(self.get(key, default)))

    def change(self, key: str, default: Any, change: Callable[[Any], Any]) -> Commit:
        """Read a value (`default` where nothing was kept), change it and keep it, while nobody else writes.

        An edit that can be undone.
        """
        with self._database.writing(durable=True):
            before = self.get(key, default)
            return self.edit(key, before, change(before))

    def edit(self, key: str, before: Any, after: Any) -> Commit:
        """Change a value as an edit that can be undone. `before` is what it stood for, also where nothing was kept."""
        return self._edits.change("setting", key, {"value": before}, {"value": after})


_MOST = 1e6  # of repeats and loss weight; also what refuses numbers that are none


def _check(subset: Subset) -> None:
    from curator.contract.buckets import CROP_MODES
    from curator.contract.manifest.header import MASK_MODES

    if not subset.name.strip() or visible(subset.name) != subset.name:
        raise UserError(f"'{subset.name}' cannot name a subset", "give a name of printable letters")
    for what, number in (("repeats", subset.repeats), ("loss weight", subset.loss_weight)):
        if not 0 <= number <= _MOST:
            raise UserError(f"subset {subset.name}: {what} is {number:g}", "give 0 or more, such as 1.5")
    if not 0 <= subset.validation_share < 1:
        raise UserError(
            f"subset {subset.name}: validation share is {subset.validation_share:g}",
            "give a share from 0 to below 1, such as 0.05",
        )
    if subset.validation_share and subset.is_reg:
        raise UserError(
            f"subset {subset.name}: regularisation images are not held out for validation",
            "set its validation share to 0, or let it be no regularisation",
        )
    if not abs(subset.validation_seed) < 1 << 63:
        raise UserError(f"subset {subset.name}: the validation seed is too large", "give one below 2^63")
    if visible(subset.rules.trigger) != subset.rules.trigger:
        trigger = visible(subset.rules.trigger)
        raise UserError(f"subset {subset.name}: the trigger is '{trigger}'", "give printable letters")
    for what, given, modes in (("crop", subset.crop, CROP_MODES), ("mask", subset.mask, MASK_MODES)):
        if given not in modes:
            raise UserError(f"subset {subset.name}: {what} is '{given}'", f"choose of {', '.join(modes)}")


class SubsetTable:
    """Subsets in the order they were made. Each change is an edit that can be undone."""

    def __init__(self, database: Database, edits: RecordEdits) -> None:
        self._database = database
        self._edits = edits

    def list(self) -> list[Subset]:
        with self._database.reading() as connection:
            return [_subset(record) for record in read_all(connection, "subset", "position, id")]

    def get(self, name: str) -> Subset | None:
        return next((subset for subset in self.list() if subset.name == name), None)

    def add(self, subset: Subset) -> None:
        """Add a subset at the end.

        Raises:
            UserError: the name is taken.
        """
        with self._database.writing(durable=True) as connection:
            _refuse_taken(connection, subset.name)
            self._save(subset.name, subset)

    def change(self, name: str, change: Callable[[Subset], Subset]) -> Subset:
        """Read the subset of that name, change it and keep it where it stands, while nobody else writes.

        Raises:
            UserError: there is none, or the new name is taken.
        """
        with self._database.writing(durable=True) as connection:
            known = {each.name: each for each in self.list()}
            if name not in known:
                raise UserError(f"there is no subset '{name}'", did_you_mean(name, known))
            changed = change(known[name])
            if changed.name != name:
                _refuse_taken(connection, changed.name)
            self._save(name, changed)
        return changed

    def save(self, subset: Subset) -> Subset | None:
        """Add a subset at the end, or put it in the place of the one of this name; gives that one."""
        with self._database.writing(durable=True):
            before = self.get(subset.name)
            self._save(subset.name, subset)
        return before

    def put_in_order(self, names: Sequence[str]) -> bool:
        """Let these subsets choose their images before all others, in this order; whether that changed anything."""
        with self._database.writing(durable=True), self._edits.grouped("order of subsets"):
            if [each.name for each in self.list()[: len(names)]] == list(names):
                return False
            for name in reversed(names):
                self.put_first(name)
            return True

    def put_first(self, name: str) -> None:
        """Let a subset choose its images before all others."""
        with self._database.writing(durable=True) as connection:
            key = key_of_name(connection, "subset", name)
            before = read(connection, "subset", key) if key else None
            if key and before:
                (first,) = connection.execute("SELECT min(position) - 1 FROM subset").fetchone()
                line = f"subset {visible(name)} put first"
                self._edits.change("subset", key, before, {**before, "position": first}, line)

    def remove(self, name: str) -> bool:
        """Whether there was one."""
        with self._database.writing(durable=True) as connection:
            key = key_of_name(connection, "subset", name)
            if key:
                self._edits.change("subset", key, read(connection, "subset", key), None)
        return key is not None

    def _save(self, name: str, subset: Subset) -> None:
        _check(subset)
        with self._database.writing(durable=True) as connection:
            key = key_of_name(connection, "subset", name)
            stored = read(connection, "subset", key) if key else None
            if key and stored:
                position = stored["position"]
                before = _record(_subset(stored), position)  # with the rules it did not know yet
            else:
                before = None
                key, position = _new_place(connection)
            self._edits.change("subset", key, before, _record(subset, position))


def _refuse_taken(connection: sqlite3.Connection, name: str) -> None:
    if key_of_name(connection, "subset", name):
        raise UserError(f"there is a subset '{name}'", "choose another name, or change that one")


def _new_place(connection: sqlite3.Connection) -> tuple[Key, int]:
    """A number that no subset had yet, and the place behind all that are there or were taken away."""
    query = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name='subset'"
    (key,) = connection.execute(query).fetchone()
    (last,) = connection.execute("SELECT coalesce(max(position), 0) FROM subset").fetchone()
    return key, max(last + 1, key)


def _subset(record: Record) -> Subset:
    from curator.contract.caption.captions import CaptionRules
    from curator.index.tables.rows import Subset

    values: dict[str, Any] = {name: value for name, value in record.items() if name != "position"}
    values |= {"flip": bool(record["flip"]), "is_reg": bool(record["is_reg"])}
    values["rules"] = CaptionRules(**record["rules"])
    return Subset(**values)


def _record(subset: Subset, position: int) -> Record:
    return {**asdict(subset), "position": position}


class SavedFilters:
    """Saved filters by name. Each change is an edit that can be undone."""

    def __init__(self, database: Database, edits: RecordEdits) -> None:
        self._database = database
        self._edits = edits

    def list(self) -> list[SavedFilter]:
        with self._database.reading() as connection:
            return saved_filters(connection)

    def get(self, name: str) -> SavedFilter | None:
        return next((each for each in self.list() if each.name == name), None)

    def save(self, saved: SavedFilter, *, replace: bool = True) -> bool:
        """Keep a filter; whether it was not kept so already.

        Raises:
            UserError: without `replace`, the name means another.
        """
        if not saved.name.strip():
            raise UserError("a saved filter needs a name", "give one")
        with self._database.writing(durable=True) as connection:
            before = read(connection, "saved_filter", saved.name)
            if before == {"filter": saved.filter}:
                return False
            if before and not replace:
                raise UserError(
                    f"the saved filter {saved.name} is '{before['filter']}'",
                    "give another name, or replace it with --replace",
                )
            self._edits.change("saved_filter", saved.name, before, {"filter": saved.filter})
        return True

    def remove(self, name: str) -> bool:
        """Whether there was one."""
        with self._database.writing(durable=True) as connection:
            before = read(connection, "saved_filter", name)
            self._edits.change("saved_filter", name, before, None)
        return before is not None


class Aliases:
    """Other words for tags, by which they are found (not under which they are kept)."""

    def __init__(self, database: Database, edits: RecordEdits) -> None:
        self._database = database
        self._edits = edits

    def all(self) -> dict[str, str]:
        """Tag names by alias."""
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT alias, tag FROM alias ORDER BY alias").fetchall())

    def tag_of(self, word: str) -> str | None:
        """The tag that a word is an alias of, however it is spelled."""
        key = folded(word)
        # SQLite knows the case of ASCII alone, and either of two signs for a space is any sign.
        signs = ("%" if not sign.isascii() else "_" if sign in " _%" else sign for sign in key)
        query = "SELECT alias, tag FROM alias WHERE alias LIKE ? ORDER BY alias"
        with self._database.reading() as connection:
            rows = connection.execute(query, ("".join(signs),)).fetchall()
        return next((tag for alias, tag in rows if folded(alias) == key), None)

    def generation(self) -> str:
        """Changes whenever any alias does."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT value FROM setting WHERE key=?", (ALIASES_CHANGE_COUNTER,)
            ).fetchone()
        return str(row[0]) if row else ""

    def put(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Keep (alias, tag) pairs, in place of what these aliases meant before: one edit that can be undone."""
        with self._edits.grouped(), self._database.reading() as connection:
            for alias, tag in pairs:
                self._edits.change("alias", alias, read(connection, "alias", alias), {"tag": tag})

    def remove(self, aliases: Iterable[str]) -> None:
        """Forget these aliases: one edit that can be undone."""
        with self._edits.grouped(), self._database.reading() as connection:
            for alias in aliases:
                self._edits.change("alias", alias, read(connection, "alias", alias), None)


class Quarantine:
    """Files that could not be used at the last scan that met them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def list(self) -> list[Quarantined]:
        return quarantined_files(self._connection)

    def count(self) -> int:
        return self._connection.execute("SELECT count(*) FROM quarantine").fetchone()[0]

    def put(self, entries: Iterable[tuple[str, str]]) -> None:
        """These cannot be used; of those known as such only the reason is new."""
        rows = [(to_blob(path), reason, time.time()) for path, reason in entries]
        self._connection.executemany(
            "INSERT INTO quarantine VALUES(?,?,?) ON CONFLICT(path) DO UPDATE SET reason=excluded.reason",
            rows,
        )

    def release(self, paths: Iterable[str]) -> None:
        """These files are fine now, or gone."""
        self._connection.executemany(
            "DELETE FROM quarantine WHERE path=?", [(to_blob(path),) for path in paths]
        )
