"""Edits of a record of a small table: as a commit of its own, or as part of a larger one."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from curator.index.changes.changes import ChangeSet, RecordChanged
from curator.index.changes.record_summary import described_change
from curator.index.changes.records import Key, packed

if TYPE_CHECKING:
    from curator.index.changes.edits import Commit
    from curator.index.changes.record_paths import Record
    from curator.index.file.database import Database
    from curator.index.undo.journal import Journal

_BY = "you"


class RecordEdits:
    """Edits of records, each remembered by the journal."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    @contextmanager
    def grouped(self, what: str = "", actor: str = _BY) -> Generator[None]:
        """Make the commits made inside one: all or none. Other writers wait meanwhile."""
        with self._database.writing(durable=True), self._journal.grouped(actor, what):
            yield

    def change(
        self, table: str, key: Key, before: Record | None, after: Record | None, what: str = ""
    ) -> Commit:
        """Put one record in the place of another (None: there is none). `before` was read in the same transaction.

        `what` is the line of the history, where what differs does not say it.
        """
        before, after = _as_json(before), _as_json(after)
        with self._database.writing(durable=True):
            change = RecordChanged(table, key, packed(before), packed(after))
            summary = what or described_change(table, key, before, after)
            return self._journal.commit(ChangeSet(summary, () if before == after else (change,)), _BY)


def _as_json(record: Record | None) -> Record | None:
    """As it will be read again: tuples are lists."""
    return json.loads(json.dumps(record))
