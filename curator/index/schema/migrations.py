"""The tables of the index, as numbered steps that only go forward."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from curator.arrays import np
from curator.contract.errors import UserError
from curator.index.changes.changes import Renamed, touched
from curator.index.changes.packing import unpack
from curator.index.schema.version import format_of
from curator.index.schema.views import VIEWS
from curator.index.sets.columns import PART_BITS, Columns
from curator.index.sets.write_buffer import WriteBuffer
from curator.index.tags.tag_names import folded

if TYPE_CHECKING:
    import sqlite_utils

    from curator.index.file.database import Database


def migrate(database: Database) -> None:
    """Bring an older index up to this program; an index of a newer program is refused untouched."""
    with database.reading() as connection:
        version = format_of(connection)
    if version > len(STEPS):
        raise UserError(
            f"{database.path} was made by a newer frieze (format {version}, this one knows {len(STEPS)})",
            "update frieze to open it",
        )
    if version < len(STEPS):
        _step_up(database)


def _step_up(database: Database) -> None:
    import sqlite_utils  # 0.1 s to import, and needed only when the schema changes

    with database.writing(durable=True) as connection:
        for number in range(format_of(connection), len(STEPS)):
            STEPS[number](sqlite_utils.Database(connection))
            connection.execute(f"PRAGMA user_version={number + 1}")


def _first_tables(db: sqlite_utils.Database) -> None:
    """Paths are BLOBs: the bytes the file system gave, which need not be UTF-8 (see `paths.py`)."""
    db.table("root").create({"id": int, "path": bytes}, pk="id", not_null={"path"})
    db.table("root").create_index(["path"], unique=True)
    image = {
        "id": int, "root": int, "path": bytes, "sha256": bytes, "content_key": int, "file_bytes": int,
        "width": int, "height": int, "mtime_ns": int, "format": int,
    }  # fmt: skip
    db.table("image").create(image, pk="id", not_null=set(image))
    db.table("image").create_index(["root", "path"], unique=True)
    db.table("image").create_index(["content_key"])
    db.table("image_text").create(
        {"id": int, "tags": bytes, "caption": str}, pk="id", not_null={"tags", "caption"}
    )
    tag = {"id": int, "name": str, "class": str, "count": int}
    db.table("tag").create(tag, pk="id", not_null=set(tag))
    db.table("tag").create_index(["name"], unique=True)
    db.table("bitmap").create({"key": int, "data": bytes}, pk="key", not_null={"data"})
    db.table("column_part").create({"key": int, "data": bytes}, pk="key", not_null={"data"})
    journal = {
        "id": int, "at": float, "actor": str, "kind": str, "what": str, "images_changed": int, "state": int,
        "target": int, "changes": bytes,
    }  # fmt: skip
    db.table("journal").create(journal, pk="id", not_null=set(journal))
    db.table("journal").create_index(["state", "id"])
    db.table("setting").create({"key": str, "value": str}, pk="key", not_null={"value"})
    subset = {
        "name": str, "position": int, "filter": str, "repeats": float, "loss_weight": float, "flip": int, "rules": str,
    }  # fmt: skip
    db.table("subset").create(subset, pk="name", not_null=set(subset))
    sidecar = {
        "image": int, "suffix": str, "mtime_ns": int, "file_bytes": int, "file_digest": bytes, "text_digest": bytes,
    }  # fmt: skip
    db.table("sidecar").create(sidecar, pk=("image", "suffix"), not_null=set(sidecar))
    quarantine = {"path": bytes, "reason": str, "at": float}
    db.table("quarantine").create(quarantine, pk="path", not_null=set(quarantine))


def _posts_picks_and_rule_tags(db: sqlite_utils.Database) -> None:
    """Facts about posts (`metadata.py`), saved picks (`picks.py`), which tags rules have put (`rule_tags.py`)."""
    db.table("pick").create(
        {"name": str, "images": bytes, "about": str}, pk="name", not_null={"images", "about"}
    )
    db.table("metadata_part").create({"key": int, "data": bytes}, pk="key", not_null={"data"})
    rule_tag = {"kind": str, "tag": int, "images": bytes}
    db.table("rule_tag").create(rule_tag, pk=("kind", "tag"), not_null=set(rule_tag))


def _waiting_edits_and_lookups(db: sqlite_utils.Database) -> None:
    """Edits that wait, late changes of bitmaps, tags by folded name, aliases, saved filters; contents as a column."""
    db.table("pending").create({"journal": int, "done": bytes}, pk="journal", not_null={"done"})
    db.table("bitmap_change").create({"number": int, "data": bytes}, pk="number", not_null={"data"})
    place = {"journal": int, "change": int, "first": int, "images": bytes, "places": bytes}
    db.table("fold_place").create(place, pk=("journal", "change", "first"), not_null=set(place))
    db.execute("ALTER TABLE journal ADD COLUMN latest INTEGER NOT NULL DEFAULT 0")
    db.execute(
        "UPDATE journal SET latest=coalesce((SELECT max(id) FROM journal j WHERE j.target=journal.id), 0)"
    )
    db.table("journal").create_index(["kind", "id"])
    db.execute("ALTER TABLE tag ADD COLUMN folded TEXT NOT NULL DEFAULT ''")
    db.conn.create_function("frieze_folded", 1, folded)
    db.execute("UPDATE tag SET folded=frieze_folded(name)")
    db.table("tag").create_index(["folded"])
    db.table("tag").create_index(["class", "id"])
    db.table("alias").create({"alias": str, "tag": str}, pk="alias", not_null={"tag"})
    db.table("saved_filter").create({"name": str, "filter": str}, pk="name", not_null={"filter"})
    _contents_as_column(db.conn)
    db.execute("DROP INDEX IF EXISTS idx_image_content_key")
    db.execute("ALTER TABLE image DROP COLUMN content_key")
    for view in VIEWS:
        db.execute(view)


def _contents_as_column(connection: sqlite3.Connection) -> None:
    """An index over random numbers cost gigabytes of log in a large import; a column of them is scanned in no time."""
    columns = Columns(connection, WriteBuffer(connection), tuple)
    rows = connection.execute("SELECT id, sha256 FROM image ORDER BY id")
    while piece := rows.fetchmany(1 << PART_BITS):
        keys = np.array([int.from_bytes(row[1][:8], "big") for row in piece], np.uint64)
        columns.write("content", np.array([row[0] for row in piece], np.int64), keys)


def _fingerprints(db: sqlite_utils.Database) -> None:
    """How images look, by content (`fingerprints.py`)."""
    db.table("fingerprint").create({"content": bytes, "value": int}, pk="content")


def _subset_options(db: sqlite_utils.Database) -> None:
    """Regularisation, crop and mask of a subset (`small_tables.py`)."""
    db.execute("ALTER TABLE subset ADD COLUMN is_reg INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE subset ADD COLUMN crop TEXT NOT NULL DEFAULT 'center'")
    db.execute("ALTER TABLE subset ADD COLUMN mask TEXT NOT NULL DEFAULT 'none'")


def _scores(db: sqlite_utils.Database) -> None:
    """What models think of images (`scores.py`)."""
    score = {"name": str, "part": int, "data": bytes}
    db.table("score_part").create(score, pk=("name", "part"), not_null=set(score))


def _folders(db: sqlite_utils.Database) -> None:
    """Folders as last listed (`folders.py`)."""
    folder = {"path": bytes, "mtime_ns": int, "images": int, "inside": bytes, "linked": bytes}
    db.table("folder").create(folder, pk="path", not_null=set(folder))


def _undo_of_any_commit(db: sqlite_utils.Database) -> None:
    """What is looked for when one commit is undone while others stand (`later_rows.py`)."""
    db.execute("ALTER TABLE journal ADD COLUMN stayed INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE journal ADD COLUMN renames INTEGER NOT NULL DEFAULT 0")
    rows = db.conn.execute("SELECT id, changes FROM journal WHERE kind IN ('edit', 'undo', 'redo')")
    renames = [(number,) for number, data in rows if any(isinstance(each, Renamed) for each in unpack(data))]
    db.conn.executemany("UPDATE journal SET renames=1 WHERE id=?", renames)
    db.execute("CREATE INDEX idx_journal_target ON journal(target) WHERE target > 0")
    db.execute("CREATE INDEX idx_journal_actor ON journal(actor, state, id) WHERE kind = 'edit'")


def _late_changes(db: sqlite_utils.Database) -> None:
    """The write buffer of small commits; ids are never given twice, so that readers know what is new."""
    db.execute("CREATE TABLE late (id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL)")
    db.execute(
        """CREATE TABLE late_settled (kind INTEGER NOT NULL, key INTEGER NOT NULL, upto INTEGER NOT NULL,
            PRIMARY KEY (kind, key)) WITHOUT ROWID"""
    )


def _edits_of_records(db: sqlite_utils.Database) -> None:
    """Journal rows with edits of small tables (`records.py`), which an older program cannot read.

    A subset is known by a number that is never given again, so that what its name was does not matter to undo.
    """
    values = "name, position, filter, repeats, loss_weight, flip, rules, is_reg, crop, mask"
    db.execute("ALTER TABLE subset RENAME TO old_subset")
    db.execute(
        """CREATE TABLE subset (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
            position INTEGER NOT NULL, filter TEXT NOT NULL, repeats REAL NOT NULL, loss_weight REAL NOT NULL,
            flip INTEGER NOT NULL, rules TEXT NOT NULL, is_reg INTEGER NOT NULL DEFAULT 0,
            crop TEXT NOT NULL DEFAULT 'center', mask TEXT NOT NULL DEFAULT 'none')"""
    )
    db.execute(f"INSERT INTO subset({values}) SELECT {values} FROM old_subset ORDER BY position, name")
    db.execute("DROP TABLE old_subset")


def _spans_of_edits(db: sqlite_utils.Database) -> None:
    """From which image to which an edit reaches: the history of one is looked for among few (`journal.py`)."""
    db.execute("ALTER TABLE journal ADD COLUMN first_image INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE journal ADD COLUMN last_image INTEGER NOT NULL DEFAULT 0")
    rows = db.conn.execute("SELECT id, changes FROM journal WHERE kind = 'edit'")
    touches = ((number, touched(unpack(data))) for number, data in rows)
    spans = [(images.min(), images.max(), number) for number, images in touches if images]
    db.conn.executemany("UPDATE journal SET first_image=?, last_image=? WHERE id=?", spans)
    db.execute("CREATE INDEX idx_journal_images ON journal(first_image, last_image) WHERE kind = 'edit'")


def _keys_of_tags(db: sqlite_utils.Database) -> None:
    """Keys of tags by today's rule (`tag_names.py`); what seemed flat, as deep greys did, is looked at again."""
    rows = db.conn.execute("SELECT id, name, folded FROM tag").fetchall()
    changed = [(folded(name), number) for number, name, key in rows if folded(name) != key]
    db.conn.executemany("UPDATE tag SET folded=? WHERE id=?", changed)
    db.execute("DELETE FROM fingerprint WHERE value IS NULL")


def _validation_share(db: sqlite_utils.Database) -> None:
    """What a subset holds out for validation (`small_tables.py`)."""
    db.execute("ALTER TABLE subset ADD COLUMN validation_share REAL NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE subset ADD COLUMN validation_seed INTEGER NOT NULL DEFAULT 0")


STEPS: tuple[Callable[[sqlite_utils.Database], None], ...] = (
    _first_tables,
    _posts_picks_and_rule_tags,
    _waiting_edits_and_lookups,
    _fingerprints,
    _subset_options,
    _scores,
    _folders,
    _undo_of_any_commit,
    _late_changes,
    _edits_of_records,
    _spans_of_edits,
    _keys_of_tags,
    _validation_share,
)
