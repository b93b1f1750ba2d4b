"""The journal of edits: one row per commit, and undo that outlives the program.

Plain undo takes back the newest commit of an actor that stands, redo brings back the one this actor took back last; a
new edit of the actor ends redo. Any commit can be named instead. Either way the rows of others stay in force
(`revert.py`). Both are rows of the journal themselves, so another process that follows the journal by id sees
everything. Rows of other kinds say what scans did, for the same readers.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyroaring import BitMap

from curator.contract.errors import ExitCode, UserError
from curator.index.changes.changes import Change, ChangeSet, TagChange, TagMoved, touched
from curator.index.changes.commit import Commit, State
from curator.index.changes.packing import unpack
from curator.index.editing.apply import apply
from curator.index.editing.fold import fold_or_defer
from curator.index.editing.journal_table import REBUILT
from curator.index.undo.commit_rows import COMMIT_COLUMNS, EDIT, commit_of, count_commits, newest_commits

if TYPE_CHECKING:
    from curator.index.editing.store import Store
    from curator.index.undo.revert import RevertResult

_REACHES = """SELECT id FROM journal INDEXED BY idx_journal_images
    WHERE kind = 'edit' AND first_image <= ? AND last_image >= ?"""  # by the index alone: rows hold large changes
_SUMMARY_LINES = 3  # of a commit of several
# who commits for a person: one undo takes back the newest of any
_HUMAN_ACTORS = ("you", "scan", "import", "rules")


@dataclass
class _Group:
    """Changes of several edits that become one commit, and the summary of each."""

    changes: list[Change] = field(default_factory=list[Change])
    lines: list[str] = field(default_factory=list[str])


class Journal:
    """The commits of one index."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._group: _Group | None = None
        self._recorded: list[int] | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._store.connection

    def commit(self, change_set: ChangeSet, actor: str) -> Commit:
        """Make changes and remember them, with others inside `grouped`. Inside a write transaction.

        Nothing to do keeps nothing.
        """
        changes, what = change_set.changes, change_set.summary
        if not changes:
            return Commit(0, time.time(), actor, what, 0)
        apply(self._store, change_set)
        if self._group is None:
            return self._remember(changes, actor, what)
        if any(isinstance(change, TagChange | TagMoved) for change in changes):
            raise RuntimeError("tags that may wait for their rows are a commit of their own")
        self._group.changes += changes
        self._group.lines.append(what)
        return Commit(0, time.time(), actor, what, len(touched(changes) & self._store.alive()))

    @contextmanager
    def grouped(self, actor: str, what: str) -> Generator[None]:
        """Make one commit of those made inside, for what has no rows to wait for. Inside a write transaction."""
        if self._group is not None:
            yield  # part of what is one already
            return
        self._group = group = _Group()
        try:
            yield
        finally:
            self._group = None
        if group.changes:
            self._remember(group.changes, actor, summary(what, group.lines))

    @contextmanager
    def recorded(self) -> Generator[list[int]]:
        """The ids of the commits made inside, in order; those of other processes are not among them."""
        inside: list[int] = []
        before, self._recorded = self._recorded, inside
        try:
            yield inside
        finally:
            if before is not None:
                before += inside
            self._recorded = before

    def standing(self, commits: Iterable[int]) -> list[int]:
        """Those of these commits that are in the journal: not taken back with the transaction that made them."""
        query = "SELECT EXISTS(SELECT 1 FROM journal WHERE id=?)"
        return [commit for commit in commits if self._connection.execute(query, (commit,)).fetchone()[0]]

    def undo(self, actor: str) -> Commit | None:
        """Undo the newest standing commit of an actor."""
        number = self.newest_standing(actor)
        return None if number is None else self.undo_commit(number, actor)

    def newest_standing(self, actor: str) -> int | None:
        """The commit of an actor that `undo` takes back."""
        query = "SELECT max(id) FROM journal WHERE kind='edit' AND actor=? AND state=?"
        newest = [
            self._connection.execute(query, (name, State.STANDS)).fetchone()[0] for name in _undo_group(actor)
        ]
        return max((found for found in newest if found), default=None)

    def redo(self, actor: str) -> Commit | None:
        """Redo the commit that an actor undid last."""
        undone = self.undone_by(actor)
        return self.redo_commit(undone[-1], actor) if undone else None

    def undo_commit(self, number: int, actor: str) -> Commit:
        """Undo one commit, wherever it is in the history; later ones stay in force.

        Raises:
            UserError: there is no such commit, or it is undone.
        """
        state, stayed = self._state_of(number)
        if state != State.STANDS and not stayed:
            raise UserError(
                f"change {number} is taken back already", "`frieze history` shows what stands", ExitCode.NO
            )
        return self._revert("undo", number, actor, State.UNDONE)

    def redo_commit(self, number: int, actor: str) -> Commit:
        """Redo one commit that is undone, except what later ones changed.

        Raises:
            UserError: there is no such commit, or it stands.
        """
        state, stayed = self._state_of(number)
        if state == State.STANDS and not stayed:
            raise UserError(
                f"change {number} is not taken back", "`frieze history` shows what is", ExitCode.NO
            )
        return self._revert("redo", number, actor, State.STANDS)

    def history(self, limit: int) -> list[Commit]:
        """The newest edits first, undone ones too."""
        return newest_commits(self._connection, limit)

    def count(self) -> int:
        """How many edits there are, undone ones too."""
        return count_commits(self._connection)

    def between(self, first: int, last: int) -> list[Commit]:
        """The edits numbered from `first` to `last`, the newest first, undone ones too."""
        query = f"SELECT {COMMIT_COLUMNS} FROM journal WHERE kind=? AND id BETWEEN ? AND ? ORDER BY id DESC"
        return [commit_of(row) for row in self._connection.execute(query, (EDIT, first, last))]

    def of_image(self, image: int, limit: int) -> list[Commit]:
        """The newest edits that changed one image; 0 is all."""
        perhaps = self._connection.execute(_REACHES, (image, image)).fetchall()
        found: list[Commit] = []
        for (number,) in sorted(perhaps, reverse=True):
            if limit and len(found) == limit:
                break
            query = f"SELECT {COMMIT_COLUMNS}, changes FROM journal WHERE id=?"
            *row, changes = self._connection.execute(query, (number,)).fetchone()
            if image in touched(unpack(changes)):
                found.append(commit_of((row[0], row[1], row[2], row[3], row[4], row[5], row[6])))
        return found

    def last_id(self) -> int:
        """The number of the newest row: what a freeze was made from."""
        return int(self._connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0])

    def images_changed_since(self, number: int, but: Collection[int] = ()) -> BitMap:
        """Images that rows newer than `number` concern, those of the rows `but` left out."""
        rows = self._connection.execute("SELECT id, changes FROM journal WHERE id>?", (number,))
        return BitMap().union(*(touched(unpack(changes)) for row, changes in rows if row not in but))

    def images_of(self, number: int) -> BitMap:
        """Images that one row concerns."""
        row = self._connection.execute("SELECT changes FROM journal WHERE id=?", (number,)).fetchone()
        return touched(unpack(row[0])) if row else BitMap()

    def count_since(self, number: int) -> int:
        """How many changes tell the collection from what it was after row `number`.

        These are edits made since that stand, older ones turned since, and scans that found something.
        """
        query = """SELECT count(*) FROM journal WHERE
            (id > :number AND (kind = 'edit' AND state = :stands OR kind IN ('import', 'files')))
            OR (id <= :number AND kind = 'edit' AND latest > :number)"""
        (count,) = self._connection.execute(query, {"number": number, "stands": State.STANDS}).fetchone()
        return int(count)

    def last_file_change(self) -> int:
        """The number of the newest row that says images came, went, moved or changed."""
        query = "SELECT coalesce(max(id), 0) FROM journal WHERE kind=?"
        kinds = ("import", "files", REBUILT)
        return max(int(self._connection.execute(query, (kind,)).fetchone()[0]) for kind in kinds)

    def undone_by(self, actor: str) -> list[int]:
        """Commits undone by an actor that may be redone, in the order of undoing."""
        names = _undo_group(actor)
        query = f"""SELECT j.id FROM journal j JOIN journal last ON last.id = j.latest
            WHERE j.state=? AND j.kind=? AND last.actor IN ({",".join("?" * len(names))}) ORDER BY j.latest"""
        return [row[0] for row in self._connection.execute(query, (State.UNDONE, EDIT, *names))]

    def _state_of(self, number: int) -> tuple[int, int]:
        """The state of a commit, and how much its last undo or redo skipped."""
        query = f"SELECT {COMMIT_COLUMNS} FROM journal WHERE id=? AND kind=?"
        row = self._connection.execute(query, (number, EDIT)).fetchone()
        if row is None:
            raise UserError(f"there is no change {number}", "`frieze history` lists them")
        return row[5], row[6]

    def _revert(self, kind: str, number: int, actor: str, state: State) -> Commit:
        """Make the inverse of what was last done for a commit, and remember that."""
        from curator.index.undo.revert import revert

        what = self._connection.execute("SELECT what FROM journal WHERE id=?", (number,)).fetchone()[0]
        result = revert(self._store, number, undo=kind == "undo")
        commit = self._append(kind, actor, what, result, number)
        commit = commit._replace(skipped_values=tuple(result.skipped.values))
        self._store.journal.set_reverted(number, state, commit.id)
        return commit

    def _remember(self, changes: Sequence[Change], actor: str, what: str) -> Commit:
        from curator.index.undo.revert import RevertResult

        if undone := self.undone_by(actor):
            self._store.journal.leave_behind(undone)
        return self._append(EDIT, actor, what, RevertResult(list(changes)))

    def _append(self, kind: str, actor: str, what: str, result: RevertResult, target: int = 0) -> Commit:
        store = self._store
        images = touched(result.done)
        changed, skipped = len(images & store.alive()), len(result.skipped)
        first, last = (images.min(), images.max()) if images else (0, 0)
        number, at = store.journal.append(
            kind,
            actor,
            what,
            result.done,
            images_changed=changed,
            target=target,
            stayed=skipped,
            first_image=first,
            last_image=last,
        )
        fold_or_defer(store, number, result.done, result.cancelled)
        if self._recorded is not None:
            self._recorded.append(number)
        return Commit(number, at, actor, what, changed, skipped=skipped)


def _undo_group(actor: str) -> tuple[str, ...]:
    """Actors whose commits one undo takes back."""
    return _HUMAN_ACTORS if actor in _HUMAN_ACTORS else (actor,)


def summary(what: str, lines: Sequence[str]) -> str:
    """One line about a commit of several: what it is called, and the first of its lines."""
    more = f"; {len(lines) - _SUMMARY_LINES} more" if len(lines) > _SUMMARY_LINES else ""
    return f"{what}: {'; '.join(lines[:_SUMMARY_LINES])}{more}".removeprefix(": ")
