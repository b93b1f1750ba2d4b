"""The journal of edits: one row per commit, and undo that outlives the program.

Plain undo takes back the newest commit of an actor that stands, redo brings back the one this actor took back last; a
new edit of the actor ends redo. Any commit can be named instead. Either way the rows of others stay in force
(`turn.py`). Both are rows of the journal themselves, so another process that follows the journal by id sees
everything. Rows of other kinds say what scans did, for the same readers.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import IntEnum

from curator.contract.errors import UserError
from curator.index.changes.changes import Change, TagChange, TagMoved, touched
from curator.index.changes.edits import Commit
from curator.index.changes.packing import unpack
from curator.index.editing.fold import AT_ONCE, fold_images
from curator.index.editing.perform import perform
from curator.index.editing.store import REBUILT, Store
from curator.index.undo.revert import Turned, turn

_EDIT = "edit"
_COMMIT = """id, at, actor, what, images_changed, state,
    coalesce((SELECT last.stayed FROM journal last WHERE last.id = journal.latest), 0)"""
_REACHES = """SELECT id FROM journal INDEXED BY idx_journal_images
    WHERE kind = 'edit' AND first_image <= ? AND last_image >= ?"""  # by the index alone: rows hold large changes
_MOST_LINES = 3  # of a commit of several
_BY_PEOPLE = ("you", "scan", "import", "rules")  # commits of commands a person gave, taken back as one line


class State(IntEnum):
    """What became of a commit."""

    STANDS = 0
    UNDONE = 1  # and may be done again
    LEFT_BEHIND = 2  # undone, then its actor did something else


@dataclass
class _Joined:
    """What several edits did that shall be one commit, and their lines."""

    changes: list[Change] = field(default_factory=list[Change])
    lines: list[str] = field(default_factory=list[str])


class Journal:
    """The commits of one index."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._joined: _Joined | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._store.connection

    def commit(self, changes: Sequence[Change], actor: str, what: str) -> Commit:
        """Perform changes and remember them, with others inside `as_one`. Inside a write transaction.

        Nothing to do keeps nothing.
        """
        if not changes:
            return Commit(0, time.time(), actor, what, 0)
        for change in changes:
            perform(self._store, change)
        if self._joined is None:
            return self._remember(changes, actor, what)
        if any(isinstance(change, TagChange | TagMoved) for change in changes):
            raise RuntimeError("tags that may wait for their rows are a commit of their own")
        self._joined.changes += changes
        self._joined.lines.append(what)
        return Commit(0, time.time(), actor, what, len(touched(changes) & self._store.alive()))

    @contextmanager
    def as_one(self, actor: str, what: str) -> Generator[None]:
        """Make one commit of those made inside, for what has no rows to wait for. Inside a write transaction."""
        if self._joined is not None:
            yield  # part of what is one already
            return
        self._joined = joined = _Joined()
        try:
            yield
        finally:
            self._joined = None
        if joined.changes:
            self._remember(joined.changes, actor, _line_of(what, joined.lines))

    def undo(self, actor: str) -> Commit | None:
        """Take the newest standing commit of an actor back."""
        query = "SELECT max(id) FROM journal WHERE kind='edit' AND actor=? AND state=?"
        newest = [
            self._connection.execute(query, (name, State.STANDS)).fetchone()[0] for name in _line(actor)
        ]
        number = max((found for found in newest if found), default=None)
        return None if number is None else self.take_back(number, actor)

    def redo(self, actor: str) -> Commit | None:
        """Do the commit again that an actor took back last."""
        undone = self._undone_by(actor)
        return self.bring_back(undone[-1], actor) if undone else None

    def take_back(self, number: int, actor: str) -> Commit:
        """Take one commit back, wherever it is in the history; later ones stay in force.

        Raises:
            UserError: there is no such commit, or it is taken back.
        """
        state, stayed = self._state_of(number)
        if state != State.STANDS and not stayed:
            raise UserError(f"change {number} is taken back already", "`frieze history` shows what stands")
        return self._turned("undo", number, actor, State.UNDONE)

    def bring_back(self, number: int, actor: str) -> Commit:
        """Make one commit again that is taken back, as far as later ones have not changed the same.

        Raises:
            UserError: there is no such commit, or it stands.
        """
        state, stayed = self._state_of(number)
        if state == State.STANDS and not stayed:
            raise UserError(f"change {number} is not taken back", "`frieze history` shows what is")
        return self._turned("redo", number, actor, State.STANDS)

    def history(self, limit: int) -> list[Commit]:
        """The newest edits first, undone ones too."""
        query = f"SELECT {_COMMIT} FROM journal WHERE kind=? ORDER BY id DESC LIMIT ?"
        return [_commit(row) for row in self._connection.execute(query, (_EDIT, limit))]

    def of_image(self, image: int, limit: int) -> list[Commit]:
        """The newest edits that changed one image."""
        perhaps = self._connection.execute(_REACHES, (image, image)).fetchall()
        found: list[Commit] = []
        for (number,) in sorted(perhaps, reverse=True):
            if len(found) == limit:
                break
            query = f"SELECT {_COMMIT}, changes FROM journal WHERE id=?"
            *row, changes = self._connection.execute(query, (number,)).fetchone()
            if image in touched(unpack(changes)):
                found.append(_commit((row[0], row[1], row[2], row[3], row[4], row[5], row[6])))
        return found

    def last_id(self) -> int:
        """The number of the newest row: what a freeze was made from."""
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0])

    def last_file_change(self) -> int:
        """The number of the newest row that says images came, went, moved or changed."""
        query = "SELECT coalesce(max(id), 0) FROM journal WHERE kind=?"
        kinds = ("import", "files", REBUILT)
        return max(int(self._connection.execute(query, (kind,)).fetchone()[0]) for kind in kinds)

    def _undone_by(self, actor: str) -> list[int]:
        """Commits taken back by an actor that may be done again, in the order they were taken back."""
        names = _line(actor)
        query = f"""SELECT j.id FROM journal j JOIN journal last ON last.id = j.latest
            WHERE j.state=? AND j.kind=? AND last.actor IN ({",".join("?" * len(names))}) ORDER BY j.latest"""
        return [row[0] for row in self._connection.execute(query, (State.UNDONE, _EDIT, *names))]

    def _state_of(self, number: int) -> tuple[int, int]:
        """The state of a commit, and how many images stayed as they were when it was last turned."""
        query = f"SELECT {_COMMIT} FROM journal WHERE id=? AND kind=?"
        row = self._connection.execute(query, (number, _EDIT)).fetchone()
        if row is None:
            raise UserError(f"there is no change {number}", "`frieze history` lists them")
        return row[5], row[6]

    def _turned(self, kind: str, number: int, actor: str, state: State) -> Commit:
        """Perform the inverse of what was last done for a commit, and remember that."""
        what = self._connection.execute("SELECT what FROM journal WHERE id=?", (number,)).fetchone()[0]
        turned = turn(self._store, number, back=kind == "undo")
        commit = replace(self._append(kind, actor, what, turned, number), left=tuple(turned.stayed.values))
        self._connection.execute(
            "UPDATE journal SET state=?, latest=? WHERE id=?", (state, commit.id, number)
        )
        return commit

    def _remember(self, changes: Sequence[Change], actor: str, what: str) -> Commit:
        for number in self._undone_by(actor):
            self._connection.execute("UPDATE journal SET state=? WHERE id=?", (State.LEFT_BEHIND, number))
        return self._append(_EDIT, actor, what, Turned(list(changes)))

    def _append(self, kind: str, actor: str, what: str, turned: Turned, target: int = 0) -> Commit:
        store = self._store
        images = touched(turned.done)
        changed, stayed = len(images & store.alive()), len(turned.stayed)
        first, last = (images.min(), images.max()) if images else (0, 0)
        number, at = store.record(
            kind,
            actor,
            what,
            turned.done,
            images_changed=changed,
            target=target,
            stayed=stayed,
            first_image=first,
            last_image=last,
        )
        left = store.pending.defer(number, turned.done, turned.cancelled)
        if len(left) <= AT_ONCE:
            fold_images(store, left)
        else:
            store.pending.keep(number)
        return Commit(number, at, actor, what, changed, stayed=stayed)


def _line(actor: str) -> tuple[str, ...]:
    """Actors whose commits one undo takes back."""
    return _BY_PEOPLE if actor in _BY_PEOPLE else (actor,)


def _line_of(what: str, lines: Sequence[str]) -> str:
    more = f"; {len(lines) - _MOST_LINES} more" if len(lines) > _MOST_LINES else ""
    return f"{what}: {'; '.join(lines[:_MOST_LINES])}{more}".removeprefix(": ")


def _commit(row: tuple[int, float, str, str, int, int, int]) -> Commit:
    number, at, actor, what, changed, state, stayed = row
    return Commit(number, at, actor, what, changed, state != State.STANDS, stayed)
